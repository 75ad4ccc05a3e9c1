namespace Ulrl.Training.Autodiff;

/// <summary>A tensor that a step reads as an input and writes as an output.</summary>
/// <param name="Input">Name of the graph input; for parameters and statistics that of the initializer.</param>
/// <param name="Output">Name of the graph output with the value after the step.</param>
/// <param name="Dims">Its shape.</param>
/// <param name="Kind">What it holds.</param>
internal sealed record StateTensor(string Input, string Output, long[] Dims, StateKind Kind)
{
    public int Count => checked((int)Dims.Aggregate(1L, (a, b) => checked(a * b)));
}
