using Ulrl.TorchSharp.Engine;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Data;
using Ulrl.Training.Onnx;
using Ulrl.Training.Runtime;
using Ulrl.Training.Tests;

namespace Ulrl.TorchSharp.Tests.Engine;

/// <summary>Loss, logits and gradients of real networks by both engines.</summary>
public sealed class ZooTests
{
    public static TheoryData<string, NetworkMode> Networks
    {
        get
        {
            var networks = new TheoryData<string, NetworkMode>();
            foreach (var name in TestFiles.ZooNames)
            {
                networks.Add(name, NetworkMode.Evaluate);
                networks.Add(name, NetworkMode.Train);
            }

            return networks;
        }
    }

    [Theory]
    [MemberData(nameof(Networks))]
    public void Both_engines_compute_the_same_loss_and_gradients(string name, NetworkMode mode)
    {
        using var reference = NpzFile.Open(TestFiles.ZooReference(name));
        var input = reference.Read("input");
        int[] labels = [.. reference.Read("labels").ToInt64s().Select(l => (int)l)];
        GradientResult Compute(TrainingEngine engine) =>
            GradientCalculator.Compute(OnnxModel.Load(TestFiles.ZooModel(name)), input.ToSingles(), input.Shape[1..], labels, mode, Device.Cpu, 1, engine);

        EngineComparison.AssertSame(Compute(TrainingEngine.OnnxRuntime), Compute(TorchSharpEngine.Instance));
    }

    [Theory]
    [InlineData(NetworkMode.Evaluate)]
    [InlineData(NetworkMode.Train)]
    public void Both_engines_compute_the_same_loss_and_gradients_of_the_bundled_example(NetworkMode mode)
    {
        var samples = Training.Tests.Purification.Example.Clean(64);
        GradientResult Compute(TrainingEngine engine) => GradientCalculator.Compute(
            Training.Tests.Purification.Example.Model(), samples.Values, samples.SampleShape, samples.Labels, mode, Device.Cpu, 2, engine);

        EngineComparison.AssertSame(Compute(TrainingEngine.OnnxRuntime), Compute(TorchSharpEngine.Instance));
    }
}
