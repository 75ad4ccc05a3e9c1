using Microsoft.ML.OnnxRuntime;
using Ulrl.Training.Onnx;
using Ulrl.Training.Runtime;

namespace Ulrl.MLNet;

/// <summary>The scoring model in an ONNX Runtime session, opened when the first batch arrives; any number of threads may use it.</summary>
internal sealed class BatchScorer : IDisposable
{
    private readonly Lazy<InferenceSession> session;
    private bool disposed;

    /// <param name="model">The scoring model.</param>
    /// <param name="columns">Names of its input and outputs.</param>
    /// <param name="element">Element type of its input.</param>
    /// <param name="sampleShape">Shape of one sample.</param>
    /// <param name="classes">Number of classes.</param>
    /// <param name="device">Where to score.</param>
    /// <param name="threads">CPU threads; 0 for one per core.</param>
    /// <param name="batchSize">Rows per run.</param>
    public BatchScorer(OnnxModel model, ScoringColumns columns, NumericVector element, IReadOnlyList<int> sampleShape, int classes, Device device, int threads, int batchSize)
    {
        session = new Lazy<InferenceSession>(() => OrtSessions.Open(model.ToBytes(), device, threads));
        Columns = columns;
        Element = element;
        SampleShape = [.. sampleShape.Select(d => (long)d)];
        SampleLength = sampleShape.Aggregate(1, (a, b) => a * b);
        Classes = classes;
        BatchSize = batchSize;
    }

    public ScoringColumns Columns { get; }

    public NumericVector Element { get; }

    public int SampleLength { get; }

    public int Classes { get; }

    public int BatchSize { get; }

    private long[] SampleShape { get; }

    public NumericVector.TensorBuffer CreateBuffer() => Element.Buffer(BatchSize, SampleLength);

    /// <summary>Scores the first rows of a buffer.</summary>
    /// <param name="buffer">The rows.</param>
    /// <param name="rows">How many.</param>
    /// <param name="outputs">Outputs of the model to compute; the results are in this order.</param>
    public IDisposableReadOnlyCollection<OrtValue> Run(NumericVector.TensorBuffer buffer, int rows, IReadOnlyList<string> outputs)
    {
        ObjectDisposedException.ThrowIf(disposed, typeof(PurifyBackdoorTransformer));
        using var options = new RunOptions();
        using var tensor = buffer.Tensor(rows, SampleShape);
        return session.Value.Run(options, [Columns.Input], [tensor], outputs);
    }

    public void Dispose()
    {
        if (disposed) return;
        disposed = true;
        if (session.IsValueCreated) session.Value.Dispose();
    }
}
