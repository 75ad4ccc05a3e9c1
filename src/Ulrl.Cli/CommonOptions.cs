using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;
using Ulrl.Training;
using Ulrl.Training.Runtime;

namespace Ulrl.Cli;

/// <summary>Arguments and options that several commands share.</summary>
internal static class CommonOptions
{
    public static Argument<string> Model() => new("MODEL") { Description = "The classifier, an ONNX file." };

    public static Option<string?> Classifier() => new("--classifier") { Description = "Initializer with the weights of the classifier layer, where it is not found by itself.", HelpName = "INITIALIZER" };

    public static Option<bool> Json() => new("--json") { Description = "Print the result as JSON, and nothing else, on standard output." };

    public static Option<bool> Force() => new("--force") { Description = "Allow the output to replace an input." };

    public static Option<Device> Device() => new("--device")
    {
        Description = "Where to compute: auto, cpu, cuda or cuda:N.",
        HelpName = "DEVICE",
        DefaultValueFactory = _ => Training.Runtime.Device.Auto,
        CustomParser = Parse(Training.Runtime.Device.Parse),
    };

    public static Option<TrainingEngine> Engine() => new("--engine")
    {
        Description = "What computes the training steps: onnxruntime, torchsharp (libtorch, where the tool was built with it) or auto.",
        HelpName = "ENGINE",
        DefaultValueFactory = _ => TrainingEngine.OnnxRuntime,
        CustomParser = Parse(TrainingEngine.Parse),
    };

    public static Option<int> Threads() => new("--threads")
    {
        Description = "CPU threads; 0 for one per core.",
        HelpName = "N",
        CustomParser = Number("--threads", 0, 1024),
    };

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

    /// <summary>A parser of numbers within a range.</summary>
    public static Func<ArgumentResult, T> Number<T>(string name, T least, T most)
        where T : struct, INumber<T> => result =>
    {
        if (T.TryParse(result.Tokens[0].Value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most)
            return number;
        result.AddError(string.Create(CultureInfo.InvariantCulture, $"{name} takes a number from {least} to {most}, not '{result.Tokens[0].Value}'."));
        return default;
    };

    /// <summary>A shape such as <c>3,32,32</c>.</summary>
    public static int[] ParseShape(string text)
    {
        var parts = text.Split(',', StringSplitOptions.TrimEntries);
        var shape = new int[parts.Length];
        for (var i = 0; i < parts.Length; i++)
        {
            if (!int.TryParse(parts[i], NumberStyles.None, CultureInfo.InvariantCulture, out shape[i]) || shape[i] < 1)
                throw new UsageException($"'{text}' is no shape; write for example 3,32,32.");
        }

        return shape;
    }
}
