using Ulrl.Training.Autodiff;
using Ulrl.Training.Runtime;
using Ulrl.Training.Tests.Autodiff.Gradients;
using Ulrl.Training.Tests.Purification;
using static Ulrl.Training.Tests.Autodiff.Gradients.Operand;

namespace Ulrl.Training.Tests.Autodiff;

/// <summary>Samples of label −1 have no part in the cross-entropy and in the accuracy.</summary>
public sealed class UnlabelledTests
{
    private const int Features = 5;
    private static readonly long[] Mixed = [0, -1, 2, -1, 1, 2];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Gradients_are_those_of_the_labelled_samples_over_the_whole_batch(bool portable)
    {
        var (graph, model) = GradientCheck.Network(18, g => [g.Op("MatMul", [g.Add(Batch(Features)), g.Add(Param(Features, 4))])]);
        var samples = graph.Samples(Mixed.Length);
        var forward = ForwardGraph.Create(model);
        var options = new TrainingGraphOptions { Objective = new CrossEntropy(), Portable = portable, Trains = graph.Parameters.Contains };
        var setup = new TrainingSetup(forward, Prober.Run(forward, [graph.InputSize]), [graph.InputSize], options, Device.Cpu, 1);

        var found = TrainingEngine.OnnxRuntime.Gradients(setup, samples, Mixed);

        using var loss = new LossFunction(model, graph.Parameters, samples, Mixed);
        foreach (var parameter in graph.Parameters)
        {
            var expected = loss.Differences(parameter, 4e-3f);
            Assert.All(expected.Zip(found.Gradients[parameter].Values), pair => Assert.Equal(pair.First, pair.Second, 1e-3));
        }
    }

    [Fact]
    public void A_batch_without_labels_teaches_nothing_and_counts_nothing()
    {
        using var session = Session(new CrossEntropy());
        var clean = Example.Clean(4);

        var result = session.Step(clean.Values.ToArray(), new long[] { -1, -1, -1, -1 }, 1f);

        Assert.Equal(new StepResult(0f, 0f, 0, 0), result);
        using var given = Session(new CrossEntropy());
        var before = given.ReadState();
        Assert.All(session.ReadState(), tensor => Assert.Equal(before[tensor.Key], tensor.Value));
    }

    [Fact]
    public void Accuracy_is_that_of_the_labelled_samples()
    {
        var clean = Example.Clean(32);
        var labels = clean.Labels.Select(l => (long)l).ToArray();
        StepResult Step(ReadOnlySpan<int> without)
        {
            var some = labels.ToArray();
            foreach (var i in without) some[i] = -1;
            using var session = Session(new CrossEntropy());
            return session.Step(clean.Values.ToArray(), some, 0f);
        }

        var (all, half) = (Step([]), Step([.. Enumerable.Range(0, 16)]));
        var rest = Step([.. Enumerable.Range(16, 16)]);

        Assert.Equal((32, 16, 16), (all.Count, half.Count, rest.Count));
        Assert.Equal(all.Correct, half.Correct + rest.Correct);
        Assert.Equal(all.CrossEntropy, half.CrossEntropy + rest.CrossEntropy, 1e-5f);
    }

    [Fact]
    public void Distillation_teaches_samples_without_a_label()
    {
        using var session = Session(new Distillation(new CrossEntropy(), 1f, 2f));
        var both = Example.Clean(8);

        var result = session.Step(both.Take(4).Values, new long[] { -1, -1, -1, -1 }, 1f, both.Values.AsMemory(4 * both.SampleLength));

        Assert.Equal(0f, result.CrossEntropy);
        Assert.True(result.Loss > 0.1f, $"the distance to other samples' answers is {result.Loss}");
    }

    private static ITrainingSession Session(IObjective objective)
    {
        var forward = ForwardGraph.Create(Example.Model());
        var options = new TrainingGraphOptions { Objective = objective, Mode = NetworkMode.Evaluate };
        return TrainingEngine.OnnxRuntime.Open(new TrainingSetup(forward, Prober.Run(forward, [3, 32, 32]), [3, 32, 32], options, Device.Cpu, 1), new SgdOptions(0f, 0f, null));
    }
}
