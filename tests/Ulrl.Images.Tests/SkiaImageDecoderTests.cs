using System.Buffers.Binary;
using Ulrl.Training;
using Ulrl.Training.Data;

namespace Ulrl.Images.Tests;

/// <summary>Decoding beside Pillow's (tests/peers/make_images.py), and images made to mislead.</summary>
public class SkiaImageDecoderTests
{
    private static readonly SkiaImageDecoder Decoder = new();

    [Theory]
    [InlineData("rgb.png", 3)]
    [InlineData("gray.png", 1)]
    [InlineData("palette.png", 3)]
    [InlineData("alpha.png", 3)]
    [InlineData("profile.png", 3)]
    [InlineData("subsampled.jpg", 3)]
    [InlineData("full.jpg", 3)]
    [InlineData("progressive.jpg", 3)]
    [InlineData("gray.jpg", 1)]
    public void Pixels_are_those_of_Pillow(string name, int channels)
    {
        using var pillow = NpzFile.Open(TestFile("pillow.npz"));
        var expected = pillow.Read(name);

        var image = Decoder.Decode(File.ReadAllBytes(TestFile(name)), name);

        Assert.Equal(channels, image.Channels);
        Assert.Equal((expected.Shape[0], expected.Shape[1]), (image.Height, image.Width));
        Assert.Equal((byte[])expected.Values, image.Values);
    }

    [Fact]
    public void What_is_no_image_is_refused()
    {
        Assert.Contains("neither PNG nor JPEG", Refused("GIF89a, say"u8.ToArray()), StringComparison.Ordinal);
        Assert.Contains("neither PNG nor JPEG", Refused([]), StringComparison.Ordinal);
        Assert.Contains("cannot be decoded", Refused([0xFF, 0xD8, 0xFF, 0xE0]), StringComparison.Ordinal);
        Assert.Contains("16 bits per value", Refused(File.ReadAllBytes(TestFile("deep.png"))), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("rgb.png")]
    [InlineData("full.jpg")]
    public void A_truncated_image_is_refused(string name)
    {
        var bytes = File.ReadAllBytes(TestFile(name));
        foreach (var length in new[] { 30, bytes.Length / 2, bytes.Length - 8 })
            Assert.Contains("truncated or damaged", Refused(bytes[..length]), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(20_000, 1)]
    [InlineData(5000, 5000)]
    [InlineData(int.MaxValue, int.MaxValue)]
    public void A_size_out_of_proportion_is_refused_before_anything_is_decoded(int width, int height)
    {
        var bytes = File.ReadAllBytes(TestFile("rgb.png"));
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(16), width);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(20), height);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(29), Checksum(bytes.AsSpan(12, 17)));
        var before = GC.GetTotalAllocatedBytes(precise: true);
        Assert.Matches("more than an image|cannot be decoded", Refused(bytes));
        Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - before, 0, 1 << 20);
    }

    [Fact]
    public void Damage_anywhere_is_refused_or_gives_an_image_of_the_same_size()
    {
        var random = new Random(1);
        foreach (var name in new[] { "rgb.png", "palette.png", "full.jpg", "progressive.jpg" })
        {
            var given = File.ReadAllBytes(TestFile(name));
            for (var round = 0; round < 150; round++)
            {
                var bytes = (byte[])given.Clone();
                for (var i = 0; i < 3; i++)
                    bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
                try
                {
                    var image = Decoder.Decode(bytes, name);
                    Assert.Equal(image.Width * image.Height * image.Channels, image.Values.Length);
                }
                catch (DataSetException e)
                {
                    Assert.StartsWith(name, e.Message, StringComparison.Ordinal);
                }
            }
        }
    }

    private static string TestFile(string name) => Path.Combine(AppContext.BaseDirectory, "TestData", name);

    private static string Refused(byte[] content) => Assert.Throws<DataSetException>(() => Decoder.Decode(content, "the image")).Message;

    // CRC-32 of a chunk's name and content.
    private static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var value in bytes)
        {
            crc ^= value;
            for (var bit = 0; bit < 8; bit++)
                crc = (crc >> 1) ^ (0xEDB88320 & (0 - (crc & 1)));
        }

        return ~crc;
    }
}
