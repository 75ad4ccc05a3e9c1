namespace Ulrl.Training.Data;

/// <summary>A decoded image: one byte per value, row by row from the top, the channels of a pixel together.</summary>
public sealed class ImagePixels
{
    /// <summary>Wraps values; they are not copied.</summary>
    /// <param name="width">Pixels per row.</param>
    /// <param name="height">Rows.</param>
    /// <param name="channels">1 for grey, 3 for red, green, blue.</param>
    /// <param name="values">Height · width · channels values.</param>
    /// <exception cref="ArgumentException">The sizes do not agree, or the number of channels is another.</exception>
    public ImagePixels(int width, int height, int channels, byte[] values)
    {
        ArgumentNullException.ThrowIfNull(values);
        if (channels is not (1 or 3) || width < 1 || height < 1 || (long)width * height * channels != values.Length)
            throw new ArgumentException($"{values.Length} values are no image of {width} by {height} pixels in {channels} channels", nameof(values));
        Width = width;
        Height = height;
        Channels = channels;
        Values = values;
    }

    /// <summary>Pixels per row.</summary>
    public int Width { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>1 for grey, 3 for red, green, blue.</summary>
    public int Channels { get; }

    /// <summary>The values, 0 to 255.</summary>
    public byte[] Values { get; }
}
