using Ulrl.Training.Evaluation;
using Ulrl.Training.Purification;

namespace Ulrl.Training.Tests.Purification;

/// <summary>Answers of three classes: probabilities are given, logits are their logarithms.</summary>
public sealed class TargetCorrectionTests
{
    private const int Count = 400;

    // Class 0 occurs 100 times.
    private static readonly int[] Labels = [.. Enumerable.Range(0, Count).Select(i => i % 4 == 0 ? 0 : 1 + (i % 2))];

    [Fact]
    public void Twice_what_makes_a_class_be_answered_as_often_as_it_occurs_is_taken_off()
    {
        // Every sample has 0.4 for class 0, which occurs with 0.25 and is never the largest: no answer is wrong but those of its own samples.
        var logits = Answers(_ => 0.4);

        var found = Assert.Single(TargetCorrection.Of([0], logits, Labels, 0.5f));

        var most = (100 + Math.Sqrt(100)) / Count;
        Assert.Equal(0, found.Class);
        Assert.Equal(2 * (Math.Log(0.4 / 0.6) - Math.Log(most / (1 - most))), found.Logit, 1e-4);
        Assert.Equal(1.5f, Assert.Single(TargetCorrection.Of([0], logits, Labels, 1.5f)).Logit);
    }

    [Theory]
    [InlineData(0.27)]
    [InlineData(0.23)]
    public void A_class_that_is_answered_about_as_often_as_it_occurs_is_lowered_by_the_least(double probability)
    {
        // 108 and 92 of 400 samples are within one standard error, 10, of 100.
        Assert.Equal(new TargetCorrection(0, 0.5f), Assert.Single(TargetCorrection.Of([0], Answers(_ => probability), Labels, 0.5f)));
    }

    [Fact]
    public void Classes_that_are_answered_too_rarely_have_none()
    {
        // 88 of 400 samples.
        Assert.Empty(TargetCorrection.Of([0], Answers(_ => 0.22), Labels, 0.5f));
        Assert.Empty(TargetCorrection.Of([], Answers(_ => 0.4), Labels, 0.5f));
    }

    [Fact]
    public void Less_is_taken_off_where_few_clean_samples_hold_the_class()
    {
        // 80 samples, 20 of class 0.
        var correction = Assert.Single(TargetCorrection.Of([0], Answers(_ => 0.4)[..240], Labels[..80], 1e-3f));
        var most = (20 + Math.Sqrt(20)) / 80;
        Assert.Equal(0.5 * 2 * (Math.Log(0.4 / 0.6) - Math.Log(most / (1 - most))), correction.Logit, 1e-4);

        Assert.Equal(0.5f, Assert.Single(TargetCorrection.Of([0], Answers(_ => 0.25)[..240], Labels[..80], 1f)).Logit);
        Assert.Empty(TargetCorrection.Of([0], Answers(_ => 0.4), [.. Labels.Select(label => Math.Max(label, 1))], 1f));
    }

    [Fact]
    public void Logits_of_any_size_are_taken()
    {
        var logits = Answers(_ => 0.4).Select(v => v + 700).ToArray();

        Assert.Equal(TargetCorrection.Of([0], Answers(_ => 0.4), Labels, 0.5f)[0].Logit, TargetCorrection.Of([0], logits, Labels, 0.5f)[0].Logit, 1e-3f);
        Assert.Equal(40f, Assert.Single(TargetCorrection.Of([0], [.. Enumerable.Range(0, 3 * Count).Select(i => i % 3 == 0 ? 1000f : -1000f)], Labels, 0.5f)).Logit, 1e-3f);
    }

    [Fact]
    public void The_evaluator_gives_the_logits_that_its_predictions_are_made_of()
    {
        var clean = Example.Clean(150);
        using var evaluator = new Evaluator(Example.Model(), batchSize: 64);

        var logits = evaluator.Logits(clean);

        Assert.Equal(1500, logits.Length);
        Assert.Equal(evaluator.EvaluateClean(clean).Predictions, logits.Chunk(10).Select(row => Array.IndexOf(row, row.Max())));
    }

    // The rest goes to the larger of the two other classes, 0.9 of it, and to the other one.
    private static float[] Answers(Func<int, double> first) =>
    [
        .. Enumerable.Range(0, Count).SelectMany(i => new[] { first(i), 0.9 * (1 - first(i)), 0.1 * (1 - first(i)) }.Select(p => (float)Math.Log(p))),
    ];
}
