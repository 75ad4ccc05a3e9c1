using System.CommandLine;
using System.Globalization;
using Ulrl.Training;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Data;
using Ulrl.Training.Onnx;
using Ulrl.Training.Runtime;

namespace Ulrl.Benchmarks;

/// <summary>
/// <c>cross-check</c>: loss and gradients of both networks against PyTorch's in double precision, on one batch in train mode.
/// A ReLU whose input is zero but for rounding moves the gradients before it by as much as a percent in single entries,
/// so gradients are compared by their norms.
/// </summary>
internal static class CrossCheckCommand
{
    private const double LossTolerance = 1e-5;
    private const double GradientTolerance = 1e-2;

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
        using var file = NpzFile.Open(path);
        const string Double = "double/";
        var names = file.Names.Where(n => n.StartsWith(Double, StringComparison.Ordinal)).Select(n => n[Double.Length..]).ToHashSet(StringComparer.Ordinal);
        if (!names.SetEquals(ours.Gradients.Keys)) throw new UlrlException($"{network.Title}: the two train different parameters.");
        var (worst, rounding) = (0.0, 0.0);
        foreach (var name in names)
        {
            var reference = ((double[])file.Read(Double + name).Values).AsSpan();
            worst = Math.Max(worst, Deviation(ours.Gradients[name].Values, reference));
            rounding = Math.Max(rounding, Deviation(file.Read("single/" + name).ToSingles(), reference));
        }

        var loss = Math.Abs(ours.Loss - theirs.Losses[1]) / theirs.Losses[1];
        Console.WriteLine(FormattableString.Invariant(
            $"{network.Title}: loss {ours.Loss:G7}, off by {loss:G2}; {names.Count} gradients, off by at most {worst:G2} of their norm, PyTorch's own in single precision by {rounding:G2}"));
        return loss <= LossTolerance && worst <= GradientTolerance;
    }

    // Norm of the difference, as a part of the reference's norm. Not a number stays one.
    private static double Deviation(ReadOnlySpan<float> values, ReadOnlySpan<double> reference)
    {
        var (difference, norm) = (0.0, 0.0);
        for (var i = 0; i < reference.Length; i++)
        {
            difference += (values[i] - reference[i]) * (values[i] - reference[i]);
            norm += reference[i] * reference[i];
        }

        return Math.Sqrt(difference / norm);
    }
}
