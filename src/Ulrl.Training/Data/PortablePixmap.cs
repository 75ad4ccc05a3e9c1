namespace Ulrl.Training.Data;

/// <summary>Portable pixmaps and greymaps in their binary form (Netpbm's P6 and P5) of one byte per value, as GTSRB has them.</summary>
internal static class PortablePixmap
{
    private const int MostDigits = 7;

    /// <summary>Whether a file starts as these do.</summary>
    public static bool Detect(ReadOnlySpan<byte> start) => start is [(byte)'P', (byte)'5' or (byte)'6', ..];

    /// <summary>Decodes an image.</summary>
    /// <param name="content">The whole file.</param>
    /// <param name="where">What errors call it.</param>
    /// <exception cref="DataSetException">It is damaged, truncated, or has values of more than one byte.</exception>
    public static ImagePixels Decode(ReadOnlySpan<byte> content, string where)
    {
        var channels = content[1] == (byte)'6' ? 3 : 1;
        var at = 2;
        var width = Number(content, ref at, where);
        var height = Number(content, ref at, where);
        var most = Number(content, ref at, where);
        if (most != byte.MaxValue)
            throw new DataSetException($"{where}: the largest value is {most}; only pixmaps of one byte per value, up to 255, are read");
        // One white space ends the header.
        at++;
        var count = (long)width * height * channels;
        if (width < 1 || height < 1 || count != content.Length - at)
            throw new DataSetException($"{where}: {width} by {height} pixels are claimed, which do not fit the file's length; it is truncated or damaged");
        return new ImagePixels(width, height, channels, content[at..].ToArray());
    }

    private static int Number(ReadOnlySpan<byte> content, ref int at, string where)
    {
        while (at < content.Length && (IsSpace(content[at]) || content[at] == (byte)'#'))
        {
            if (content[at] == (byte)'#')
            {
                while (at < content.Length && content[at] != (byte)'\n')
                    at++;
            }
            else
            {
                at++;
            }
        }

        var value = 0;
        var digits = 0;
        for (; at < content.Length && content[at] is >= (byte)'0' and <= (byte)'9' && digits <= MostDigits; at++, digits++)
            value = (value * 10) + content[at] - '0';
        if (digits is 0 or > MostDigits || at >= content.Length || !IsSpace(content[at]))
            throw new DataSetException($"{where}: the header of the pixmap is malformed; the file is damaged");
        return value;
    }

    private static bool IsSpace(byte value) => value is (byte)' ' or (byte)'\t' or (byte)'\n' or (byte)'\r';
}
