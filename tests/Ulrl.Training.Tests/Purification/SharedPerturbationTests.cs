using System.Numerics.Tensors;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Data;
using Ulrl.Training.Evaluation;
using Ulrl.Training.Onnx;
using Ulrl.Training.Onnx.Proto;
using Ulrl.Training.Purification;
using Ulrl.Training.Runtime;
using Ulrl.Training.Tests.Autodiff.Gradients;
using static Ulrl.Training.Tests.Autodiff.Gradients.Operand;

namespace Ulrl.Training.Tests.Purification;

/// <summary>Perturbations that carry every sample to one class, searched on the bundled example: its backdoor leads to class 0.</summary>
public sealed class SharedPerturbationTests
{
    private const double Goal = 0.9;

    [Fact]
    public void The_backdoor_lets_a_smaller_perturbation_lead_to_its_target()
    {
        var clean = Example.Clean();
        using var search = Search(Example.Model(), clean);

        var (target, other) = (search.Grow(0, 0, Goal), search.Grow(5, 0, Goal));

        Assert.True(target.Success >= Goal, $"the last batch went to the target at a rate of {target.Success}");
        Assert.True(target.Norm < 0.75 * other.Norm, $"norm {target.Norm} toward the target, {other.Norm} toward another class");
        var shown = new LabeledSamples(Perturbed(clean, target.Values), clean.SampleShape, clean.Labels, target: 0);
        using var evaluator = new Evaluator(Example.Model());
        Assert.InRange(evaluator.EvaluateTriggered(shown).AttackSuccessRate, 0.85, 1);
    }

    [Fact]
    public void A_search_stays_in_its_ball_and_repeats_itself_to_the_bit()
    {
        var clean = Example.Clean(100);
        using var search = Search(Example.Model(), clean);
        using var again = Search(Example.Model(), clean);

        var found = search.Within(3, 2.0, 1);

        Assert.InRange(found.Norm, 1.5, 2.0 + 1e-5);
        Assert.Equal(found.Values, search.Within(3, 2.0, 1).Values);
        Assert.Equal(found.Values, again.Within(3, 2.0, 1).Values);
        Assert.NotEqual(found.Values, search.Within(3, 2.0, 2).Values);
    }

    [Fact]
    public void Radii_grow_with_the_root_of_the_number_of_values()
    {
        var (graph, model) = GradientCheck.Network(18, g => [g.Op("MatMul", [g.Add(Batch(12)), g.Add(Param(12, 4))])]);
        var samples = new LabeledSamples(graph.Samples(20), [graph.InputSize], [.. Enumerable.Range(0, 20).Select(i => i % 3)]);
        using var search = new SharedPerturbationSearch(model, null, samples, TrainingEngine.OnnxRuntime, Device.Cpu, 1, 64, seed: 0);

        var found = search.Grow(0, 0, goal: 1.1);

        // 2.5 · 1.25⁶ is the last radius below 10.
        var radius = 2.5 * Math.Pow(1.25, 6) * Math.Sqrt(graph.InputSize / 3072.0);
        Assert.InRange(found.Norm, 0.8 * radius, radius + 1e-5);
    }

    [Fact]
    public void The_gradient_is_the_slope_of_the_loss_toward_the_class()
    {
        var clean = Example.Clean(16);
        var perturbation = Enumerable.Range(0, clean.SampleLength).Select(i => 0.05f * MathF.Sin(i)).ToArray();
        using var gradients = Gradients(Example.Model());

        var (gradient, success) = gradients.Compute(clean.Values, 2, perturbation);

        // Along the gradient itself the slope is its norm.
        var norm = SharedPerturbation.NormOf(gradient);
        double Loss(double step) => Answer([.. perturbation.Zip(gradient, (p, g) => (float)(p + (step * g / norm)))]).Loss;
        GradientResult Answer(float[] added) => GradientCalculator.Compute(
            Example.Model(), Perturbed(clean, added), clean.SampleShape, [.. Enumerable.Repeat(2, clean.Count)], NetworkMode.Evaluate);
        Assert.Equal(norm, (Loss(0.01) - Loss(-0.01)) / 0.02, 0.01 * norm);
        Assert.Equal(Answer(perturbation).Logits.Chunk(10).Count(row => TensorPrimitives.IndexOfMax<float>(row) == 2) / 16.0, success);
    }

    [Theory]
    [InlineData("fixed batch", 1e-4)]
    [InlineData("softmax", 1e-4)]
    [InlineData("half precision", 0.05)]
    public void Other_forms_of_the_model_have_the_same_gradient(string form, double tolerance)
    {
        var clean = Example.Clean(6);
        var perturbation = new float[clean.SampleLength];
        perturbation[100] = 1f;
        var variant = form switch
        {
            "fixed batch" => ModelVariants.WithFixedBatch(Example.Model(), 4),
            "softmax" => ModelVariants.WithSoftmax(Example.Model()),
            _ => ModelVariants.InHalfPrecision(Example.Model()),
        };
        var found = new[] { Example.Model(), variant }.Select(model =>
        {
            using var gradients = Gradients(model);
            return gradients.Compute(clean.Values, 1, perturbation);
        }).ToArray();

        var difference = SharedPerturbation.NormOf([.. found[0].Gradient.Zip(found[1].Gradient, (a, b) => a - b)]);
        Assert.InRange(difference / SharedPerturbation.NormOf(found[0].Gradient), 0, tolerance);
        Assert.Equal(found[0].Success, found[1].Success);
    }

    [Fact]
    public void A_cancelled_search_ends()
    {
        using var search = Search(Example.Model(), Example.Clean(10));
        using var source = new CancellationTokenSource();
        source.Cancel();

        Assert.Throws<OperationCanceledException>(() => search.Grow(0, 0, Goal, source.Token));
    }

    [Fact]
    public void Samples_of_the_class_alone_are_refused()
    {
        var clean = Example.Clean(50);
        using var search = Search(Example.Model(), clean.Subset([.. Enumerable.Range(0, 50).Where(i => clean.Labels[i] == 3)]));

        var refused = Assert.Throws<DataSetException>(() => search.Grow(3, 0, Goal));

        Assert.Contains("all samples are of class 3; give clean samples of other classes", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_that_rounds_its_input_is_refused()
    {
        var refused = Assert.Throws<InvalidModelException>(() => Search(WithRoundedInput(Example.Model()), Example.Clean(4)));

        Assert.Contains("no gradient passes from the logits to input", refused.Message, StringComparison.Ordinal);
    }

    private static SharedPerturbationSearch Search(OnnxModel model, LabeledSamples clean) =>
        new(model, null, clean, TrainingEngine.OnnxRuntime, Device.Cpu, 0, 64, seed: 0);

    private static PerturbationGradient Gradients(OnnxModel model) => new(model, null, [3, 32, 32], TrainingEngine.OnnxRuntime, Device.Cpu, 0);

    private static float[] Perturbed(LabeledSamples samples, float[] perturbation) => [.. samples.Values.Select((v, i) => v + perturbation[i % perturbation.Length])];

    private static OnnxModel WithRoundedInput(OnnxModel model)
    {
        var copy = model.Clone();
        var graph = copy.Proto.Graph;
        var input = graph.Input[0].Name;
        foreach (var node in graph.Node.Where(n => n.Input.Contains(input))) node.Input[node.Input.IndexOf(input)] = "pixels";
        foreach (var (from, to, type) in new[] { ("bytes", "pixels", TensorProto.Types.DataType.Float), (input, "bytes", TensorProto.Types.DataType.Uint8) })
        {
            var cast = GraphBuilder.Node("", "Cast", [], [("to", (long)type)]);
            cast.Input.Add(from);
            cast.Output.Add(to);
            graph.Node.Insert(0, cast);
        }

        return copy;
    }
}
