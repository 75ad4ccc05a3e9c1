using Ulrl.Training.Autodiff;
using DataType = Ulrl.Training.Onnx.Proto.TensorProto.Types.DataType;

namespace Ulrl.Training.Torch;

/// <summary>A tensor of a network that is being written as an ONNX graph.</summary>
/// <param name="Value">Its name in the graph.</param>
/// <param name="Type">Its element type.</param>
/// <param name="Dims">Its dimensions: fixed, or growing with the batch.</param>
internal readonly record struct TorchTensor(Value Value, DataType Type, params Dim[] Dims)
{
    public int Rank => Dims.Length;

    /// <summary>The axis that <paramref name="dim"/> names, counted from the end where negative, as PyTorch does.</summary>
    public int Axis(long dim) => (int)(dim < 0 ? dim + Rank : dim);

    public TorchTensor With(Value value) => this with { Value = value };

    public override string ToString() => $"[{string.Join(", ", Dims)}]";
}
