namespace ScoringApp;

internal sealed class ImagePrediction
{
    public string PredictedClass { get; set; } = "";

    public float[] Score { get; set; } = [];
}
