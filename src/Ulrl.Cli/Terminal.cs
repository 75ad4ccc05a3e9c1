using Spectre.Console;
using Spectre.Console.Rendering;

namespace Ulrl.Cli;

/// <summary>Where the tool prints: results to standard output, everything else to standard error.</summary>
internal sealed class Terminal
{
    private const int RedirectedWidth = 120;

    private readonly bool outIsTerminal;
    private readonly bool errorIsTerminal;
    private IAnsiConsole? results;
    private IAnsiConsole? progress;

    public Terminal(TextWriter output, TextWriter error, bool outIsTerminal = false, bool errorIsTerminal = false)
    {
        Out = output;
        Error = error;
        this.outIsTerminal = outIsTerminal;
        this.errorIsTerminal = errorIsTerminal;
    }

    public TextWriter Out { get; }

    public TextWriter Error { get; }

    /// <summary>Whether progress may be drawn in place.</summary>
    public bool IsInteractive => errorIsTerminal;

    /// <summary>Draws progress, on standard error.</summary>
    public IAnsiConsole Progress => progress ??= Create(Error, errorIsTerminal);

    public static Terminal OfProcess()
    {
        var dumb = Environment.GetEnvironmentVariable("TERM") == "dumb";
        return new Terminal(Console.Out, Console.Error, !Console.IsOutputRedirected && !dumb, !Console.IsErrorRedirected && !dumb);
    }

    /// <summary>Prints a part of the result.</summary>
    public void Write(IRenderable part) => (results ??= Create(Out, outIsTerminal)).Write(part);

    /// <summary>Prints a line of the result.</summary>
    public void WriteLine(string line = "") => Out.WriteLine(line);

    /// <summary>Prints one line that is not part of the result.</summary>
    public void Note(string line) => Error.WriteLine("note: " + PlainText.Line(line));

    /// <summary>Prints such a line while progress is shown.</summary>
    public void NoteAboveBars(string line)
    {
        if (IsInteractive)
            Progress.WriteLine("note: " + PlainText.Line(line));
        else
            Note(line);
    }

    /// <summary>Prints one line of error.</summary>
    public void Fail(string line) => Error.WriteLine("ulrl: " + PlainText.Line(line));

    /// <summary>Gives back the cursor that progress may have hidden.</summary>
    public void ShowCursor()
    {
        if (errorIsTerminal)
            Progress.Cursor.Show();
    }

    private static IAnsiConsole Create(TextWriter writer, bool isTerminal)
    {
        var plain = !isTerminal || !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = isTerminal ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = plain ? ColorSystemSupport.NoColors : ColorSystemSupport.Detect,
            Interactive = isTerminal ? InteractionSupport.Yes : InteractionSupport.No,
            Out = new AnsiConsoleOutput(writer),
        });
        if (!isTerminal)
            console.Profile.Width = RedirectedWidth;
        return console;
    }
}
