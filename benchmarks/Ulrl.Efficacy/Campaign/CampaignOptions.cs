using Ulrl.Efficacy.Victims;

namespace Ulrl.Efficacy.Campaign;

/// <summary>What a campaign does.</summary>
internal sealed record CampaignOptions
{
    /// <summary>Where the images are.</summary>
    public required string Data { get; init; }

    /// <summary>Folder of what is kept: trained models, their triggered samples, results.</summary>
    public required string Folder { get; init; }

    /// <summary>Folder of further models; null for none.</summary>
    public string? Given { get; init; }

    /// <summary>Folder of the triggered samples of these, <c>NAME-triggered.npz</c>; null for the same folder.</summary>
    public string? Triggered { get; init; }

    /// <summary>Models to take, by name; empty for all.</summary>
    public required IReadOnlyList<string> Models { get; init; }

    /// <summary>Methods to take.</summary>
    public required IReadOnlyList<string> Methods { get; init; }

    /// <summary>Tables to make.</summary>
    public required IReadOnlyList<string> Tables { get; init; }

    /// <summary>Seeds, 0 to this, exclusive.</summary>
    public required int Seeds { get; init; }

    /// <summary>CPU threads; 0 for one per core.</summary>
    public required int Threads { get; init; }

    /// <summary>Training samples that are read.</summary>
    public required int TrainingSamples { get; init; }

    /// <summary>How long models are trained.</summary>
    public required VictimSchedule Schedule { get; init; }

    /// <summary>Whether to train what is missing and measure nothing.</summary>
    public bool TrainOnly { get; init; }

    /// <summary>Whether to print the tables of the results there are and measure nothing.</summary>
    public bool PrintOnly { get; init; }
}
