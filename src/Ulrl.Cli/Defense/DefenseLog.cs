using System.Globalization;
using System.Text;

namespace Ulrl.Cli.Defense;

/// <summary>The log of a defence: what is said goes to the file with its time, warnings to the terminal, too.</summary>
internal sealed class DefenseLog : IDisposable
{
    private readonly StreamWriter writer;
    private readonly Terminal terminal;

    /// <param name="path">The file.</param>
    /// <param name="terminal">Where warnings are shown.</param>
    public DefenseLog(string path, Terminal terminal)
    {
        writer = new StreamWriter(path, append: false, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)) { AutoFlush = true, NewLine = "\n" };
        this.terminal = terminal;
    }

    /// <summary>Name of the log of a run that begins now, as the published code names it.</summary>
    public static string NameNow() => DateTime.Now.ToString("yyyy_MM_dd_HH_mm_ss", CultureInfo.InvariantCulture) + ".log";

    public void Info(string line) => Write("INFO", line);

    /// <summary>What the user should know.</summary>
    public void Note(string line)
    {
        Write("WARNING", line);
        terminal.NoteAboveBars(line);
    }

    public void Dispose() => writer.Dispose();

    private void Write(string level, string line)
    {
        lock (writer)
            writer.WriteLine($"{DateTime.Now.ToString("yyyy-MM-dd:HH:mm:ss", CultureInfo.InvariantCulture)} [{level,-8}] {PlainText.Line(line)}");
    }
}
