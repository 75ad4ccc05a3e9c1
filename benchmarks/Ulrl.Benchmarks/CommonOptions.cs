using System.CommandLine;

namespace Ulrl.Benchmarks;

/// <summary>Options that several commands share.</summary>
internal static class CommonOptions
{
    public static Option<int> Threads() => Number("--threads", 2, "CPU threads of both.");

    // The bundled clean samples are 500.
    public static Option<int> Batch() => Number("--batch", 128, "Samples of a training step, at most 500.", most: 500);

    public static Option<string> Python() => new("--python")
    {
        Description = "Python interpreter that has PyTorch and NumPy.",
        DefaultValueFactory = _ => "python3",
    };

    public static Option<int> Number(string name, int value, string description, int most = int.MaxValue)
    {
        var option = new Option<int>(name) { Description = description, DefaultValueFactory = _ => value };
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count != 1 || !int.TryParse(result.Tokens[0].Value, out var given)) return;
            if (given < 1 || given > most) result.AddError($"{name} is {given}; it must be from 1 to {most}.");
        });
        return option;
    }
}
