using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Text.Json.Nodes;

namespace NotebookRunner;

/// <summary>What the cells of a notebook call to show something, under the names that a notebook's kernel has for it.</summary>
[SuppressMessage("Style", "IDE1006", Justification = "The names are those of the notebook's kernel.")]
public sealed class CellOutputs
{
    private readonly List<JsonObject> shown = [];

    /// <summary>Marks text as HTML.</summary>
    public static Markup HTML(string content) => new(content);

    /// <summary>Shows a value beneath the cell.</summary>
    public void display(object value)
    {
        ArgumentNullException.ThrowIfNull(value);
        var html = value is Markup markup ? markup.Content : $"<pre>{WebUtility.HtmlEncode(value.ToString())}</pre>";
        shown.Add(new JsonObject { ["data"] = new JsonObject { ["text/html"] = Lines(html) }, ["metadata"] = new JsonObject(), ["output_type"] = "display_data" });
    }

    internal void Clear() => shown.Clear();

    internal JsonArray ToJson(string console)
    {
        var outputs = new JsonArray();
        if (console.Length > 0) outputs.Add(new JsonObject { ["name"] = "stdout", ["output_type"] = "stream", ["text"] = Lines(console) });
        foreach (var output in shown) outputs.Add(output);
        return outputs;
    }

    private static JsonArray Lines(string text)
    {
        var lines = new JsonArray();
        foreach (var line in text.ReplaceLineEndings("\n").Split('\n').SkipLast(text.EndsWith('\n') ? 1 : 0)) lines.Add(line + "\n");
        return lines;
    }
}
