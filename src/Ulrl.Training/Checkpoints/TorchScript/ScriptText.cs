using System.Text;

namespace Ulrl.Training.Checkpoints.TorchScript;

/// <summary>Finds the classes and methods in a file of TorchScript, which is laid out as Python is.</summary>
internal static class ScriptText
{
    private const string ParametersField = "__parameters__";

    /// <summary>The classes of a file by name.</summary>
    /// <param name="text">The file.</param>
    /// <param name="where">Archive and file, for errors.</param>
    public static IReadOnlyDictionary<string, ScriptClass> Classes(string text, string where)
    {
        var classes = new Dictionary<string, ScriptClass>(StringComparer.Ordinal);
        var lines = Lines(text, where);
        for (var i = 0; i < lines.Count;)
        {
            var (indent, line, number) = lines[i++];
            if (indent > 0 || !line.StartsWith("class ", StringComparison.Ordinal)) continue;
            var end = line.IndexOf('(', StringComparison.Ordinal);
            if (end < 0) throw Error(where, number, "a class has no base");
            var parameters = new HashSet<string>(StringComparer.Ordinal);
            var methods = new Dictionary<string, ScriptMethod>(StringComparer.Ordinal);
            while (i < lines.Count && lines[i].Indent > 0)
            {
                var (depth, member, at) = lines[i++];
                if (member.StartsWith(ParametersField, StringComparison.Ordinal))
                {
                    parameters.UnionWith(member.Split('"').Where((_, part) => part % 2 == 1));
                }
                else if (member.StartsWith("def ", StringComparison.Ordinal))
                {
                    var body = new List<(string, int)>();
                    for (; i < lines.Count && lines[i].Indent > depth; i++) body.Add((lines[i].Text, lines[i].Number));
                    var (name, names) = Signature(member, where, at);
                    methods[name] = new ScriptMethod(names, body);
                }
            }

            classes[line["class ".Length..end]] = new ScriptClass(where, parameters, methods);
        }

        return classes;
    }

    private static CheckpointException Error(string where, int line, string reason) => new($"{where}, line {line}: {reason}; the file is damaged or written by an unknown version");

    private static (string Name, IReadOnlyList<string> Parameters) Signature(string line, string where, int number)
    {
        var open = line.IndexOf('(', StringComparison.Ordinal);
        if (open < 0) throw Error(where, number, "a method has no parameters");
        var names = new List<string>();
        var depth = 0;
        var begin = open + 1;
        for (var i = open; i < line.Length; i++)
        {
            depth += line[i] is '(' or '[' ? 1 : line[i] is ')' or ']' ? -1 : 0;
            if (depth > 1 || (depth == 1 && line[i] != ',')) continue;
            var parameter = line[begin..i].Split(':', '=')[0].Trim();
            if (parameter.Length > 0) names.Add(parameter);
            begin = i + 1;
            if (depth == 0) break;
        }

        return (line["def ".Length..open].Trim(), names);
    }

    // Lines as the text is laid out, those within brackets joined.
    private static List<(int Indent, string Text, int Number)> Lines(string text, string where)
    {
        var lines = new List<(int, string, int)>();
        var joined = new StringBuilder();
        var (depth, start, number) = (0, 0, 0);
        foreach (var line in text.Split('\n'))
        {
            number++;
            if (depth == 0)
            {
                if (string.IsNullOrWhiteSpace(line) || line.TrimStart().StartsWith('#')) continue;
                joined.Clear();
                start = number;
            }

            joined.Append(depth == 0 ? line.TrimEnd() : ' ' + line.Trim());
            depth += Depth(line);
            if (depth < 0) throw Error(where, number, "a bracket closes that did not open");
            if (depth > 0) continue;
            var whole = joined.ToString();
            var trimmed = whole.TrimStart(' ');
            lines.Add((whole.Length - trimmed.Length, trimmed, start));
        }

        return depth == 0 ? lines : throw Error(where, start, "a bracket stays open");
    }

    private static int Depth(string line)
    {
        var depth = 0;
        var quote = '\0';
        for (var i = 0; i < line.Length; i++)
        {
            if (quote != '\0')
            {
                if (line[i] == '\\') i++;
                else if (line[i] == quote) quote = '\0';
            }
            else if (line[i] is '"' or '\'')
            {
                quote = line[i];
            }
            else
            {
                depth += line[i] is '(' or '[' or '{' ? 1 : line[i] is ')' or ']' or '}' ? -1 : 0;
            }
        }

        return depth;
    }
}
