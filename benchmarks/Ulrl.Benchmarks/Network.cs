using Ulrl.Training.Data;
using Ulrl.Training.Onnx;

namespace Ulrl.Benchmarks;

/// <summary>A network that both halves train from the same weights.</summary>
/// <param name="Key">What <c>peer.py</c> calls it.</param>
/// <param name="Title">What the table calls it.</param>
/// <param name="Model">The ONNX file that Ulrl trains.</param>
/// <param name="Weights">Its initializers as .npz, which PyTorch trains.</param>
internal sealed record Network(string Key, string Title, string Model, string Weights)
{
    /// <summary>The bundled example.</summary>
    public static Network Example(string folder) =>
        Create("example", "example model (0.31 M parameters)", Repository.ExampleModel, folder);

    /// <summary>A full PreAct-ResNet18, freshly initialised and exported by PyTorch.</summary>
    public static Network ResNet18(string python, string folder)
    {
        var model = Path.Combine(folder, "resnet18.onnx");
        Child.Torch(python, "export", "--network", "resnet18", "--out", model);
        return Create("resnet18", "PreAct-ResNet18 (11.2 M parameters)", model, folder);
    }

    private static Network Create(string key, string title, string path, string folder)
    {
        var weights = Path.Combine(folder, key + ".npz");
        NpzFile.Write(weights, OnnxModel.Load(path).Proto.Graph.Initializer.Select(
            tensor => KeyValuePair.Create(tensor.Name, new NpyArray(TensorData.ReadFloats(tensor), [.. tensor.Dims.Select(d => (int)d)]))));
        return new Network(key, title, path, weights);
    }
}
