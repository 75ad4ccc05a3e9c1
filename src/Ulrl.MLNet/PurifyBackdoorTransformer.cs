using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;
using Ulrl.Training;
using Ulrl.Training.Onnx;
using Ulrl.Training.Purification;

namespace Ulrl.MLNet;

/// <summary>
/// <see cref="ITransformer"/> that scores with a purified model; the result of <see cref="PurifyBackdoorEstimator.Fit"/>.
/// </summary>
/// <remarks>
/// <para>
/// <c>mlContext.Model.Save</c> writes it as transformers of Microsoft.ML and Microsoft.ML.OnnxTransformer, so that an
/// application which references these two packages and a native half of ONNX Runtime loads it, with the same scores and
/// columns. What is loaded is no <see cref="PurifyBackdoorTransformer"/>: the report and the purified ONNX model stay with
/// this object, and the device comes from the loading context's <see cref="MLContext.GpuDeviceId"/>.
/// </para>
/// <para>
/// <see cref="Transform"/> scores batches of rows ahead of the cursor. A row mapper, as prediction engines use it, scores
/// row by row.
/// </para>
/// </remarks>
public sealed class PurifyBackdoorTransformer : ITransformer, IDisposable
{
    private readonly IHost host;
    private readonly ITransformer saved;
    private readonly BatchScorer scorer;

    internal PurifyBackdoorTransformer(
        IHost host, ITransformer saved, BatchScorer scorer, OnnxModel purified, PurificationReport report, IReadOnlyList<string>? classNames)
    {
        this.host = host;
        this.saved = saved;
        this.scorer = scorer;
        PurifiedModel = purified;
        Report = report;
        ClassNames = classNames;
    }

    /// <summary>What the purification did and measured. Read its warnings before using the model.</summary>
    public PurificationReport Report { get; }

    /// <summary>The given model, node for node, with the purified weights; its inputs and outputs are those of the given model, not the columns.</summary>
    public OnnxModel PurifiedModel { get; }

    /// <summary>Names of the classes in the order of the scores; null where neither the options nor the labels had names.</summary>
    public IReadOnlyList<string>? ClassNames { get; }

    /// <summary>True: every row is scored for itself.</summary>
    public bool IsRowToRowMapper => true;

    /// <summary>Saves <see cref="PurifiedModel"/>: written aside, flushed and renamed.</summary>
    /// <param name="path">File to create or replace; its folder must exist.</param>
    /// <exception cref="UlrlException">The file cannot be written.</exception>
    public void SaveOnnx(string path) => PurifiedModel.Save(path);

    /// <summary>Writes <see cref="PurifiedModel"/> to a stream, which is left open.</summary>
    /// <param name="stream">The stream.</param>
    public void SaveOnnx(Stream stream) => PurifiedModel.Save(stream);

    /// <summary>The columns of the input, followed by the scores and the other columns that were asked for.</summary>
    /// <param name="inputSchema">Columns of the data.</param>
    /// <exception cref="ArgumentOutOfRangeException">The input column is missing, or not of the type that <see cref="PurifyBackdoorEstimator.Fit"/> saw.</exception>
    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        Sample(inputSchema, nameof(inputSchema));
        var scored = saved.GetOutputSchema(inputSchema);
        var builder = new DataViewSchema.Builder();
        builder.AddColumns(inputSchema);
        foreach (var name in scorer.Columns.Outputs)
        {
            var column = scored[name];
            builder.AddColumn(name, column.Type, column.Annotations);
        }

        return builder.ToSchema();
    }

    /// <summary>The data with the scores, which are computed when a cursor asks for them.</summary>
    /// <param name="input">Data with the input column; labels are not needed.</param>
    /// <exception cref="ArgumentOutOfRangeException">As <see cref="GetOutputSchema"/>.</exception>
    public IDataView Transform(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        return new ScoredView(input, Sample(input.Schema, nameof(input)), GetOutputSchema(input.Schema), scorer);
    }

    /// <summary>The mapper that prediction engines use; it scores row by row.</summary>
    /// <param name="inputSchema">Columns of the rows.</param>
    /// <exception cref="ArgumentOutOfRangeException">As <see cref="GetOutputSchema"/>.</exception>
    public IRowToRowMapper GetRowToRowMapper(DataViewSchema inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        Sample(inputSchema, nameof(inputSchema));
        return saved.GetRowToRowMapper(inputSchema);
    }

    /// <summary>Ends the ONNX Runtime sessions and frees their memory.</summary>
    public void Dispose()
    {
        scorer.Dispose();
        (saved as IDisposable)?.Dispose();
    }

    void ICanSaveModel.Save(ModelSaveContext ctx) => saved.Save(ctx);

    private DataViewSchema.Column Sample(DataViewSchema schema, string parameter)
    {
        var column = schema.GetColumnOrNull(scorer.Columns.Input) ?? throw SchemaErrors.Missing(host, parameter, "input", scorer.Columns.Input);
        var fits = column.Type is VectorDataViewType vector && vector.Size == scorer.SampleLength && NumericVector.For(vector.ItemType) == scorer.Element;
        return fits ? column : throw SchemaErrors.Mismatch(
            host, parameter, "input", column.Name, $"a vector of {scorer.SampleLength} values of the type {scorer.Element.ElementType}", column.Type.ToString()!);
    }
}
