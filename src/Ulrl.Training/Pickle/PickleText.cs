using System.Globalization;
using System.Numerics;
using System.Text;

namespace Ulrl.Training.Pickle;

/// <summary>The readable forms of protocol 0: numbers and strings in lines of text.</summary>
internal static class PickleText
{
    // Python's own limit for integers written in decimal.
    private const int MaxDigits = 4300;

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Decodes UTF-8; Python's lone surrogates are not text here.</summary>
    public static string Utf8(PickleInput input, ReadOnlySpan<byte> bytes)
    {
        try
        {
            return StrictUtf8.GetString(bytes);
        }
        catch (DecoderFallbackException e)
        {
            throw input.Error("a string is not valid UTF-8; the file is damaged", e);
        }
    }

    /// <summary>An integer, or a truth value written as <c>00</c> or <c>01</c>.</summary>
    public static object IntOrBool(PickleInput input)
    {
        var line = input.ReadLine(MaxDigits);
        return line switch
        {
            [(byte)'0', (byte)'0'] => false,
            [(byte)'0', (byte)'1'] => true,
            _ => Integer(input, line),
        };
    }

    /// <summary>An integer, perhaps with the suffix L.</summary>
    public static object Long(PickleInput input)
    {
        var line = input.ReadLine(MaxDigits).AsSpan();
        return Integer(input, line is [.., (byte)'L'] ? line[..^1] : line);
    }

    /// <summary>An integer in its smallest form: long, or <see cref="BigInteger"/> beyond.</summary>
    public static object Smallest(BigInteger value) =>
        value >= long.MinValue && value <= long.MaxValue ? (object)(long)value : value;

    /// <summary>A number of a memo slot.</summary>
    public static long Index(PickleInput input) =>
        long.TryParse(input.ReadLine(20), NumberStyles.None, CultureInfo.InvariantCulture, out var index)
            ? index
            : throw input.Error("a memo number is malformed; the file is damaged");

    /// <summary>A 64-bit float as Python's repr writes it.</summary>
    public static double Float(PickleInput input)
    {
        var text = Encoding.Latin1.GetString(input.ReadLine(MaxDigits));
        return text switch
        {
            "inf" => double.PositiveInfinity,
            "-inf" => double.NegativeInfinity,
            "nan" or "-nan" => double.NaN,
            _ => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value)
                ? value
                : throw input.Error("a float is malformed; the file is damaged"),
        };
    }

    /// <summary>A string in the encoding <c>raw_unicode_escape</c>.</summary>
    public static string RawUnicodeEscape(PickleInput input)
    {
        var line = input.ReadLine();
        var text = new StringBuilder(line.Length);
        for (var i = 0; i < line.Length; i++)
        {
            var digits = line[i] != (byte)'\\' || i + 1 == line.Length ? 0 : line[i + 1] switch { (byte)'u' => 4, (byte)'U' => 8, _ => 0 };
            if (digits == 0)
            {
                text.Append((char)line[i]);
                continue;
            }

            var code = Hex(input, line, i + 2, digits);
            if (code > 0x10FFFF || (digits == 8 && code is >= 0xD800 and <= 0xDFFF))
                throw input.Error("a string holds a character beyond Unicode; the file is damaged");
            if (code <= 0xFFFF)
                text.Append((char)code);
            else
                text.Append(char.ConvertFromUtf32((int)code));
            i += 1 + digits;
        }

        return text.ToString();
    }

    /// <summary>Bytes as Python 2's repr writes a string: quoted, with backslash escapes.</summary>
    public static byte[] QuotedBytes(PickleInput input)
    {
        var line = input.ReadLine().AsSpan().TrimEnd((byte)' ');
        if (line.Length < 2 || line[0] is not ((byte)'\'' or (byte)'"') || line[^1] != line[0])
            throw input.Error("a string has no quotes; the file is damaged");
        line = line[1..^1];
        var bytes = new List<byte>(line.Length);
        for (var i = 0; i < line.Length; i++)
        {
            if (line[i] != (byte)'\\')
            {
                bytes.Add(line[i]);
                continue;
            }

            if (++i == line.Length)
                throw input.Error("a string ends in a backslash; the file is damaged");
            switch ((char)line[i])
            {
                case 'x':
                    bytes.Add((byte)Hex(input, line, i + 1, 2));
                    i += 2;
                    break;
                case 'n':
                    bytes.Add((byte)'\n');
                    break;
                case 'r':
                    bytes.Add((byte)'\r');
                    break;
                case 't':
                    bytes.Add((byte)'\t');
                    break;
                case '\\' or '\'' or '"':
                    bytes.Add(line[i]);
                    break;
                default:
                    throw input.Error($"a string holds the unknown escape \\x{line[i]:x2}; the file is damaged");
            }
        }

        return [.. bytes];
    }

    private static object Integer(PickleInput input, ReadOnlySpan<byte> digits) =>
        long.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) ? value
        : BigInteger.TryParse(Encoding.Latin1.GetString(digits), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var big) ? Smallest(big)
        : throw input.Error("an integer is malformed; the file is damaged");

    private static uint Hex(PickleInput input, ReadOnlySpan<byte> line, int at, int digits) =>
        at + digits <= line.Length && uint.TryParse(line.Slice(at, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code)
            ? code
            : throw input.Error("a string holds a malformed escape; the file is damaged");
}
