using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using Ulrl.Efficacy.Methods;
using Ulrl.Efficacy.Victims;
using Ulrl.Training.Data;
using Ulrl.Training.Onnx;

namespace Ulrl.Efficacy.Campaign;

/// <summary>Makes the runs that have no result yet.</summary>
/// <param name="train">Clean training samples, normalised, which the defender's are drawn from.</param>
/// <param name="test">Clean test samples, normalised.</param>
/// <param name="file">Where results are kept.</param>
/// <param name="threads">CPU threads; 0 for one per core.</param>
/// <param name="say">Told what goes on, line by line.</param>
/// <param name="cancellation">Stops between steps; finished runs are kept.</param>
internal sealed class CaseRunner(LabeledSamples train, LabeledSamples test, ResultFile file, int threads, Action<string> say, CancellationToken cancellation)
{
    private readonly Dictionary<string, Measures> before = new(StringComparer.Ordinal);

    /// <summary>Tells settings of a method apart.</summary>
    public static string Fingerprint(IMethod method) => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(method.Settings)), 0, 4);

    /// <summary>The result of a case, from the file where it is there.</summary>
    public Result Run(Case item)
    {
        var settings = Fingerprint(item.Method);
        if (file.Find(item.Subject.Name, item.Method.Name, settings, item.CleanSet, item.Seed) is { } known) return known;
        var model = OnnxModel.Load(item.Subject.Path);
        if (!before.TryGetValue(item.Subject.Name, out var given))
            before[item.Subject.Name] = given = Measures.Of(model, test, item.Subject.Triggered, threads, cancellation);
        var clean = CleanSet.Draw(item.CleanSet, train, VictimNetwork.Classes);
        using var process = Process.GetCurrentProcess();
        process.Refresh();
        var cpu = process.TotalProcessorTime;
        var watch = Stopwatch.StartNew();
        var purified = item.Method.Purify(model, clean, item.Seed, threads, cancellation);
        var seconds = watch.Elapsed.TotalSeconds;
        process.Refresh();
        var cpuSeconds = (process.TotalProcessorTime - cpu).TotalSeconds;
        var after = Measures.Of(purified.Model, test, item.Subject.Triggered, threads, cancellation);
        var result = new Result(item.Subject.Name, item.Method.Name, settings, item.CleanSet, item.Seed, purified.Flagged, purified.Confidence, given, after, seconds, cpuSeconds);
        file.Add(result);
        var attack = result.Rating is null ? "" : FormattableString.Invariant($" attack success {given.AttackSuccess:0.000} -> {after.AttackSuccess:0.000},");
        say(FormattableString.Invariant($"{result.Model}, {result.Method}, {result.CleanSet} samples, seed {result.Seed}: clean accuracy {given.CleanAccuracy:0.000} -> {after.CleanAccuracy:0.000},{attack} {seconds:0} s."));
        return result;
    }
}
