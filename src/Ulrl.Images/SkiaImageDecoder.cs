using System.Runtime.InteropServices;
using SkiaSharp;
using Ulrl.Training;
using Ulrl.Training.Data;

namespace Ulrl.Images;

/// <summary>
/// Decodes PNG and JPEG with SkiaSharp to the values that Pillow's <c>Image.open(file).convert("RGB")</c> gives, grey images
/// to those of <c>convert("L")</c>. What the header claims is checked before anything is decoded.
/// </summary>
public sealed class SkiaImageDecoder : IImageDecoder
{
    // Far more than an image of the data sets has: 64 MiB as Skia decodes it.
    private const int MostPixels = 1 << 24;
    private const int MostSide = 1 << 14;
    private const int DepthOffset = 24;

    /// <inheritdoc/>
    public ImagePixels Decode(ReadOnlyMemory<byte> content, string where)
    {
        CheckFormat(content.Span, where);
        using var data = SKData.CreateCopy(content.ToArray());
        using var codec = SKCodec.Create(data) ?? throw Damaged(where);
        var (width, height) = (codec.Info.Width, codec.Info.Height);
        if (width is < 1 or > MostSide || height is < 1 or > MostSide || (long)width * height > MostPixels)
            throw new DataSetException($"{where} claims {width} by {height} pixels, more than an image of these data sets can have; it is damaged or an attack");
        // No colour space and no premultiplication: the values as they are in the file.
        var pixels = new byte[width * height * 4];
        var handle = GCHandle.Alloc(pixels, GCHandleType.Pinned);
        try
        {
            if (codec.GetPixels(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul), handle.AddrOfPinnedObject()) != SKCodecResult.Success)
                throw Damaged(where);
        }
        finally
        {
            handle.Free();
        }

        var channels = codec.Info.ColorType == SKColorType.Gray8 ? 1 : 3;
        var values = new byte[width * height * channels];
        for (int i = 0, at = 0; at < values.Length; i += 4)
        {
            for (var c = 0; c < channels; c++)
                values[at++] = pixels[i + c];
        }

        return new ImagePixels(width, height, channels, values);
    }

    private static void CheckFormat(ReadOnlySpan<byte> content, string where)
    {
        if (content.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF]))
            return;
        if (!content.StartsWith((ReadOnlySpan<byte>)[0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A]) || content.Length <= DepthOffset)
            throw new DataSetException($"{where} is neither PNG nor JPEG; store the image in one of these");
        if (content[DepthOffset] == 16)
            throw new DataSetException($"{where} has 16 bits per value; store the image with 8");
        if (!content.EndsWith((ReadOnlySpan<byte>)[0, 0, 0, 0, (byte)'I', (byte)'E', (byte)'N', (byte)'D', 0xAE, 0x42, 0x60, 0x82]))
            throw Damaged(where);
    }

    private static DataSetException Damaged(string where) => new($"{where} cannot be decoded; the image is truncated or damaged");
}
