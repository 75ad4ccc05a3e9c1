using System.Globalization;
using System.Text.Json;
using Microsoft.ML.OnnxRuntime;
using Ulrl.Training;
using Ulrl.Training.Runtime;

namespace Ulrl.Benchmarks;

/// <summary>Measures both engines of Ulrl and PyTorch in turn, every measurement in a process of its own.</summary>
internal sealed class SideBySide
{
    private const int Warmup = 2;

    // The first losses come from equal weights and the next from equal updates; later ones drift apart by rounding.
    private const int ComparedLosses = 3;
    private const double LossTolerance = 1e-3;

    private readonly string python;
    private readonly int threads;
    private readonly int batch;
    private readonly int steps;
    private readonly string folder;
    private readonly string peer;
    private readonly string[] engines;
    private readonly List<Comparison> table = [];
    private readonly List<string> remarks = [];

    public SideBySide(string python, int threads, int batch, int steps, string folder)
    {
        (this.python, this.threads, this.batch, this.steps, this.folder) = (python, threads, batch, steps, folder);
        var about = Child.Run(python, [Repository.Peer, "about"]).Line;
        peer = JsonDocument.Parse(about).RootElement.GetProperty("version").GetString()!;
        engines = TorchSharpAssembly.FindEngine() is { } second ? [TrainingEngine.OnnxRuntime.Name, second.Name] : [TrainingEngine.OnnxRuntime.Name];
        if (engines.Length == 1) remarks.Add("- The engine on libtorch was not measured: TorchSharp was not there when this program was built.");
    }

    /// <summary>Takes all measurements.</summary>
    /// <returns>The result as Markdown.</returns>
    public string Run(int rounds, IReadOnlyCollection<string> chosen)
    {
        var load = Machine.Load;
        var example = Network.Example(folder);
        var plans = new List<Action<int>>();
        if (chosen.Contains("example")) plans.Add(Step(example));
        if (chosen.Contains("resnet18")) plans.Add(Step(Network.ResNet18(python, folder)));
        if (chosen.Contains("purification")) plans.Add(Purification(example));
        if (chosen.Contains("startup")) plans.Add(Startup(example));
        for (var round = 1; round <= rounds; round++)
        {
            Console.Error.WriteLine($"round {round} of {rounds}");
            foreach (var plan in plans) plan(round);
        }

        var header = $"{Machine.Description}{(load is null ? "" : $", load averages before {load}")}. "
            + $"ONNX Runtime {OrtEnv.Instance().GetVersionString()} on .NET {Environment.Version}; {peer}. threads: {threads}, batch: {batch}, rounds: {rounds}.";
        return string.Join('\n', [header, "", Comparison.Table(table), .. remarks, ""]);
    }

    private Action<int> Step(Network network)
    {
        string[] common =
        [
            "step", "--data", Repository.CleanSamples, "--threads", Text(threads), "--batch", Text(batch), "--warmup", Text(Warmup), "--steps", Text(steps),
        ];
        var wall = Row($"Training step, {network.Title}: wall time", "ms");
        var cpu = Row("– CPU time", "ms");
        var memory = MemoryRows();
        return round =>
        {
            var ours = Ours([.. common, "--model", network.Model]);
            var theirs = Child.Torch(python, [.. common, "--network", network.Key, "--weights", network.Weights]);
            for (var i = 0; i < ours.Length; i++) CheckLosses(network, engines[i], ours[i], theirs, round);
            Add(wall, ours, theirs, m => m.Seconds.Select(s => s * 1e3));
            Add(cpu, ours, theirs, m => [m.CpuSeconds * 1e3 / m.Steps]);
            memory(ours, theirs);
        };
    }

    private Action<int> Purification(Network network)
    {
        string[] common = ["purification", "--data", Repository.CleanSamples, "--threads", Text(threads)];
        var wall = Row("Purification of the example model: wall time", "s");
        var perStep = Row("– wall time / training steps", "ms");
        var cpu = Row("– CPU time", "s");
        var process = Row("– wall time, with starting the process", "s");
        var memory = MemoryRows();
        return round =>
        {
            var ours = Ours([.. common, "--model", network.Model]);
            var theirs = Child.Torch(python, [.. common, "--weights", network.Weights]);
            Add(wall, ours, theirs, m => m.Seconds);
            Add(perStep, ours, theirs, m => [m.Seconds[0] * 1e3 / m.Steps]);
            Add(cpu, ours, theirs, m => [m.CpuSeconds]);
            Add(process, ours, theirs, m => [m.AnswerSeconds]);
            memory(ours, theirs);
            if (round > 1) return;
            static string Did(Measurement m) => $"{m.Steps} steps, suspicious neurons [{string.Join(", ", m.Neurons)}]";
            var own = string.Join("; ", ours.Select((m, i) => $"Ulrl on {engines[i]} {Did(m)}"));
            remarks.Add($"- Purification: {own}; PyTorch {Did(theirs)}. Each draws its own random numbers, so the unlearning epochs may differ.");
        };
    }

    private Action<int> Startup(Network network)
    {
        var ready = Row("From process start to the example model ready to train", "s");
        var inspect = File.Exists(Repository.Tool) ? Row("`ulrl inspect` of the example model, whole process", "s") : null;
        if (inspect is null) remarks.Add("- `ulrl inspect` was not timed: build src/Ulrl.Cli in release configuration first.");
        return _ =>
        {
            string[] common = ["startup", "--threads", Text(threads)];
            var ours = Ours([.. common, "--model", network.Model, "--data", Repository.CleanSamples]);
            var theirs = Child.Torch(python, [.. common, "--weights", network.Weights]);
            Add(ready, ours, theirs, m => [m.AnswerSeconds]);
            inspect?.Ulrl.Add(Child.Run("dotnet", [Repository.Tool, "inspect", network.Model]).Seconds);
        };
    }

    private Measurement[] Ours(string[] arguments) => [.. engines.Select(engine => Child.Ulrl(engine, arguments))];

    private Action<Measurement[], Measurement> MemoryRows()
    {
        var peak = Row("– peak memory", "MiB");
        var before = Row("– peak memory before the model was loaded", "MiB");
        return (ours, theirs) =>
        {
            Add(peak, ours, theirs, m => [m.MemoryPeak / 1048576.0]);
            Add(before, ours, theirs, m => [m.MemoryBefore / 1048576.0]);
        };
    }

    private void CheckLosses(Network network, string engine, Measurement ours, Measurement theirs, int round)
    {
        static string Text(IEnumerable<double> losses) => string.Join(", ", losses.Take(ComparedLosses).Select(l => l.ToString("0.00000", CultureInfo.InvariantCulture)));
        var message = $"{network.Title}: the first losses are {Text(ours.Losses)} (Ulrl on {engine}) and {Text(theirs.Losses)} (PyTorch)";
        if (ours.Losses.Zip(theirs.Losses).Take(ComparedLosses).Any(p => !(Math.Abs(p.First - p.Second) <= LossTolerance * Math.Abs(p.Second))))
        {
            throw new UlrlException(message + "; the two do not take the same steps, so their times say nothing.");
        }

        if (round == 1) remarks.Add($"- {message}.");
    }

    private Comparison Row(string name, string unit)
    {
        var row = new Comparison(name, unit);
        table.Add(row);
        return row;
    }

    private static void Add(Comparison row, Measurement[] ours, Measurement theirs, Func<Measurement, IEnumerable<double>> quantity)
    {
        row.Ulrl.AddRange(quantity(ours[0]));
        if (ours.Length > 1) row.Libtorch.AddRange(quantity(ours[1]));
        row.Torch.AddRange(quantity(theirs));
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
