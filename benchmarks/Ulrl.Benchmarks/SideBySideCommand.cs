using System.CommandLine;

namespace Ulrl.Benchmarks;

/// <summary><c>side-by-side</c>: measures both halves in turn and prints the table.</summary>
internal static class SideBySideCommand
{
    public static Command Create()
    {
        var threads = CommonOptions.Threads();
        var rounds = CommonOptions.Number("--rounds", 5, "How often everything is measured, Ulrl and PyTorch in turn.");
        var steps = CommonOptions.Number("--steps", 8, "Timed training steps of one process, after two that warm up.");
        var batch = CommonOptions.Batch();
        var python = CommonOptions.Python();
        var only = new Option<string[]>("--only") { Description = "What to measure; everything by default.", AllowMultipleArgumentsPerToken = true };
        only.AcceptOnlyFromAmong("example", "resnet18", "purification", "startup");
        var markdown = new Option<string?>("--markdown") { Description = "File for the result, as it is printed.", HelpName = "FILE.md" };
        var command = new Command("side-by-side", "Training step, peak memory, whole purification and start-up, beside PyTorch.")
        {
            threads, rounds, steps, batch, python, only, markdown,
        };
        command.SetAction(parsed =>
        {
            var chosen = parsed.GetValue(only) is { Length: > 0 } given ? given : ["example", "resnet18", "purification", "startup"];
            var folder = Directory.CreateTempSubdirectory("ulrl-benchmarks-");
            try
            {
                var run = new SideBySide(parsed.GetRequiredValue(python), parsed.GetValue(threads), parsed.GetValue(batch), parsed.GetValue(steps), folder.FullName);
                var result = run.Run(parsed.GetValue(rounds), chosen);
                Console.Write(result);
                if (parsed.GetValue(markdown) is { } file) File.WriteAllText(file, result);
            }
            finally
            {
                folder.Delete(recursive: true);
            }
        });
        return command;
    }
}
