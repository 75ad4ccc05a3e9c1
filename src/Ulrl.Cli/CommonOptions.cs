using System.CommandLine;
using System.CommandLine.Parsing;
using Ulrl.Training;
using Ulrl.Training.Runtime;

namespace Ulrl.Cli;

/// <summary>Arguments and options that several commands share.</summary>
internal static class CommonOptions
{
    public static Argument<string> Model() => new("MODEL") { Description = "The classifier, an ONNX file." };

    public static Option<bool> Json() => new("--json") { Description = "Print the result as JSON, and nothing else, on standard output." };

    public static Option<bool> Force() => new("--force") { Description = "Allow the output to replace an input." };

    public static Option<Device> Device() => new("--device")
    {
        Description = "Where to compute: auto, cpu, cuda or cuda:N.",
        HelpName = "DEVICE",
        DefaultValueFactory = _ => Training.Runtime.Device.Auto,
        CustomParser = Parse(Training.Runtime.Device.Parse),
    };

    public static Option<int> Threads() => new Option<int>("--threads")
    {
        Description = "CPU threads; 0 for one per core.",
        HelpName = "N",
    }.Between(0, 1024);

    /// <summary>Refuses numbers outside a range.</summary>
    public static Option<T> Between<T>(this Option<T> option, T least, T most)
        where T : struct, IComparable<T>
    {
        option.Validators.Add(result => Check(result, option.Name, least, most, () => result.GetValueOrDefault<T>()));
        return option;
    }

    /// <summary>A parser whose error becomes an error of usage.</summary>
    public static Func<ArgumentResult, T?> Parse<T>(Func<string, T> parse) => result =>
    {
        try
        {
            return parse(result.Tokens[0].Value);
        }
        catch (UlrlException e)
        {
            result.AddError(e.Message);
            return default;
        }
    };

    private static void Check<T>(OptionResult result, string name, T least, T most, Func<T> value)
        where T : struct, IComparable<T>
    {
        // A value that is no number at all has its own error already.
        if (result.Errors.Any())
            return;
        var given = value();
        if (given.CompareTo(least) < 0 || given.CompareTo(most) > 0)
            result.AddError(FormattableString.Invariant($"{name} must lie between {least} and {most}, not {given}."));
    }
}
