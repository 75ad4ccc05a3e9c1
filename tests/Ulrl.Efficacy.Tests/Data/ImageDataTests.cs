using System.IO.Compression;
using SkiaSharp;
using Ulrl.Efficacy.Data;
using Ulrl.Training;
using Ulrl.Training.Data;

namespace Ulrl.Efficacy.Tests.Data;

public sealed class ImageDataTests
{
    [Fact]
    public void A_zip_of_images_is_read_class_after_class_in_turn()
    {
        using var folder = new ScratchFolder();
        var path = folder.File("images.zip");
        using (var archive = ZipFile.Open(path, ZipArchiveMode.Create))
        {
            foreach (var part in new[] { "train", "test" })
            {
                foreach (var (name, grey) in new[] { ("bird", 40), ("cat", 200) })
                {
                    for (var i = 0; i < 3; i++) Add(archive, $"{part}/{name}/{i}.jpg", (byte)(grey + i), 32);
                }
            }
        }

        var data = ImageData.Read(path, 10, 5, 2);

        Assert.Equal([0, 1, 0, 1, 0], data.Train.Labels);
        Assert.Equal([0, 1], data.Test.Labels);
        Assert.Equal([3, 32, 32], data.Train.SampleShape);
        Assert.Equal(41f / 255, data.Train.Sample(2)[100], 2);
        Assert.Equal(200f / 255, data.Test.Sample(1)[3000], 2);
    }

    [Fact]
    public void Images_of_another_size_and_archives_without_images_are_named()
    {
        using var folder = new ScratchFolder();
        var path = folder.File("images.zip");
        using (var archive = ZipFile.Open(path, ZipArchiveMode.Create)) Add(archive, "train/cat/0.jpg", 9, 16);

        Assert.Contains("train/cat/0.jpg has 16×16", Assert.Throws<DataSetException>(() => ImageData.Read(path, 10, 5, 2)).Message, StringComparison.Ordinal);
        using (var archive = ZipFile.Open(path, ZipArchiveMode.Update)) archive.Entries[0].Delete();
        Assert.Contains("no images train/", Assert.Throws<DataSetException>(() => ImageData.Read(path, 10, 5, 2)).Message, StringComparison.Ordinal);
    }

    private static void Add(ZipArchive archive, string name, byte grey, int size)
    {
        using var bitmap = new SKBitmap(new SKImageInfo(size, size, SKColorType.Rgba8888, SKAlphaType.Opaque));
        bitmap.Erase(new SKColor(grey, grey, grey));
        using var data = bitmap.Encode(SKEncodedImageFormat.Jpeg, 95);
        using var stream = archive.CreateEntry(name).Open();
        data.SaveTo(stream);
    }
}
