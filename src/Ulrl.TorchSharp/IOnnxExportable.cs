namespace Ulrl.TorchSharp;

/// <summary>A module of one's own that says how its forward pass is written as ONNX.</summary>
/// <remarks>
/// For a module whose source is out of reach, register an exporter with <see cref="OnnxExporters.Register{TModule}"/> instead.
/// </remarks>
/// <example>
/// <code>
/// public override Tensor forward(Tensor x) => functional.relu(body.call(x) + x);
///
/// public OnnxValue Export(OnnxGraph graph, OnnxValue x) => graph.Relu(graph.Call(body, x) + x);
/// </code>
/// </example>
public interface IOnnxExportable
{
    /// <summary>Writes the module's forward pass.</summary>
    /// <param name="graph">Writes nodes, and calls the modules inside this one.</param>
    /// <param name="x">The module's input.</param>
    /// <returns>The module's output.</returns>
    OnnxValue Export(OnnxGraph graph, OnnxValue x);
}
