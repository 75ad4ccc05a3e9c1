using Ulrl.Training.Data;
using Ulrl.Training.Evaluation;
using Ulrl.Training.Onnx;
using Ulrl.Training.Purification;
using Ulrl.Training.Records;

namespace Ulrl.Cli.Defense;

/// <summary>The clean and the poisoned test set of a record, and what models do on them.</summary>
internal sealed class TestSets
{
    private readonly CancellationToken cancellation;

    public TestSets(DefenseSettings settings, BackdoorBenchRecord record, CancellationToken cancellation)
    {
        this.cancellation = cancellation;
        var images = settings.DataSet.Open(settings.DataFolder, train: false, ImageSupport.Decoder);
        var normalization = settings.DataSet.Normalization;
        Poisoned = record.Test.Read(images, record.ImageShape, normalization, ImageSupport.Decoder, cancellation);
        Clean = images.ToSamples([.. Enumerable.Range(0, images.Count)], record.ImageShape, normalization, cancellation);
    }

    public LabeledSamples Clean { get; }

    public PoisonedSamples Poisoned { get; }

    public TestMeasures Measure(OnnxModel model, PurificationOptions options)
    {
        using var evaluator = new Evaluator(model, options.Device, options.Threads, options.BatchSize);
        var clean = evaluator.EvaluateClean(Clean, cancellation);
        var (attack, loss) = Poisoned.Measure(evaluator, cancellation);
        return new TestMeasures(clean, attack, loss);
    }
}
