using System.Text;
using Ulrl.Training.Data;

namespace Ulrl.Training.Tests.Data;

public sealed class BenchmarkDataSetTests : IDisposable
{
    private readonly ScratchFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Cifar_is_read_image_by_image_as_it_is_read_whole()
    {
        var archive = TestFiles.TestData("checkpoints", "cifar-10-python.tar.gz");
        File.Copy(archive, folder["cifar-10-python.tar.gz"]);
        var whole = CifarArchive.Read(archive, 10, train: true).Normalize(ChannelNormalization.Cifar10);

        var images = BenchmarkDataSet.FromName("cifar10").Open(folder.Path, train: true);
        var samples = images.ToSamples([9, 0, 4], [3, 32, 32], ChannelNormalization.Cifar10);

        Assert.Equal(whole.Count, images.Count);
        Assert.Equal(whole.Subset([9, 0, 4]).Values, samples.Values);
        Assert.Equal([9, 0, 4], samples.Labels);
        Assert.Contains("image 10 does not exist", Assert.Throws<DataSetException>(() => images.ToSamples([10], [3, 32, 32], null)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("MNIST/raw")]
    [InlineData("raw")]
    [InlineData("")]
    public void Mnist_is_found_where_torchvision_puts_it(string place)
    {
        Write(Path.Combine(place, "t10k-images-idx3-ubyte"), [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2, 0, 51, 102, 255, 1, 2, 3, 4]);
        Write(Path.Combine(place, "t10k-labels-idx1-ubyte"), [0, 0, 8, 1, 0, 0, 0, 2, 7, 9]);

        var images = BenchmarkDataSet.FromName("mnist").Open(folder.Path, train: false);

        Assert.Equal([7, 9], [images.Label(0), images.Label(1)]);
        Assert.Equal([0, .2f, .4f, 1], images.ToSamples([0], [1, 2, 2], null).Values);
        Assert.Contains("holds no MNIST", Assert.Throws<DataSetException>(() => BenchmarkDataSet.FromName("mnist").Open(folder.Path, train: true)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Gtsrb_is_read_by_its_lists()
    {
        const string Header = "Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId\r\n";
        for (var c = 0; c < 43; c++)
            Write($"Train/{c:00000}/GT-{c:00000}.csv", Encoding.ASCII.GetBytes($"{Header}b.ppm;2;1;0;0;1;1;{c}\r\na.ppm;2;1;0;0;1;1;{c}\r\n"));
        Write("Test/GT-final_test.csv", Encoding.ASCII.GetBytes(Header + "00000.ppm;2;1;0;0;1;1;16\n"));
        Write("Train/00007/a.ppm", Pixmap(2, 1, 255, 0, 51, 0, 255, 102));
        Write("Test/00000.ppm", [.. "P6 # a comment\n# another\n2 1\n255\n"u8, 1, 2, 3, 4, 5, 6]);
        var set = BenchmarkDataSet.FromName("gtsrb");

        var train = set.Open(folder.Path, train: true);
        var test = set.Open(folder.Path, train: false);

        Assert.Equal(86, train.Count);
        Assert.Equal([7, 7], [train.Label(14), train.Label(15)]);
        Assert.Equal([1f, 0, 0, 1, .2f, .4f], train.ToSamples([15], [3, 1, 2], set.Normalization).Values);
        Assert.Contains("b.ppm' does not exist", Assert.Throws<DataSetException>(() => train.Image(14)).Message, StringComparison.Ordinal);
        Assert.Equal(16, test.Label(0));
        Assert.Equal([1, 2, 3, 4, 5, 6], test.Image(0).Values);
        Assert.Equal(3 * 32 * 32, test.ToSamples([0], set.ImageShape, set.Normalization).Values.Length);
    }

    [Theory]
    [InlineData("../../secret;2;1;0;0;1;1;16", "no plain file name")]
    [InlineData("/etc/passwd;2;1;0;0;1;1;16", "no plain file name")]
    [InlineData("a.ppm;2;1;0;0;1;1;43", "class from 0 to 42")]
    [InlineData("a.ppm;2", "class from 0 to 42")]
    public void A_malformed_list_of_Gtsrb_is_refused(string line, string reason)
    {
        Write("Test/GT-final_test.csv", Encoding.ASCII.GetBytes("Filename\n" + line + "\n"));
        var error = Assert.Throws<DataSetException>(() => BenchmarkDataSet.FromName("gtsrb").Open(folder.Path, train: false));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.Contains("line 2", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Tiny_ImageNet_is_numbered_by_the_names_of_its_classes(bool asDownloaded)
    {
        foreach (var (name, file, value) in new[] { ("n02", "n02_1.JPEG", 2), ("n01", "n01_9.JPEG", 1), ("n01", "n01_10.JPEG", 3) })
            Write($"tiny-imagenet-200/train/{name}/images/{file}", Pixmap(1, 1, (byte)value, 0, 0));
        Write("tiny-imagenet-200/train/n01/n01_boxes.txt", "n01_9.JPEG 0 0 1 1"u8.ToArray());
        if (asDownloaded)
            Write("tiny-imagenet-200/val/val_annotations.txt", "val_1.JPEG\tn02\t0\t0\t1\t1\nval_0.JPEG\tn02\t0\t0\t1\t1\nval_2.JPEG\tn01\t0\t0\t1\t1\n"u8.ToArray());
        foreach (var (name, file, value) in new[] { ("n02", "val_1.JPEG", 7), ("n02", "val_0.JPEG", 6), ("n01", "val_2.JPEG", 5) })
            Write(asDownloaded ? $"tiny-imagenet-200/val/images/{file}" : $"tiny-imagenet-200/val/{name}/{file}", Pixmap(1, 1, (byte)value, 0, 0));
        var set = BenchmarkDataSet.FromName("tiny");

        var train = set.Open(folder.Path, train: true);
        var test = set.Open(folder.Path, train: false);

        Assert.Equal([(0, 3), (0, 1), (1, 2)], Enumerable.Range(0, train.Count).Select(i => (train.Label(i), (int)train.Image(i).Values[0])));
        Assert.Equal([(0, 5), (1, 6), (1, 7)], Enumerable.Range(0, test.Count).Select(i => (test.Label(i), (int)test.Image(i).Values[0])));
    }

    [Fact]
    public void Grey_becomes_colour_where_colour_is_wanted_and_not_the_other_way()
    {
        Write("tiny-imagenet-200/train/n01/grey.png", [.. "P5 2 1 255\n"u8, 51, 255]);
        Write("tiny-imagenet-200/train/n01/red.png", Pixmap(1, 1, 255, 0, 0));
        var images = BenchmarkDataSet.FromName("tiny").Open(folder.Path, train: true);

        Assert.Equal([.2f, 1, .2f, 1, .2f, 1], images.ToSamples([0], [3, 1, 2], null).Values);
        Assert.Contains("the image has 3 channels, 1 is expected", Assert.Throws<DataSetException>(() => images.ToSamples([1], [1, 1, 1], null)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("P6 2 1 255\n\u0001\u0002\u0003\u0004\u0005", "do not fit the file's length")]
    [InlineData("P6 9999999 9999999 255\n\u0001", "do not fit the file's length")]
    [InlineData("P6 99999999 1 255\n\u0001", "header of the pixmap is malformed")]
    [InlineData("P6 0 0 255\n", "do not fit the file's length")]
    [InlineData("P6 1 1 65535\n\u0001\u0002\u0003\u0001\u0002\u0003", "largest value is 65535")]
    [InlineData("P6 -1 1 255\n\u0001", "header of the pixmap is malformed")]
    [InlineData("P6 1", "header of the pixmap is malformed")]
    [InlineData("P6 # only a comment", "header of the pixmap is malformed")]
    [InlineData("no image", "need a decoder")]
    public void A_damaged_pixmap_is_refused(string content, string reason)
    {
        Write("tiny-imagenet-200/train/n01/a.png", Encoding.Latin1.GetBytes(content));
        var images = BenchmarkDataSet.FromName("tiny").Open(folder.Path, train: true);
        Assert.Contains(reason, Assert.Throws<DataSetException>(() => images.Image(0)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Links_inside_a_data_set_are_not_followed_but_the_folder_itself_may_be_one()
    {
        var archive = TestFiles.TestData("checkpoints", "cifar-10-python.tar.gz");
        Directory.CreateDirectory(folder["real"]);
        Directory.CreateSymbolicLink(folder["cifar10"], folder["real"]);
        File.Copy(archive, Path.Combine(folder["real"], "cifar-10-python.tar.gz"));
        Assert.Equal(10, BenchmarkDataSet.FromName("cifar10").Open(folder["cifar10"], train: true).Count);

        File.Delete(Path.Combine(folder["real"], "cifar-10-python.tar.gz"));
        File.CreateSymbolicLink(Path.Combine(folder["real"], "cifar-10-python.tar.gz"), archive);
        var error = Assert.Throws<DataSetException>(() => BenchmarkDataSet.FromName("cifar10").Open(folder["cifar10"], train: true));
        Assert.Contains("is a link", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_not_there_is_named()
    {
        Assert.Contains("use one of cifar10, cifar100, gtsrb, mnist, tiny", Assert.Throws<DataSetException>(() => BenchmarkDataSet.FromName("imagenet")).Message, StringComparison.Ordinal);
        foreach (var name in BenchmarkDataSet.Names)
        {
            var set = BenchmarkDataSet.FromName(name);
            Assert.Contains(folder["none"], Assert.Throws<DataSetException>(() => set.Open(folder["none"], train: true)).Message, StringComparison.Ordinal);
            Assert.Contains(folder.Path, Assert.Throws<DataSetException>(() => set.Open(folder.Path, train: true)).Message, StringComparison.Ordinal);
        }
    }

    private static byte[] Pixmap(int width, int height, params byte[] pixels) => [.. Encoding.ASCII.GetBytes($"P6\n{width} {height}\n255\n"), .. pixels];

    private void Write(string name, byte[] content)
    {
        var path = folder[name];
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, content);
    }
}
