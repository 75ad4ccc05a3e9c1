namespace Ulrl.Cli;

/// <summary>Names and values, one line each, values in one column.</summary>
internal sealed class Facts
{
    private readonly List<(string Name, string Value)> lines = [];

    public void Add(string name, string value) => lines.Add((name, PlainText.Line(value)));

    public void Print(Terminal terminal)
    {
        var width = lines.Max(l => l.Name.Length);
        foreach (var (name, value) in lines)
            terminal.WriteLine($"{name.PadRight(width)}   {value}");
    }
}
