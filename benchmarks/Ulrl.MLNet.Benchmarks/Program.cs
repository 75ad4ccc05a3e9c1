// How fast a purified model scores in ML.NET, beside a bare ONNX Runtime session with the same batches and beside ApplyOnnxModel:
//   dotnet run -c Release --project benchmarks/Ulrl.MLNet.Benchmarks [ROUNDS]
// All score the bundled test images with the same weights, on every core, in turn, ROUNDS times (default 9).
using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.OnnxRuntime;
using Ulrl.MLNet;
using Ulrl.MLNet.Benchmarks;
using Ulrl.Training.Data;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
var rounds = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 9;
var folder = Path.Combine(FindRoot(), "examples", "cifar10-badnet");
var samples = DataSetReader.Read(Path.Combine(folder, "test1000.npz")).Normalize(ChannelNormalization.Cifar10);
var clean = DataSetReader.Read(Path.Combine(folder, "clean500.npz")).Normalize(ChannelNormalization.Cifar10).Take(50);
var context = new MLContext(seed: 1);
var data = View(samples);

var contenders = new List<Contender>();
var disposables = new List<IDisposable>();
byte[] model = [];
foreach (var batch in new[] { 1, 16, 64 })
{
    // One epoch each: how long it trains does not matter to how fast it scores.
    var transformer = context.Transforms.PurifyBackdoor(new PurifyBackdoorEstimator.Options
    {
        InputColumnName = "input",
        ModelFile = Path.Combine(folder, "preact_badnet_t0.onnx"),
        Seed = 1,
        ScoringBatchSize = batch,
        Purification = new() { UnlearningEpochs = 1, RelearningEpochs = 1 },
    }).Fit(View(clean));
    model = transformer.PurifiedModel.ToBytes();
    var session = new InferenceSession(model);
    disposables.AddRange([transformer, session]);
    contenders.Add(new Contender("ONNX Runtime", batch, () => Bare(session, batch)));
    contenders.Add(new Contender("PurifyBackdoor", batch, () => Column(transformer.Transform(data), "Score")));
}

using var stream = new MemoryStream(model);
var applied = context.Transforms.ApplyOnnxModel("logits", "input", stream).Fit(data);
disposables.Add(applied);
contenders.Add(new Contender("ApplyOnnxModel", 1, () => Column(applied.Transform(data), "logits")));

var expected = contenders[0].Pass();
foreach (var contender in contenders.Where(c => !c.Pass().AsSpan().SequenceEqual(expected)))
{
    Console.Error.WriteLine($"{contender.Name} with batches of {contender.Batch} does not score the same");
    return 1;
}

for (var round = 0; round < rounds; round++)
{
    foreach (var contender in contenders) contender.Rounds.Add(Timing.Of(() => contender.Pass()));
}

Console.WriteLine($"{samples.Count} images, {Environment.ProcessorCount} cores, median of {rounds} rounds; ratios are medians of the rounds' ratios");
Console.WriteLine($"{"",-16}{"batch",6}{"images/s",10}{"CPU ms/image",14}{"time / bare",13}{"CPU / bare",12}{"time / ApplyOnnxModel",23}");
foreach (var contender in contenders)
{
    var bare = contenders.First(c => c.Name == "ONNX Runtime" && c.Batch == contender.Batch);
    Console.WriteLine(
        $"{contender.Name,-16}{contender.Batch,6}{samples.Count / Median(contender.Rounds.Select(r => r.Wall)),10:0}{1000 * Median(contender.Rounds.Select(r => r.Cpu)) / samples.Count,14:0.000}"
        + $"{Ratio(contender, bare, r => r.Wall),13:0.000}{Ratio(contender, bare, r => r.Cpu),12:0.000}{Ratio(contender, contenders[^1], r => r.Wall),23:0.000}");
}

disposables.ForEach(d => d.Dispose());
return 0;

float[] Bare(InferenceSession session, int batch)
{
    var scores = new float[samples.Count * 10];
    using var options = new RunOptions();
    for (var start = 0; start < samples.Count; start += batch)
    {
        var rows = Math.Min(batch, samples.Count - start);
        using var input = OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, samples.Values.AsMemory(start * samples.SampleLength, rows * samples.SampleLength), [rows, 3, 32, 32]);
        using var results = session.Run(options, session.InputNames, [input], session.OutputNames);
        results[0].GetTensorDataAsSpan<float>().CopyTo(scores.AsSpan(start * 10));
    }

    return scores;
}

static float[] Column(IDataView view, string name)
{
    var scores = new List<float>();
    using var cursor = view.GetRowCursor([view.Schema[name]]);
    var getter = cursor.GetGetter<Microsoft.ML.Data.VBuffer<float>>(view.Schema[name]);
    Microsoft.ML.Data.VBuffer<float> value = default;
    while (cursor.MoveNext())
    {
        getter(ref value);
        scores.AddRange(value.GetValues());
    }

    return [.. scores];
}

IDataView View(LabeledSamples set) =>
    context.Data.LoadFromEnumerable(Enumerable.Range(0, set.Count).Select(i => new Row { Input = set.Sample(i).ToArray(), Label = set.Labels[i] }).ToArray());

static double Median(IEnumerable<double> values)
{
    var sorted = values.Order().ToArray();
    return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
}

static double Ratio(Contender contender, Contender other, Func<Timing, double> of) => Median(contender.Rounds.Zip(other.Rounds, (a, b) => of(a) / of(b)));

static string FindRoot()
{
    var folder = new DirectoryInfo(AppContext.BaseDirectory);
    while (!File.Exists(Path.Combine(folder.FullName, "Ulrl.sln"))) folder = folder.Parent ?? throw new InvalidOperationException("run this from within the repository");
    return folder.FullName;
}
