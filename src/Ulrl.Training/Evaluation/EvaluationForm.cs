using Ulrl.Training.Autodiff;
using Ulrl.Training.Onnx;
using Ulrl.Training.Onnx.Proto;

namespace Ulrl.Training.Evaluation;

/// <summary>A copy of a classifier that answers with its logits alone: no final Softmax, no auxiliary outputs.</summary>
internal sealed class EvaluationForm
{
    // A batch of this many samples is no classifier's; what declares one would take memory that its file does not answer for.
    private const long LargestFixedBatch = 1 << 16;

    private EvaluationForm(OnnxModel model, ModelInterface io)
    {
        Model = model;
        Io = io;
    }

    public OnnxModel Model { get; }

    public ModelInterface Io { get; }

    public static EvaluationForm Of(OnnxModel model, string? outputName)
    {
        var io = ModelInterface.Of(model, outputName);
        if (io.FixedBatch > LargestFixedBatch)
            throw new InvalidModelException($"{model.Label}: input '{io.InputName}' takes {io.FixedBatch} samples at once, at most {LargestFixedBatch} are supported; export the model with a dynamic batch dimension.");
        var copy = model.Clone();
        var graph = copy.Proto.Graph;
        var output = graph.Output.First(o => o.Name == io.OutputName);
        graph.Output.Clear();
        // The runtime infers the type of an output that declares none.
        graph.Output.Add(io.Logits == io.OutputName ? output : new ValueInfoProto { Name = io.Logits });
        return new EvaluationForm(copy, io);
    }
}
