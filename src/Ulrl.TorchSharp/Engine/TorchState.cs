using TorchSharp;
using TorchSharp.Modules;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Onnx;
using Ulrl.Training.Runtime;
using Tensor = TorchSharp.torch.Tensor;

namespace Ulrl.TorchSharp.Engine;

/// <summary>The tensors that training changes: parameters, which have gradients, and the running statistics of batch-norm.</summary>
internal sealed class TorchState : IDisposable
{
    private readonly ForwardGraph forward;
    private readonly Dictionary<string, Parameter> parameters = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Tensor> statistics = new(StringComparer.Ordinal);

    public TorchState(TrainingSetup setup, torch.Device device)
    {
        forward = setup.Forward;
        var trained = GradientPath.Check(forward.Graph, forward.Logits, forward.Trainable, _ => forward.ModelOpset).Where(setup.Options.Trains);
        foreach (var name in trained) parameters[name] = new Parameter(Empty(name, device).DetachFromDisposeScope());
        if (setup.Options.Mode == NetworkMode.Train)
        {
            var names = forward.Graph.Node.Where(n => n.OpType == "BatchNormalization" && n.IsStandard()).SelectMany(n => n.Input.Skip(3).Take(2));
            foreach (var name in names) statistics[name] = Empty(name, device).DetachFromDisposeScope();
        }

        Load(null);
    }

    /// <summary>Parameters by initializer name.</summary>
    public IReadOnlyDictionary<string, Parameter> Parameters => parameters;

    /// <summary>Parameters and statistics by initializer name.</summary>
    public IEnumerable<KeyValuePair<string, Tensor>> All => parameters.Select(p => new KeyValuePair<string, Tensor>(p.Key, p.Value)).Concat(statistics);

    /// <summary>Sets every tensor to the model's values.</summary>
    /// <param name="replaced">Values of initializers that start from others; null for none.</param>
    public void Load(IReadOnlyDictionary<string, float[]>? replaced)
    {
        using var scope = torch.NewDisposeScope();
        using var gradients = torch.no_grad();
        foreach (var (name, tensor) in All)
        {
            var values = replaced?.GetValueOrDefault(name) ?? TensorData.ReadFloats(forward.Initializers[name]);
            tensor.copy_(torch.tensor(values, tensor.shape));
        }
    }

    /// <summary>Adds a multiple of a direction to the parameters that it names.</summary>
    public void Shift(IReadOnlyDictionary<string, float[]> direction, float factor)
    {
        using var scope = torch.NewDisposeScope();
        using var gradients = torch.no_grad();
        foreach (var (name, parameter) in parameters)
        {
            if (direction.GetValueOrDefault(name) is { } by) parameter.add_(torch.tensor(by, parameter.shape, device: parameter.device), factor);
        }
    }

    /// <summary>The values of every tensor.</summary>
    public IReadOnlyDictionary<string, float[]> Read()
    {
        using var scope = torch.NewDisposeScope();
        return All.ToDictionary(t => t.Key, t => Values(t.Value), StringComparer.Ordinal);
    }

    /// <summary>The values of a tensor.</summary>
    public static float[] Values(Tensor tensor) => tensor.detach().cpu().contiguous().data<float>().ToArray();

    public void Dispose()
    {
        foreach (var (_, tensor) in All) tensor.Dispose();
    }

    private Tensor Empty(string name, torch.Device device) => torch.empty([.. forward.Initializers[name].Dims], torch.ScalarType.Float32, device);
}
