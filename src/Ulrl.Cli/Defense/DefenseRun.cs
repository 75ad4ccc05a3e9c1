using System.Diagnostics;
using System.Globalization;
using System.Text;
using Ulrl.Training;
using Ulrl.Training.Checkpoints;
using Ulrl.Training.Data;
using Ulrl.Training.Evaluation;
using Ulrl.Training.Onnx;
using Ulrl.Training.Purification;
using Ulrl.Training.Purification.Reports;
using Ulrl.Training.Records;

namespace Ulrl.Cli.Defense;

/// <summary>Runs the defence on a record and leaves its results in the output folder's hidden part.</summary>
internal sealed class DefenseRun
{
    /// <summary>The file that is written last.</summary>
    public const string ResultFile = "defense_result.pt";

    private readonly DefenseSettings settings;
    private readonly BackdoorBenchRecord record;
    private readonly int testFrequency;
    private readonly OutputFolder output;
    private readonly DefenseLog log;
    private readonly Terminal terminal;
    private readonly CancellationToken cancellation;
    private readonly MetricsTable unlearning = new();
    private readonly MetricsTable relearning = new();

    /// <param name="settings">The settings.</param>
    /// <param name="record">The record.</param>
    /// <param name="testFrequency">Epochs between measures on the test sets; 0 for only before and after.</param>
    /// <param name="output">Where the results go.</param>
    /// <param name="log">The log.</param>
    /// <param name="terminal">Where progress is shown.</param>
    /// <param name="cancellation">Stops the run.</param>
    public DefenseRun(DefenseSettings settings, BackdoorBenchRecord record, int testFrequency, OutputFolder output, DefenseLog log, Terminal terminal, CancellationToken cancellation)
    {
        this.settings = settings;
        this.record = record;
        this.testFrequency = testFrequency;
        this.output = output;
        this.log = log;
        this.terminal = terminal;
        this.cancellation = cancellation;
    }

    /// <summary>Runs it.</summary>
    /// <returns>The report, and the measures before and after.</returns>
    public (PurificationReport Report, EvaluationComparison Measured) Execute()
    {
        var watch = Stopwatch.StartNew();
        var model = BuildModel();
        var options = settings.Purification with { Classifier = Classifier(model) };
        var clean = CleanSamples();
        var tests = new TestSets(settings, record, cancellation);
        log.Info(string.Create(CultureInfo.InvariantCulture, $"{clean.Count} clean training samples, {tests.Clean.Count} clean test samples, {tests.Poisoned.Samples.Count} poisoned test samples ({(tests.Poisoned.Target is { } target ? $"to class {target}" : "each to a class of its own")})"));

        var before = tests.Measure(model, options);
        LogMeasures("Before Unlearning", before);
        var result = ProgressDisplay.Run(
            terminal, progress => Purifier.Purify(model, clean, options, progress, log.Note, epoch => EpochDone(epoch, tests, options), cancellation));
        var after = tests.Measure(result.Model, options);
        LogNeurons(result.Report);
        LogMeasures("After Relearning", after);
        log.Info(string.Create(CultureInfo.InvariantCulture, $"Time cost: {watch.Elapsed.TotalSeconds:0.00}s"));

        var report = result.Report with { Model = string.Join('/', settings.Record) };
        var measured = new EvaluationComparison(tests.Clean.Source, new EvaluationResult(before.Clean, before.Attack), new EvaluationResult(after.Clean, after.Attack));
        foreach (var warning in report.Warnings)
            log.Info("warning: " + warning);
        OutputFile.WriteAll(() => Write(result.Model, report, measured), cancellation);
        return (report, measured);
    }

    private OnnxModel BuildModel()
    {
        if (settings.Model is { } model && model != record.ModelName)
            throw new UsageException($"the record's model is {record.ModelName}, and {model} is asked for; give --model {record.ModelName}.");
        return record.BuildModel();
    }

    // BackdoorBench names the layer, the model its weights.
    private string? Classifier(OnnxModel model)
    {
        if (settings.LinearName is not { } layer)
            return null;
        var weights = model.Initializers.Select(i => i.Name).Where(name => name == layer + ".weight" || name.EndsWith($".{layer}.weight", StringComparison.Ordinal)).ToArray();
        return weights is [var weight]
            ? weight
            : throw new UsageException($"linear_name is '{layer}', which is no layer of {record.ModelName}; its classifier layer is {ModelInspector.Inspect(model).Classifier?.Weight.Replace(".weight", "", StringComparison.Ordinal) ?? "not known"}, which is found by itself when linear_name is empty.");
    }

    private LabeledSamples CleanSamples()
    {
        var images = settings.DataSet.Open(settings.DataFolder, train: true, ImageSupport.Decoder);
        if (record.Train is { } train && train.CleanCount != images.Count)
            throw new RecordException($"'{record.Folder}': the record was made from {train.CleanCount} training images, {images.Source} has {images.Count}; give the data set that the record was made with");
        var chosen = CleanSelection.Of(images, settings);
        File.WriteAllText(output["index.txt"], string.Concat(chosen.Select(i => string.Create(CultureInfo.InvariantCulture, $"{i}\n"))));
        return images.ToSamples(chosen, record.ImageShape, settings.DataSet.Normalization, cancellation);
    }

    private void EpochDone(PurificationEpoch epoch, TestSets tests, PurificationOptions options)
    {
        var isTested = testFrequency > 0 && epoch.Report.Epoch % testFrequency == 0;
        var isSaved = settings.FrequencySave > 0 && epoch.Report.Epoch % settings.FrequencySave == 0;
        var model = isTested || isSaved ? epoch.CopyModel() : null;
        var table = epoch.Phase == PurificationPhase.Unlearning ? unlearning : relearning;
        var tested = isTested ? tests.Measure(model!, options) : null;
        table.Add(EpochRow.Of(epoch, tested));
        log.Info($"{epoch.Phase}: {table.Describe()}");
        if (isSaved)
            TorchCheckpoint.Save(output[string.Create(CultureInfo.InvariantCulture, $"{Prefix(epoch.Phase)}_epoch_{epoch.Report.Epoch}.pt")], record.Checkpoint.UpdatedBy(model!));
    }

    private static string Prefix(PurificationPhase phase) => phase == PurificationPhase.Unlearning ? "unlearn" : "relearn";

    private void LogMeasures(string when, TestMeasures measures) => log.Info(string.Create(
        CultureInfo.InvariantCulture,
        $"{when} | Clean Test Loss: {measures.Clean.MeanCrossEntropy:0.0000} | Clean Test ACC: {measures.Clean.Accuracy:0.0000} | Poison Test Loss: {measures.PoisonedLoss:0.0000} | Poison Test ACC: {measures.Attack.AttackSuccessRate:0.0000}"));

    private void LogNeurons(PurificationReport report)
    {
        log.Info("Neuron Weight changes: [" + string.Join(", ", report.Neurons.Select(n => string.Create(CultureInfo.InvariantCulture, $"{n.Neuron}: {n.WeightChange:0.00}"))) + "]");
        log.Info($"Indices of neurons with maximal changes based on MAD: [{string.Join(", ", report.SuspiciousNeurons)}]");
        log.Info(string.Create(CultureInfo.InvariantCulture, $"Unlearning Time Cost: {report.Unlearning.Seconds:0.00}s, Relearning Time Cost: {report.Relearning.Seconds:0.00}s"));
    }

    private void Write(OnnxModel purified, PurificationReport report, EvaluationComparison measured)
    {
        WriteTable("unlearn", unlearning);
        WriteTable("relearn", relearning);
        if (ImageSupport.Draw is null)
            log.Note("the plots are written as SVG alone, since the package SkiaSharp is not there.");
        ReportWriter.Write(output["report.html"], report, measured);
        purified.Save(output["purified.onnx"]);
        TorchCheckpoint.Save(output[ResultFile], record.Checkpoint.UpdatedBy(purified), record.ModelName, record.Classes);
    }

    private void WriteTable(string prefix, MetricsTable table)
    {
        File.WriteAllText(output[prefix + "_df.csv"], table.ToCsv());
        File.WriteAllText(output[prefix + "_df_summary.csv"], table.ToSummary());
        foreach (var (name, plot) in new[] { ("_loss_metric_plots", table.LossPlot()), ("_acc_like_metric_plots", table.AccuracyPlot()) })
        {
            File.WriteAllText(output[prefix + name + ".svg"], plot.ToSvg(), new UTF8Encoding(false));
            if (ImageSupport.Draw is { } draw)
                File.WriteAllBytes(output[prefix + name + ".png"], draw(plot));
        }
    }
}
