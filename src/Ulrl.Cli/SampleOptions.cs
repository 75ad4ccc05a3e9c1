using System.CommandLine;
using Ulrl.Training;
using Ulrl.Training.Data;

namespace Ulrl.Cli;

/// <summary>How samples are read and normalised: <c>--normalization</c>, or <c>--mean</c> and <c>--std</c>.</summary>
internal sealed class SampleOptions
{
    private const string Formats = ".npz (x, y), CIFAR-10/100 binary, or IDX images (plain or .gz)";

    private readonly Option<string?> mean = new("--mean") { Description = "Mean per channel of pixels in [0,1], for example .4914,.4822,.4465.", HelpName = "M,M,M" };
    private readonly Option<string?> std = new("--std") { Description = "Standard deviation per channel, for example .247,.243,.261.", HelpName = "S,S,S" };
    private readonly Option<string?> preset = new("--normalization")
    {
        Description = "Mean and deviation of a known data set, instead of --mean and --std: " + string.Join(", ", ChannelNormalization.Names) + ".",
        HelpName = "NAME",
    };

    public static Option<string> Clean() => new("--clean")
    {
        Description = $"Clean labelled samples: {Formats}.",
        HelpName = "DATA",
        Required = true,
    };

    public static Option<string?> Triggered() => new("--triggered")
    {
        Description = "Samples that carry the trigger, with their true labels, to measure attack success and robust accuracy.",
        HelpName = "DATA",
    };

    public static Option<int?> Target()
    {
        var number = CommonOptions.Number("--target", 0, int.MaxValue);
        return new("--target")
        {
            Description = "Class that the trigger leads to; by default entry 'target' of the triggered samples.",
            HelpName = "CLASS",
            CustomParser = result => number(result),
        };
    }

    public void AddTo(Command command)
    {
        command.Options.Add(mean);
        command.Options.Add(std);
        command.Options.Add(preset);
    }

    /// <summary>The normalisation asked for; null for none.</summary>
    public ChannelNormalization? Normalization(ParseResult parsed)
    {
        string? m = parsed.GetValue(mean), s = parsed.GetValue(std), name = parsed.GetValue(preset);
        if (name is not null && (m is not null || s is not null))
            throw new UsageException("--normalization stands for --mean and --std; give one or the other.");
        if (m is null != s is null)
            throw new UsageException("--mean and --std belong together; give both.");
        try
        {
            return name is not null ? ChannelNormalization.FromName(name) : m is not null ? ChannelNormalization.Parse(m, s!) : null;
        }
        catch (DataSetException e)
        {
            throw new UsageException(e.Message);
        }
    }

    /// <summary>Reads samples and normalises them.</summary>
    public static LabeledSamples Read(string path, ChannelNormalization? normalization, Terminal terminal)
    {
        var samples = DataSetReader.Read(path);
        if (normalization is not null)
            return samples.Normalize(normalization);
        if (LooksUnnormalised(samples.Values))
            terminal.Note($"{samples.Source}: values lie between 0 and 1 and no --mean and --std are given; they are used as they are.");
        return samples;
    }

    private static bool LooksUnnormalised(ReadOnlySpan<float> values)
    {
        foreach (var value in values)
        {
            if (value is < 0 or > 1)
                return false;
        }

        return true;
    }
}
