using TorchSharp;
using Ulrl.Training;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Onnx.Proto;
using Tensor = TorchSharp.torch.Tensor;

namespace Ulrl.TorchSharp.Engine;

/// <summary>What an operator sees of its node: inputs, attributes and where to compute.</summary>
/// <param name="node">The node, in the syntax of opset 18 or later.</param>
/// <param name="inputs">Its inputs; null for an optional one that is absent.</param>
/// <param name="opset">Opset of the model.</param>
/// <param name="device">Where floating-point tensors live; shapes and other small integers stay on the CPU.</param>
/// <param name="random">Source of dropout masks.</param>
internal sealed class OperatorContext(NodeProto node, Tensor?[] inputs, long opset, torch.Device device, torch.Generator? random)
{
    private readonly bool moves = device.type != DeviceType.CPU && inputs.Any(i => i is not null && i.device_type != DeviceType.CPU);

    public NodeProto Node => node;

    /// <summary>Opset of the model.</summary>
    public long Opset => opset;

    public torch.Device Device => device;

    public int Inputs => inputs.Length;

    public int Outputs => node.Output.Count;

    /// <summary>The input at a position; on the device where any other input is.</summary>
    public Tensor this[int input]
    {
        get
        {
            var tensor = Given(input);
            return moves && tensor.device_type == DeviceType.CPU ? tensor.to(device) : tensor;
        }
    }

    /// <summary>Source of dropout masks.</summary>
    public torch.Generator Random => random ?? throw new InvalidOperationException("No seed was given.");

    /// <summary>All inputs.</summary>
    public Tensor[] All => [.. Enumerable.Range(0, inputs.Length).Select(i => this[i])];

    public bool Has(int input) => input < inputs.Length && inputs[input] is not null;

    /// <summary>The input at a position, or null where the node has none there.</summary>
    public Tensor? Optional(int input) => Has(input) ? this[input] : null;

    /// <summary>The numbers in an integer input that steers the operator.</summary>
    public long[] Integers(int input) => Given(input).to(torch.ScalarType.Int64).cpu().data<long>().ToArray();

    /// <summary>The numbers in a floating-point input that steers the operator.</summary>
    public double[] Numbers(int input) => Given(input).detach().to(torch.ScalarType.Float64).cpu().data<double>().ToArray();

    public long Int(string name, long otherwise) => node.Int(name, otherwise);

    public float Float(string name, float otherwise) => node.Float(name, otherwise);

    public string Text(string name, string otherwise) => node.Text(name, otherwise);

    public long[]? Ints(string name) => node.Ints(name);

    /// <summary>The attribute <c>axis</c> counted from the front.</summary>
    public int Axis(long otherwise) => GradientContext.Normalize(Int("axis", otherwise), Rank(0));

    public int Rank(int input) => (int)this[input].dim();

    /// <summary>Spatial sizes of a tensor [batch, channels, …].</summary>
    public static long[] Spatial(Tensor tensor) => tensor.shape[2..];

    private Tensor Given(int input) => inputs[input] ?? throw new InvalidModelException($"its input {input} is missing");
}
