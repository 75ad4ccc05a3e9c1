using System.Text;

namespace Ulrl.Training.Pickle;

/// <summary>The names Python itself uses for plain containers and bytes in older protocols.</summary>
internal static class PlainGlobals
{
    private static readonly PickleFunction OrderedDict = new("collections.OrderedDict", CreateDictionary);
    private static readonly PickleFunction Set = new("builtins.set", CreateSet);
    private static readonly PickleFunction Bytes = new("builtins.bytes", CreateBytes);
    private static readonly PickleFunction Encode = new("_codecs.encode", EncodeLatin1);

    /// <summary>The function of that name, or null.</summary>
    public static object? Find(string module, string name) => (module, name) switch
    {
        ("collections", "OrderedDict") => OrderedDict,
        ("builtins" or "__builtin__", "set" or "frozenset") => Set,
        ("builtins" or "__builtin__", "bytes" or "bytearray") => Bytes,
        ("_codecs", "encode") => Encode,
        _ => null,
    };

    // Python 2 gives the items as pairs; Python 3 gives nothing and sets the items afterwards.
    private static OrderedDictionary<object, object?> CreateDictionary(PickleReader reader, object?[] arguments)
    {
        var dictionary = PickleReader.NewDictionary();
        switch (arguments)
        {
            case []:
                return dictionary;
            case [List<object?> items]:
                foreach (var item in items)
                {
                    if (item is not IReadOnlyList<object?> { Count: 2 } pair)
                        throw PickleFunction.BadArguments(reader, OrderedDict.ToString());
                    reader.Set(dictionary, pair[0], pair[1]);
                }

                return dictionary;
            default:
                throw PickleFunction.BadArguments(reader, OrderedDict.ToString());
        }
    }

    private static HashSet<object> CreateSet(PickleReader reader, object?[] arguments)
    {
        var set = PickleReader.NewSet();
        switch (arguments)
        {
            case []:
                return set;
            case [IReadOnlyList<object?> items]:
                foreach (var item in items)
                    reader.Add(set, item);
                return set;
            default:
                throw PickleFunction.BadArguments(reader, Set.ToString());
        }
    }

    private static byte[] CreateBytes(PickleReader reader, object?[] arguments) => arguments switch
    {
        [] => Array.Empty<byte>(),
        [byte[] bytes] => bytes,
        [string text, "latin-1" or "latin1"] => Latin1(reader, text),
        _ => throw PickleFunction.BadArguments(reader, Bytes.ToString()),
    };

    // How Python 3 writes bytes in protocols 0 to 2.
    private static byte[] EncodeLatin1(PickleReader reader, object?[] arguments) => arguments switch
    {
        [string text, "latin1"] => Latin1(reader, text),
        _ => throw PickleFunction.BadArguments(reader, Encode.ToString()),
    };

    private static byte[] Latin1(PickleReader reader, string text)
    {
        reader.ChargeMemory(text.Length);
        foreach (var character in text)
        {
            if (character > 0xFF)
                throw reader.Error("bytes hold a character beyond Latin-1; the file is damaged");
        }

        return Encoding.Latin1.GetBytes(text);
    }
}
