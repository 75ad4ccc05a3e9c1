using System.Text;
using Ulrl.Training;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Ulrl.Cli.Defense;

/// <summary>
/// Reads a configuration file: one mapping from names to plain values or lists of them. Read as a stream of events, so that
/// nothing nests or refers to anything, and memory stays in proportion to the file.
/// </summary>
internal static class YamlSettings
{
    // The published files have one kilobyte.
    private const int MostBytes = 1 << 20;

    /// <summary>The values by key as text, lists separated by spaces; unset where the file leaves a value empty.</summary>
    /// <exception cref="UsageException">The file is missing, is no YAML, or holds anything but plain values.</exception>
    public static IReadOnlyDictionary<string, string> Read(string path)
    {
        try
        {
            using var stream = File.OpenRead(path);
            if (stream.Length > MostBytes)
                throw new UsageException($"'{path}' has {stream.Length} bytes, far more than a configuration file needs; give the YAML file of the defence.");
            using var reader = new StreamReader(stream, Encoding.UTF8);
            return Read(new Parser(reader), path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"'{path}' cannot be read: {e.Message.TrimEnd('.')}; give --yaml_path the configuration file of the data set.");
        }
        catch (YamlException e)
        {
            throw new UsageException($"'{path}', line {e.Start.Line}: {e.Message.TrimEnd('.')}; correct the YAML.");
        }
    }

    private static Dictionary<string, string> Read(Parser parser, string path)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        parser.Consume<StreamStart>();
        // An empty file sets nothing.
        if (!parser.TryConsume<DocumentStart>(out _))
            return values;
        if (parser.Current is Scalar { Value: "" })
            return values;
        if (!TryBegin<MappingStart>(parser))
            throw Unexpected(parser, path);

        while (!parser.TryConsume<MappingEnd>(out _))
        {
            var key = Plain(parser, path);
            var value = TryBegin<SequenceStart>(parser) ? List(parser, path) : IsNull(parser.Current) ? Skip(parser) : Plain(parser, path);
            if (!values.TryAdd(key, value))
                throw new UsageException($"'{path}' sets {key} twice; leave one of them.");
        }

        parser.Consume<DocumentEnd>();
        return parser.Accept<StreamEnd>(out _) ? values : throw Unexpected(parser, path);
    }

    private static string List(Parser parser, string path)
    {
        var items = new List<string>();
        while (!parser.TryConsume<SequenceEnd>(out _))
            items.Add(Plain(parser, path));
        return string.Join(' ', items);
    }

    private static bool IsNull(ParsingEvent? value) => value is Scalar { Style: ScalarStyle.Plain, Value: "" or "~" or "null" or "Null" or "NULL" };

    private static string Skip(Parser parser)
    {
        parser.MoveNext();
        return "";
    }

    // Anchors, aliases and tags mean something beyond the value, so they are refused with nested values.
    private static bool TryBegin<T>(Parser parser)
        where T : NodeEvent => parser.Current is T { Anchor.IsEmpty: true, Tag.IsEmpty: true } && parser.TryConsume<T>(out _);

    private static string Plain(Parser parser, string path) =>
        parser.Current is Scalar { Anchor.IsEmpty: true, Tag.IsEmpty: true } && parser.TryConsume<Scalar>(out var scalar) ? scalar.Value : throw Unexpected(parser, path);

    private static UsageException Unexpected(Parser parser, string path) =>
        new($"'{path}', line {parser.Current?.Start.Line ?? 1}: only plain values and lists of them are read here; write 'key: value'.");
}
