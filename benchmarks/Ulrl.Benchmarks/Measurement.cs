using System.Text.Json.Serialization;

namespace Ulrl.Benchmarks;

/// <summary>What one child process measured about itself; one line of JSON.</summary>
internal sealed record Measurement
{
    /// <summary>Wall time of every timed step, or of the whole purification.</summary>
    public double[] Seconds { get; init; } = [];

    /// <summary>User and system time of the process over all of <see cref="Seconds"/>.</summary>
    public double CpuSeconds { get; init; }

    /// <summary>Training steps in <see cref="Seconds"/>.</summary>
    public int Steps { get; init; }

    /// <summary>Loss of every step, warm-up included.</summary>
    public double[] Losses { get; init; } = [];

    /// <summary>Suspicious neurons that the purification found.</summary>
    public int[] Neurons { get; init; } = [];

    /// <summary>Largest resident set, in bytes, before the model was loaded.</summary>
    public long MemoryBefore { get; init; }

    /// <summary>Largest resident set in bytes at the end.</summary>
    public long MemoryPeak { get; init; }

    /// <summary>Seconds from starting the process to its answer, as its parent saw them.</summary>
    [JsonIgnore]
    public double AnswerSeconds { get; init; }
}
