using Ulrl.TorchSharp.Engine;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Runtime;
using Ulrl.Training.Tests.Autodiff.Gradients;

namespace Ulrl.TorchSharp.Tests.Engine;

/// <summary>Every operator, attribute and opset whose gradient rule is tested, computed by libtorch and by ONNX Runtime.</summary>
public sealed class OperatorTests
{
    private static readonly Dictionary<string, GradientCases> Families = new(StringComparer.Ordinal)
    {
        ["activations"] = ActivationGradientTests.Cases,
        ["convolutions"] = ConvolutionGradientTests.Cases,
        ["element-wise"] = ElementwiseGradientTests.Cases,
        ["indexing"] = IndexingGradientTests.Cases,
        ["matrices"] = MatrixGradientTests.Cases,
        ["normalisation"] = NormalizationGradientTests.Cases,
        ["pooling"] = PoolingGradientTests.Cases,
        ["reductions"] = ReductionGradientTests.Cases,
        ["resizing"] = ResizeGradientTests.Cases,
        ["shapes"] = ShapeGradientTests.Cases,
    };

    public static TheoryData<string, string> Names
    {
        get
        {
            var names = new TheoryData<string, string>();
            foreach (var (family, cases) in Families)
            {
                foreach (string name in cases.Names) names.Add(family, name);
            }

            return names;
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Both_engines_compute_the_same_loss_and_gradients(string family, string name)
    {
        var tested = Families[family][name];
        var (graph, model) = GradientCheck.Network(tested.Opset, tested.Build);
        int[] shape = [graph.InputSize];
        var samples = graph.Samples(4);
        var forward = ForwardGraph.Create(model);
        var options = new TrainingGraphOptions { Objective = new CrossEntropy(), Mode = tested.Mode, Trains = graph.Parameters.Contains };
        var setup = new TrainingSetup(forward, Prober.Run(forward, shape), shape, options, Device.Cpu, 1);

        var expected = TrainingEngine.OnnxRuntime.Gradients(setup, samples, [0, 1, 2, 1]);
        var found = TorchSharpEngine.Instance.Gradients(setup, samples, [0, 1, 2, 1]);

        EngineComparison.AssertSame(expected, found);
    }
}
