namespace Ulrl.Training.Evaluation;

/// <summary>How well one class is recognised.</summary>
/// <param name="Class">The class.</param>
/// <param name="Count">Samples of the class.</param>
/// <param name="Correct">Those of them that are classified right.</param>
public sealed record ClassResult(int Class, int Count, int Correct)
{
    /// <summary>Share of the class's samples that are classified right, 0 to 1; NaN where the class has no samples.</summary>
    public double Accuracy => Count == 0 ? double.NaN : (double)Correct / Count;
}
