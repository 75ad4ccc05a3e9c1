namespace Ulrl.Training.Purification;

/// <summary>
/// How a perturbation loses its freedom while its length grows, level by level. All classes go through the levels before the first final one; then only the foremost
/// go on. Further levels refine what is left with more steps: at first few samples may follow, and then nearly all at once.
/// </summary>
/// <param name="FirstRadius">Largest length at the first level, for 3×32×32 values of deviation 1; of a warp the mean way of a pixel.</param>
/// <param name="LastRadius">Largest length at the last level; between them it grows geometrically.</param>
/// <param name="Shares">Share of the positions or frequencies that is kept after each level.</param>
/// <param name="Snapshots">The levels after which the perturbation is kept as it is.</param>
internal sealed record SharedPerturbationSchedule(double FirstRadius, double LastRadius, IReadOnlyList<double> Shares, IReadOnlyList<int> Snapshots)
{
    /// <summary>Most samples per step.</summary>
    public const int MostSamples = 32;

    private const int LevelSamples = 16;
    private const int LevelSteps = 3;
    private const int RefiningSteps = 8;

    private static readonly double[] Fewer = [1, 1 / 2.0, 1 / 4.0, 1 / 8.0, 1 / 16.0, 40 / 1024.0, 24 / 1024.0, 16 / 1024.0];

    private static readonly SharedPerturbationSchedule Sparse = new(5, 20, Fewer, [1, 3, 5, 6, 7]) { FirstFinal = 4, FinalSteps = 6, Measured = [3, 5, 6, 7] };
    private static readonly SharedPerturbationSchedule LongSparse = new(20, 30, Fewer, [3, 5, 6, 7]) { FirstFinal = 4, FinalSteps = 6, Measured = [3, 5, 6, 7] };
    private static readonly SharedPerturbationSchedule Smooth = new(6, 20, Fewer, [0, 1, 2, 3, 4, 5, 6, 7, 11]) { FirstFinal = 8, FirstSteps = 2, FirstSamples = MostSamples, Refined = 4 };
    private static readonly SharedPerturbationSchedule Warp = new(0.6, 1.5, [1, 1, 1, 1], [0, 1, 2, 3]) { FirstFinal = 2 };

    /// <summary>The first of the levels that only the foremost classes go through.</summary>
    public required int FirstFinal { get; init; }

    /// <summary>Steps per level before the final ones.</summary>
    public int FirstSteps { get; init; } = LevelSteps;

    /// <summary>Samples per step before the final levels.</summary>
    public int FirstSamples { get; init; } = LevelSamples;

    /// <summary>Steps per final level.</summary>
    public int FinalSteps { get; init; } = LevelSteps;

    /// <summary>Levels at the end that refine what is left.</summary>
    public int Refined { get; init; }

    /// <summary>The levels at which success is measured on many samples after them, instead of on their last batch.</summary>
    public IReadOnlyList<int> Measured { get; init; } = [];

    /// <summary>Number of levels.</summary>
    public int Levels => Shares.Count + Refined;

    /// <summary>The schedule of a kind that is searched by descent.</summary>
    /// <param name="kind">The kind.</param>
    /// <param name="isLong">Whether a sparse perturbation is long from the first level on.</param>
    public static SharedPerturbationSchedule Of(PerturbationKind kind, bool isLong) => kind switch
    {
        PerturbationKind.Sparse => isLong ? LongSparse : Sparse,
        PerturbationKind.Smooth => Smooth,
        PerturbationKind.Warp => Warp,
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "this kind is not searched by descent"),
    };

    /// <summary>Steps of some levels.</summary>
    /// <param name="first">The first of them.</param>
    /// <param name="end">The one after the last.</param>
    public int Steps(int first, int end) =>
        Enumerable.Range(first, end - first).Sum(level => level >= Shares.Count ? RefiningSteps : level >= FirstFinal ? FinalSteps : FirstSteps);

    /// <summary>Samples per step at a level.</summary>
    /// <param name="level">The level.</param>
    public int Samples(int level) => level < FirstFinal ? FirstSamples : LevelSamples;

    /// <summary>Largest length at a level.</summary>
    /// <param name="level">The level.</param>
    public double Radius(int level) => FirstRadius * Math.Pow(LastRadius / FirstRadius, Math.Min((double)level / (Shares.Count - 1), 1));
}
