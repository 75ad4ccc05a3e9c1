using System.CommandLine;
using System.Diagnostics;
using System.Text.Json;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Data;
using Ulrl.Training.Onnx;
using Ulrl.Training.Purification;
using Ulrl.Training.Runtime;

namespace Ulrl.Benchmarks;

/// <summary>Ulrl's half: takes one measurement in this process and prints it as one line of JSON.</summary>
internal static class MeasureCommand
{
    // The unlearning step with the published settings.
    private static readonly SgdOptions Sgd = new(Momentum: 0.9f, WeightDecay: 5e-4f, ClipNorm: 20f);

    public static Command Create()
    {
        var what = new Argument<string>("what").AcceptOnlyFromAmong("step", "purification", "startup");
        var model = new Option<string>("--model") { Required = true };
        var data = new Option<string>("--data") { Required = true };
        var engine = new Option<string>("--engine") { Required = true };
        var threads = CommonOptions.Threads();
        var batch = new Option<int>("--batch");
        var warmup = new Option<int>("--warmup");
        var steps = new Option<int>("--steps");
        var command = new Command("measure", "One measurement of Ulrl, in this process.") { what, model, data, engine, threads, batch, warmup, steps };
        command.Hidden = true;
        command.SetAction(parsed =>
        {
            var (modelPath, dataPath, count) = (parsed.GetRequiredValue(model), parsed.GetRequiredValue(data), parsed.GetValue(threads));
            var runs = TrainingEngine.Parse(parsed.GetRequiredValue(engine));
            var measurement = parsed.GetRequiredValue(what) switch
            {
                "step" => Step(runs, modelPath, Samples.Read(dataPath), parsed.GetValue(batch), parsed.GetValue(warmup), parsed.GetValue(steps), count),
                "purification" => Purification(runs, modelPath, dataPath, count),
                _ => Startup(runs, modelPath, count),
            };
            Console.WriteLine(JsonSerializer.Serialize(measurement, Child.Json));
        });
        return command;
    }

    private static Measurement Step(TrainingEngine engine, string path, LabeledSamples samples, int size, int warmup, int steps, int threads)
    {
        var before = PeakMemory();
        using var session = Open(engine, path, samples.SampleShape, threads);
        var values = samples.Values.AsMemory(0, size * samples.SampleLength);
        var labels = Array.ConvertAll(samples.Labels[..size], l => (long)l).AsMemory();
        var losses = new List<double>();
        var seconds = new List<double>();
        for (var i = 0; i < warmup; i++) losses.Add(session.Step(values, labels, 0.01f).Loss);
        var cpu = CpuSeconds();
        for (var i = 0; i < steps; i++)
        {
            var watch = Stopwatch.StartNew();
            losses.Add(session.Step(values, labels, 0.01f).Loss);
            seconds.Add(watch.Elapsed.TotalSeconds);
        }

        return new Measurement
        {
            Seconds = [.. seconds],
            CpuSeconds = CpuSeconds() - cpu,
            Steps = steps,
            Losses = [.. losses],
            MemoryBefore = before,
            MemoryPeak = PeakMemory(),
        };
    }

    private static Measurement Purification(TrainingEngine engine, string path, string data, int threads)
    {
        var before = PeakMemory();
        var cpu = CpuSeconds();
        var watch = Stopwatch.StartNew();
        var options = PurificationOptions.Published() with { Engine = engine, Device = Device.Cpu, Threads = threads };
        var report = Purifier.Purify(OnnxModel.Load(path), Samples.Read(data), options).Report;
        return new Measurement
        {
            Seconds = [watch.Elapsed.TotalSeconds],
            CpuSeconds = CpuSeconds() - cpu,
            Steps = report.Unlearning.Epochs.Concat(report.Relearning.Epochs).Sum(e => e.Losses.Count),
            Neurons = [.. report.SuspiciousNeurons],
            MemoryBefore = before,
            MemoryPeak = PeakMemory(),
        };
    }

    private static Measurement Startup(TrainingEngine engine, string path, int threads)
    {
        var before = PeakMemory();
        using var session = Open(engine, path, [3, 32, 32], threads);
        return new Measurement { MemoryBefore = before, MemoryPeak = PeakMemory() };
    }

    private static ITrainingSession Open(TrainingEngine engine, string path, int[] sampleShape, int threads)
    {
        var forward = ForwardGraph.Create(OnnxModel.Load(path));
        var options = new TrainingGraphOptions { Objective = new CrossEntropy(sign: -1f) };
        var device = engine.Resolve(Device.Cpu, null);
        return engine.Open(new TrainingSetup(forward, Prober.Run(forward, sampleShape), sampleShape, options, device, threads), Sgd);
    }

    private static double CpuSeconds()
    {
        using var process = Process.GetCurrentProcess();
        return process.TotalProcessorTime.TotalSeconds;
    }

    // VmHWM on Linux.
    private static long PeakMemory()
    {
        using var process = Process.GetCurrentProcess();
        return process.PeakWorkingSet64;
    }
}
