using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;
using Ulrl.Training;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Onnx;
using Ulrl.Training.Purification;
using Ulrl.Training.Runtime;

namespace Ulrl.MLNet;

/// <summary>
/// <see cref="IEstimator{TTransformer}"/> that removes a backdoor from an ONNX classifier with a few clean labelled samples (ULRL, arXiv
/// 2405.14781) and scores with the purified model.
/// </summary>
/// <remarks>
/// <para>
/// <see cref="Fit"/> reads the data once, trains with ONNX Runtime and returns a <see cref="PurifyBackdoorTransformer"/>. It needs a
/// native half of ONNX Runtime, which the application references: Microsoft.ML.OnnxRuntime or Microsoft.ML.OnnxRuntime.Gpu.
/// </para>
/// <para>
/// Input column: a vector of known size of any numeric type. Label column: a key, a number, a Boolean or a one-hot vector.
/// Output columns: a vector of <see cref="float"/> with the scores; if asked for, the probabilities and the predicted label.
/// </para>
/// </remarks>
public sealed partial class PurifyBackdoorEstimator : IEstimator<PurifyBackdoorTransformer>
{
    private readonly TransformsCatalog catalog;
    private readonly IHostEnvironment environment;
    private readonly Options options;
    private readonly ConstantInputs model;
    private readonly ClassifierLayer classifier;
    private readonly ModelInterface io;
    private readonly ScoringColumns columns;

    /// <summary>Creates the estimator, as <c>mlContext.Transforms.PurifyBackdoor</c> does.</summary>
    /// <param name="context">The context, whose log, seed and device are used.</param>
    /// <param name="options">Settings; copied.</param>
    /// <exception cref="ArgumentException">A setting cannot be used.</exception>
    /// <exception cref="InvalidModelException">The model cannot be read, or is no classifier of one data input.</exception>
    public PurifyBackdoorEstimator(MLContext context, Options options)
        : this((context ?? throw new ArgumentNullException(nameof(context))).Transforms, context, options)
    {
    }

    internal PurifyBackdoorEstimator(TransformsCatalog catalog, IHostEnvironment environment, Options options)
    {
        ArgumentNullException.ThrowIfNull(options);
        this.catalog = catalog;
        this.environment = environment;
        this.options = options = options.Clone();
        columns = new ScoringColumns(options.InputColumnName, options.OutputColumnName, options.ProbabilityColumnName, options.PredictedLabelColumnName);
        CheckOptions();
        model = ConstantInputs.Fix(environment, Load(), options.ConstantInputs);
        CheckInputs(model.Model);
        io = ModelInterface.Of(model.Model, options.Purification.OutputName);
        if (io.FixedBatch > 1)
            throw new InvalidModelException($"{model.Model.Label}: input '{io.InputName}' takes {io.FixedBatch} samples at once, ML.NET scores any number; export the model with a dynamic batch dimension.");
        classifier = ClassifierLayer.Find(model.Model, options.Purification.Classifier, options.Purification.OutputName);
        if (options.ClassNames is { } names && names.Count != classifier.Classes)
            throw SchemaErrors.Option(environment, nameof(Options.ClassNames), $"There are {names.Count} class names, the model has {classifier.Classes} classes");
    }

    /// <summary>Purifies the model with the clean samples.</summary>
    /// <param name="input">Clean samples and their labels; a few hundred, some of every class. Read once.</param>
    /// <returns>The transformer that scores with the purified model.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of a type that does not fit; the message names it.</exception>
    /// <exception cref="InvalidOperationException">The data are empty or hold a value that cannot be used; the message names the column.</exception>
    /// <exception cref="UlrlException">The model cannot be trained, or the CUDA device cannot be used.</exception>
    /// <exception cref="OperationCanceledException"><see cref="Options.CancellationToken"/> was cancelled.</exception>
    public PurifyBackdoorTransformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        var host = environment.Register(nameof(PurifyBackdoorEstimator));
        using var channel = host.Start("Purification");
        var sample = input.Schema.GetColumnOrNull(columns.Input) ?? throw SchemaErrors.Missing(host, nameof(input), "input", columns.Input);
        var element = ElementOf(host, nameof(input), sample);
        var shape = SampleShape.Of(host, columns.Input, (VectorDataViewType)sample.Type, io);
        var label = LabelColumn.Find(host, input.Schema, options.LabelColumnName, classifier.Classes, options.ClassNames);
        var names = options.ClassNames is { } given ? ClassNames.FromText(given) : label.Names;
        var (gpu, fallback) = CatalogEnvironment.DeviceOf(environment, options.GpuDeviceId, options.FallbackToCpu);
        var device = Settle(gpu, fallback, channel);

        var samples = SampleReader.Read(host, input, sample, shape, label, options.CancellationToken);
        channel.Info(MessageSensitivity.Schema, $"{samples.Count} clean samples from columns '{columns.Input}' and '{options.LabelColumnName}'");
        var normalized = Normalized(samples);
        var settings = options.Purification with { Seed = options.Seed ?? host.Rand.Next(), Device = device };
        var log = new TrainingLog(channel, options.Progress);
        var result = Purifier.Purify(model.Model, normalized, settings, log, notice => channel.Info(MessageSensitivity.None, notice), cancellation: options.CancellationToken);
        log.Flush();
        log.Summarize(result.Report, names?.Names);

        var scoring = ScoringModel.Create(
            result.Model, settings.OutputName, columns, element.ElementType, shape, classifier.Classes, options.InputIsNormalized ? null : options.Normalization, names?.Names);
        var onGpu = device.Kind == DeviceKind.Cuda;
        var saved = SavedPipeline.Create(
            onGpu ? catalog : CatalogEnvironment.ForCpu(catalog, environment), scoring, columns, names ?? ClassNames.FromNumbers(classifier.Classes), onGpu ? device.Index : null, input);
        var scorer = new BatchScorer(scoring, columns, element, shape, classifier.Classes, device, settings.Threads, io.FixedBatch is null ? options.ScoringBatchSize : 1);
        var purified = model.Restore(host, result.Model);
        options.Purified?.Invoke(purified);
        return new PurifyBackdoorTransformer(host, saved, scorer, purified, result.Report, names?.Names);
    }

    /// <summary>The columns that <see cref="Fit"/> needs, and those that the transformer adds to them.</summary>
    /// <param name="inputSchema">The columns of the data.</param>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of a type that does not fit; the message names it.</exception>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        var input = Find(inputSchema, "input", columns.Input);
        if (input.Kind != SchemaShape.Column.VectorKind.Vector || input.IsKey || NumericVector.For(input.ItemType) is null)
            throw SchemaErrors.Mismatch(environment, nameof(inputSchema), "input", columns.Input, "a numeric vector of known size", SchemaErrors.TypeOf(input));
        LabelColumn.CheckShape(environment, Find(inputSchema, "label", options.LabelColumnName));
        return OutputShape.Of(catalog, inputSchema, columns, classifier.Classes, options.ClassNames);
    }

    private SchemaShape.Column Find(SchemaShape schema, string role, string name)
    {
        foreach (var column in schema)
        {
            if (column.Name == name) return column;
        }

        throw SchemaErrors.Missing(environment, "inputSchema", role, name);
    }

    private static NumericVector ElementOf(IHost host, string parameter, DataViewSchema.Column column) =>
        column.Type is VectorDataViewType { IsKnownSize: true } vector && NumericVector.For(vector.ItemType) is { } element
            ? element
            : throw SchemaErrors.Mismatch(host, parameter, "input", column.Name, "a numeric vector of known size", column.Type.ToString()!);

    private void CheckOptions()
    {
        Named(options.InputColumnName, nameof(Options.InputColumnName));
        Named(options.LabelColumnName, nameof(Options.LabelColumnName));
        foreach (var name in columns.Outputs)
        {
            Named(name, "outputColumnName");
            if (name == columns.Input)
                throw SchemaErrors.Option(environment, "outputColumnName", $"Output column '{name}' has the name of the input column; ONNX does not allow that, choose another name");
            if (name.Contains(".output", StringComparison.Ordinal))
                throw SchemaErrors.Option(environment, "outputColumnName", $"Output column '{name}' has '.output' in its name, which OnnxTransformer cuts out; choose another name");
        }

        if (columns.Tensors.Distinct(StringComparer.Ordinal).Count() != columns.Tensors.Count)
            throw SchemaErrors.Option(environment, "outputColumnName", $"The output columns {string.Join(", ", columns.Outputs)} must have different names");
        if (options.ScoringBatchSize < 1)
            throw SchemaErrors.Option(environment, nameof(Options.ScoringBatchSize), $"ScoringBatchSize is {options.ScoringBatchSize}; it must be at least 1");
        if (options.InputIsNormalized && options.Normalization is null)
            throw SchemaErrors.Option(environment, nameof(Options.InputIsNormalized), "InputIsNormalized needs the Normalization that the input has");
        if (options.GpuDeviceId < 0)
            throw SchemaErrors.Option(environment, nameof(Options.GpuDeviceId), $"GpuDeviceId is {options.GpuDeviceId}; devices are numbered from 0, and null is the CPU");
        options.Purification.Validate();
    }

    private void Named(string name, string parameter)
    {
        if (string.IsNullOrWhiteSpace(name)) throw SchemaErrors.Option(environment, parameter, "A column needs a name");
    }

    private OnnxModel Load() => (options.ModelFile, options.ModelBytes, options.Model) switch
    {
        ({ } file, null, null) => OnnxModel.Load(file),
        (null, { } bytes, null) => OnnxModel.Load(bytes),
        (null, null, { } loaded) => loaded,
        _ => throw SchemaErrors.Option(environment, "modelFile", "Give the model by one of ModelFile, ModelBytes and Model"),
    };

    private void CheckInputs(OnnxModel onnx)
    {
        if (onnx.Inputs.Count > 1)
            throw SchemaErrors.Option(environment, nameof(Options.ConstantInputs), $"The model has {onnx.Inputs.Count} inputs ({string.Join(", ", onnx.Inputs)}); one can be the samples, give ConstantInputs for the others");
    }

    private Training.Data.LabeledSamples Normalized(Training.Data.LabeledSamples samples)
    {
        if (options.Normalization is not { } normalization) return samples;
        return options.InputIsNormalized
            ? new Training.Data.LabeledSamples(samples.Values, samples.SampleShape, samples.Labels, source: samples.Source, normalization: normalization)
            : samples.Normalize(normalization);
    }

    private static Device Settle(int? gpu, bool fallback, IChannel channel)
    {
        if (gpu is not { } index) return Device.Cpu;
        return fallback
            ? OrtSessions.Resolve(new Device(DeviceKind.Auto, index), notice => channel.Warning(MessageSensitivity.None, notice))
            : OrtSessions.Resolve(new Device(DeviceKind.Cuda, index), null);
    }
}
