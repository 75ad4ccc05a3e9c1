using System.CommandLine;
using System.Globalization;
using Ulrl.Training;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Data;
using Ulrl.Training.Onnx;
using Ulrl.Training.Runtime;

namespace Ulrl.Benchmarks;

/// <summary><c>cross-check</c>: loss and gradients of both networks against PyTorch's, on one batch in train mode.</summary>
internal static class CrossCheckCommand
{
    private const double LossTolerance = 1e-5;
    private const double GradientTolerance = 1e-3;

    public static Command Create()
    {
        var threads = CommonOptions.Threads();
        var batch = CommonOptions.Batch();
        var python = CommonOptions.Python();
        var command = new Command("cross-check", "Compares losses and gradients with PyTorch's instead of timing them.") { threads, batch, python };
        command.SetAction(parsed =>
        {
            var interpreter = parsed.GetRequiredValue(python);
            var folder = Directory.CreateTempSubdirectory("ulrl-benchmarks-");
            try
            {
                var samples = Samples.Read(Repository.CleanSamples).Take(parsed.GetValue(batch));
                Network[] networks = [Network.Example(folder.FullName), Network.ResNet18(interpreter, folder.FullName)];
                return networks.All(n => Agrees(n, samples, interpreter, parsed.GetValue(threads), folder.FullName)) ? 0 : 1;
            }
            finally
            {
                folder.Delete(recursive: true);
            }
        });
        return command;
    }

    private static bool Agrees(Network network, LabeledSamples samples, string python, int threads, string folder)
    {
        var path = Path.Combine(folder, "gradients.npz");
        var theirs = Child.Torch(
            python, "gradients", "--network", network.Key, "--weights", network.Weights, "--data", Repository.CleanSamples, "--out", path,
            "--batch", samples.Count.ToString(CultureInfo.InvariantCulture), "--threads", threads.ToString(CultureInfo.InvariantCulture));
        var ours = GradientCalculator.Compute(
            OnnxModel.Load(network.Model), samples.Values, samples.SampleShape, samples.Labels, NetworkMode.Train, Device.Cpu, threads);
        var loss = Math.Abs(ours.Loss - theirs.Losses[0]) / theirs.Losses[0];
        var (worst, at) = (0.0, "");
        using var file = NpzFile.Open(path);
        if (!file.Names.ToHashSet().SetEquals(ours.Gradients.Keys)) throw new UlrlException($"{network.Title}: the two train different parameters.");
        foreach (var name in file.Names)
        {
            var expected = file.Read(name).ToSingles();
            var deviation = expected.Zip(ours.Gradients[name].Values, (e, o) => Math.Abs(e - o)).Max() / expected.Max(Math.Abs);
            if (!(deviation <= worst)) (worst, at) = (deviation, name);
        }

        Console.WriteLine(FormattableString.Invariant(
            $"{network.Title}: loss {ours.Loss:G7}, off by {loss:G2}; {file.Names.Count} gradients, the worst ({at}) off by {worst:G2} of its largest entry"));
        return loss <= LossTolerance && worst <= GradientTolerance;
    }
}
