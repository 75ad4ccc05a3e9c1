using System.Globalization;

namespace Ulrl.Training.Checkpoints.TorchScript;

/// <summary>Parses one statement of TorchScript: assignments and returns of calls, as tracing writes them.</summary>
internal sealed class ScriptParser
{
    // Deeper than any traced network nests its calls.
    private const int MaxDepth = 100;

    private static readonly HashSet<string> ControlFlow = ["if", "elif", "else", "for", "while", "with", "assert", "raise", "try", "break", "continue"];

    private readonly string text;
    private readonly string where;
    private readonly int line;
    private int at;
    private int depth;

    private ScriptParser(string text, string where, int line)
    {
        this.text = text;
        this.where = where;
        this.line = line;
    }

    /// <summary>Parses a statement.</summary>
    /// <exception cref="CheckpointException">It is control flow, or none that tracing writes.</exception>
    public static ScriptStatement Parse(string text, string where, int line)
    {
        var parser = new ScriptParser(text, where, line);
        return parser.Statement();
    }

    private ScriptStatement Statement()
    {
        var start = at;
        var word = Word();
        if (ControlFlow.Contains(word)) throw Refused(word);
        if (word == "return") return new ScriptStatement([], false, Whole(), true, line);
        at = start;
        var targets = new List<string>();
        var unpacks = false;
        while (Word() is { Length: > 0 } name)
        {
            targets.Add(name);
            if (!Take(',')) break;
            unpacks = true;
        }

        if (targets.Count > 0 && Peek() == ':')
        {
            // The declared type of a variable.
            while (at < text.Length && text[at] != '=') at++;
        }

        if (targets.Count > 0 && Peek() == '=' && (at + 1 >= text.Length || text[at + 1] != '='))
        {
            at++;
            return new ScriptStatement(targets, unpacks, Whole(), false, line);
        }

        at = start;
        return new ScriptStatement([], false, Whole(), false, line);
    }

    private ScriptNode Whole()
    {
        var node = Expression();
        Space();
        if (at < text.Length && Take(',')) throw Error("a tuple without brackets");
        if (at < text.Length) throw Word() is { Length: > 0 } word && ControlFlow.Contains(word) ? Refused(word) : Error($"'{text[at]}' is not expected");
        return node;
    }

    private ScriptNode Expression()
    {
        if (++depth > MaxDepth) throw Error($"expressions nest deeper than {MaxDepth} levels");
        var node = Primary();
        while (true)
        {
            if (Take('.')) node = new ScriptNode.Attribute(node, Word() is { Length: > 0 } name ? name : throw Error("a name is missing"));
            else if (Take('(')) node = Call(node);
            else if (Take('[')) node = new ScriptNode.Index(node, Closed(']'));
            else break;
        }

        depth--;
        return node;
    }

    private ScriptNode Primary()
    {
        if (Take('(')) return Bracket(')');
        if (Take('[')) return new ScriptNode.Sequence(Items(']'));
        if (Peek() is '"' or '\'') return new ScriptNode.Literal(Text());
        if (Peek() is '-' || char.IsAsciiDigit(Peek())) return new ScriptNode.Literal(Number());
        var word = Word();
        if (ControlFlow.Contains(word)) throw Refused(word);
        return word switch
        {
            "" => throw Error(at < text.Length ? $"'{text[at]}' is not expected" : "the line ends early"),
            "None" => new ScriptNode.Literal(null),
            "True" => new ScriptNode.Literal(true),
            "False" => new ScriptNode.Literal(false),
            "inf" => new ScriptNode.Literal(double.PositiveInfinity),
            "nan" => new ScriptNode.Literal(double.NaN),
            "annotate" => Annotated(),
            _ => new ScriptNode.Name(word),
        };
    }

    // annotate(TYPE, value): the type is passed over.
    private ScriptNode Annotated()
    {
        if (!Take('(')) throw Error("an annotation has no value");
        for (var nested = 0; at < text.Length && (nested > 0 || text[at] != ','); at++)
            nested += text[at] is '[' or '(' ? 1 : text[at] is ']' or ')' ? -1 : 0;
        if (!Take(',')) throw Error("an annotation has no value");
        return Closed(')');
    }

    private ScriptNode Bracket(char close)
    {
        var items = Items(close, out var trailing);
        return items.Count == 1 && !trailing ? items[0] : new ScriptNode.Sequence(items);
    }

    private ScriptNode Closed(char close)
    {
        var node = Expression();
        Take(',');
        return Take(close) ? node : throw Unclosed(close);
    }

    private List<ScriptNode> Items(char close) => Items(close, out _);

    private List<ScriptNode> Items(char close, out bool trailing)
    {
        var items = new List<ScriptNode>();
        trailing = false;
        while (!Take(close))
        {
            items.Add(Expression());
            trailing = Take(',');
            if (trailing) continue;
            if (!Take(close)) throw Unclosed(close);
            break;
        }

        return items;
    }

    private ScriptNode.Call Call(ScriptNode target)
    {
        var arguments = new List<ScriptNode>();
        var named = new Dictionary<string, ScriptNode>(StringComparer.Ordinal);
        while (!Take(')'))
        {
            var start = at;
            if (Word() is { Length: > 0 } name && Peek() == '=')
            {
                at++;
                if (!named.TryAdd(name, Expression())) throw Error($"argument '{name}' is given twice");
            }
            else
            {
                at = start;
                arguments.Add(Expression());
            }

            if (Take(',')) continue;
            if (!Take(')')) throw Unclosed(')');
            break;
        }

        return new ScriptNode.Call(target, arguments, named);
    }

    private object Number()
    {
        var start = at;
        if (text[at] == '-') at++;
        if (string.CompareOrdinal(text, at, "inf", 0, 3) == 0)
        {
            at += 3;
            return double.NegativeInfinity;
        }

        while (at < text.Length && (char.IsAsciiLetterOrDigit(text[at]) || text[at] == '.' || (text[at] is '+' or '-' && text[at - 1] is 'e' or 'E'))) at++;
        var number = text.AsSpan(start, at - start);
        if (long.TryParse(number, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole)) return whole;
        return double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out var real) ? real : throw Error($"'{number}' is no number");
    }

    private string Text()
    {
        var quote = text[at++];
        var start = at;
        while (at < text.Length && text[at] != quote) at += text[at] == '\\' ? 2 : 1;
        if (at >= text.Length) throw Error("a text stays open");
        return text[start..at++];
    }

    private string Word()
    {
        Space();
        var start = at;
        while (at < text.Length && (char.IsAsciiLetterOrDigit(text[at]) || text[at] == '_') && (at > start || !char.IsAsciiDigit(text[at]))) at++;
        return text[start..at];
    }

    private void Space()
    {
        while (at < text.Length && text[at] == ' ') at++;
    }

    private char Peek()
    {
        Space();
        return at < text.Length ? text[at] : '\0';
    }

    private bool Take(char character)
    {
        if (Peek() != character) return false;
        at++;
        return true;
    }

    private CheckpointException Unclosed(char close)
    {
        var word = Word();
        return ControlFlow.Contains(word) ? Refused(word) : Error($"'{close}' is missing");
    }

    private CheckpointException Refused(string word) =>
        new($"{where}, line {line}: scripted control flow ('{word}') has no ONNX counterpart here; save torch.jit.trace(model, example) instead of torch.jit.script(model)");

    private CheckpointException Error(string reason) => new($"{where}, line {line}: {reason}; the file is damaged, or not a traced model");
}
