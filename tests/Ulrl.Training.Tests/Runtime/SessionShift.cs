using Ulrl.Training.Autodiff;
using Ulrl.Training.Runtime;
using Ulrl.Training.Tests.Purification;

namespace Ulrl.Training.Tests.Runtime;

/// <summary>What <see cref="ITrainingSession.Shift"/> must do in every engine, on the bundled example.</summary>
internal static class SessionShift
{
    private const int BatchSize = 16;
    private const float Rate = 0.01f;
    private static readonly SgdOptions Sgd = new(Momentum: 0.9f, WeightDecay: 0f, ClipNorm: null);

    /// <summary>After any number of steps, a shift and its opposite change the next steps by rounding only.</summary>
    public static void AssertUndone(TrainingEngine engine)
    {
        using var plain = Open(engine);
        using var shifted = Open(engine);
        var direction = Direction(plain);
        for (var step = 0; step < 4; step++)
        {
            shifted.Shift(direction, 0.3f);
            shifted.Shift(direction, -0.3f);
            var (expected, found) = (Step(plain, step), Step(shifted, step));
            Assert.Equal(expected.Loss, found.Loss, 1e-3f * expected.Loss);
        }

        AssertClose(plain.ReadState(), shifted.ReadState(), 1e-3);
    }

    /// <summary>A batch without labels has no gradient, so that only momenta move the weights: as far from the shifted weights as from the others.</summary>
    public static void AssertMomentaStay(TrainingEngine engine)
    {
        using var plain = Open(engine);
        using var shifted = Open(engine);
        foreach (var session in new[] { plain, shifted })
        {
            for (var step = 0; step < 3; step++) Step(session, step);
        }

        var before = plain.ReadState();
        var direction = Direction(plain);
        shifted.Shift(direction, 0.3f);
        var moved = shifted.ReadState();
        AssertClose(plain.Parameters.ToDictionary(p => p, p => direction[p].Select(d => 0.3f * d).ToArray()), Difference(plain, moved, before), 1e-4);
        foreach (var name in before.Keys.Except(plain.Parameters)) Assert.Equal(before[name], moved[name]);

        Step(plain, 3, labelled: false);
        Step(shifted, 3, labelled: false);
        var expected = Difference(plain, plain.ReadState(), before);
        Assert.Contains(expected, e => e.Value.Any(v => v != 0));
        AssertClose(expected, Difference(plain, shifted.ReadState(), moved), 1e-3);
    }

    /// <summary>A step at displaced weights moves the others by the gradient there, as that of a session that starts at the displaced ones.</summary>
    public static void AssertStepsWhereDisplaced(TrainingEngine engine)
    {
        using var displaced = Open(engine);
        using var there = Open(engine);
        using var here = Open(engine);
        var given = displaced.ReadState();
        var direction = Direction(displaced);
        displaced.Shift(direction, 0.5f);
        var loss = Step(displaced, 0).Loss;
        displaced.Shift(direction, -0.5f);

        var start = displaced.Parameters.ToDictionary(p => p, p => given[p].Zip(direction[p], (w, d) => w + (0.5f * d)).ToArray());
        there.Reset(start);
        Assert.Equal(loss, Step(there, 0).Loss, 1e-4f * loss);
        Assert.NotEqual(loss, Step(here, 0).Loss, 1e-2f * loss);
        AssertClose(Difference(there, there.ReadState(), start), Difference(displaced, displaced.ReadState(), given), 1e-3);
    }

    private static ITrainingSession Open(TrainingEngine engine)
    {
        var forward = ForwardGraph.Create(Example.Model());
        var options = new TrainingGraphOptions { Objective = new CrossEntropy(), Mode = NetworkMode.Train };
        return engine.Open(new TrainingSetup(forward, Prober.Run(forward, [3, 32, 32]), [3, 32, 32], options, Device.Cpu, 1), Sgd);
    }

    private static StepResult Step(ITrainingSession session, int number, bool labelled = true)
    {
        var samples = Example.Clean(BatchSize * (number + 1)).Subset([.. Enumerable.Range(BatchSize * number, BatchSize)]);
        return session.Step(samples.Values, samples.Labels.Select(l => labelled ? (long)l : -1L).ToArray(), Rate);
    }

    // Every parameter moves by a fifth of itself here, by none there.
    private static Dictionary<string, float[]> Direction(ITrainingSession session)
    {
        var state = session.ReadState();
        return session.Parameters.ToDictionary(p => p, p => state[p].Select((w, i) => 0.2f * w * MathF.Sin(i)).ToArray());
    }

    private static Dictionary<string, float[]> Difference(
        ITrainingSession session, IReadOnlyDictionary<string, float[]> after, IReadOnlyDictionary<string, float[]> before) =>
        session.Parameters.ToDictionary(p => p, p => after[p].Zip(before[p], (a, b) => a - b).ToArray());

    // Within a share of the norm of all tensors: some of them, such as biases before batch-norm, hardly move.
    private static void AssertClose(IReadOnlyDictionary<string, float[]> expected, IReadOnlyDictionary<string, float[]> found, double share)
    {
        Assert.Equal(expected.Keys.Order(StringComparer.Ordinal), found.Keys.Order(StringComparer.Ordinal));
        var norm = Math.Sqrt(expected.Values.Sum(values => values.Sum(v => (double)v * v)));
        foreach (var (name, values) in expected)
        {
            var off = Math.Sqrt(values.Zip(found[name], (e, f) => (double)(e - f) * (e - f)).Sum());
            Assert.True(off <= share * norm, $"{name} is off by {off:E2}, {share * norm:E2} is allowed.");
        }
    }
}
