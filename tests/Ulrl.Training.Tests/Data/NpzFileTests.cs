using System.IO.Compression;
using System.Text;
using Ulrl.Training.Data;

namespace Ulrl.Training.Tests.Data;

public sealed class NpzFileTests : IDisposable
{
    private readonly ScratchFolder folder = new();

    public static TheoryData<string, Type> NumPyTypes()
    {
        var data = new TheoryData<string, Type> { { "i1", typeof(sbyte) }, { "u1", typeof(byte) } };
        foreach (var order in new[] { "little", "big" })
        {
            data.Add($"{order}/i2", typeof(short));
            data.Add($"{order}/u2", typeof(ushort));
            data.Add($"{order}/i4", typeof(int));
            data.Add($"{order}/u4", typeof(uint));
            data.Add($"{order}/i8", typeof(long));
            data.Add($"{order}/u8", typeof(ulong));
            data.Add($"{order}/f2", typeof(Half));
            data.Add($"{order}/f4", typeof(float));
            data.Add($"{order}/f8", typeof(double));
        }

        data.Add("version2", typeof(float));
        data.Add("version3", typeof(float));
        return data;
    }

    public void Dispose() => folder.Dispose();

    [Theory]
    [MemberData(nameof(NumPyTypes))]
    public void Arrays_of_every_number_type_and_byte_order_are_read_as_NumPy_wrote_them(string name, Type type)
    {
        using var file = NpzFile.Open(TestFiles.TestData("data", "numpy-arrays.npz"));
        var array = file.Read(name);

        Assert.Equal(type, array.ElementType);
        Assert.Equal([2, 3], array.Shape);
        Assert.Equal([0, 1, 2, 3, 4, 5], array.ToSingles());
        if (array.IsInteger)
            Assert.Equal([0, 1, 2, 3, 4, 5], array.ToInt64s());
        else
            Assert.Throws<DataSetException>(() => array.ToInt64s());
    }

    [Fact]
    public void Column_major_scalar_and_empty_arrays_are_read()
    {
        using var file = NpzFile.Open(TestFiles.TestData("data", "numpy-arrays.npz"));

        Assert.Equal([2, 3, 4], file.Read("fortran").Shape);
        Assert.Equal(Enumerable.Range(0, 24).Select(i => (float)i), file.Read("fortran").ToSingles());
        Assert.Empty(file.Read("scalar").Shape);
        Assert.Equal([7L], file.Read("scalar").ToInt64s());
        Assert.Equal([0, 3], file.Read("empty").Shape);
        Assert.Empty(file.Read("empty").ToSingles());
    }

    [Theory]
    [InlineData("object", "pickled object array is refused")]
    [InlineData("structured", "structured arrays are not read")]
    [InlineData("text", "'<U2' are not read")]
    [InlineData("complex", "'<c8' are not read")]
    [InlineData("bool", "'|b1' are not read")]
    [InlineData("missing", "has no array 'missing'; it holds i1, u1")]
    public void Other_arrays_are_refused_by_name(string name, string message)
    {
        using var file = NpzFile.Open(TestFiles.TestData("data", "numpy-arrays.npz"));
        var error = Assert.Throws<DataSetException>(() => file.Read(name));

        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Contains("numpy-arrays.npz", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_written_is_read_back_bit_for_bit()
    {
        var arrays = new Dictionary<string, NpyArray>
        {
            ["loss"] = new(new[] { 0.25f }),
            ["logits"] = new(new[] { 1f, -0f, float.NaN, float.PositiveInfinity, float.Epsilon, -2f }, 2, 3),
            ["grad/features.0.weight"] = new(new[] { 1d, 2d }, 1, 2, 1),
            ["grad/onnx::Conv_12:0 (ä/\u4e2d)"] = new(new[] { (Half)1, (Half)2 }, 2),
            ["labels"] = new(new long[] { long.MinValue, 0, long.MaxValue }, 3),
            ["i4"] = new(new[] { int.MinValue, -1 }, 2),
            ["i2"] = new(new short[] { -5 }, 1),
            ["i1"] = new(new sbyte[] { -5 }, 1),
            ["u1"] = new(new byte[] { 0, 255 }, 2),
            ["u2"] = new(new ushort[] { 65535 }, 1),
            ["u4"] = new(new uint[] { uint.MaxValue }, 1),
            ["u8"] = new(new ulong[] { ulong.MaxValue }, 1),
            ["empty"] = new(Array.Empty<float>(), 0, 5),
            ["large"] = new(Enumerable.Range(0, 200_000).Select(i => (float)i).ToArray(), 200_000),
        };
        NpzFile.Write(folder["out.npz"], arrays);

        using var file = NpzFile.Open(folder["out.npz"]);
        Assert.Equal(arrays.Keys, file.Names);
        foreach (var (name, array) in arrays)
        {
            var read = file.Read(name);
            Assert.Equal(array.ElementType, read.ElementType);
            Assert.Equal(array.Shape, read.Shape);
            Assert.Equal(array.Values, read.Values);
        }

        Assert.Throws<DataSetException>(() => file.Read("u8").ToInt64s());
    }

    [Fact]
    public void Writing_the_same_arrays_gives_the_same_bytes_and_replaces_the_file()
    {
        var arrays = new Dictionary<string, NpyArray> { ["a"] = new(new[] { 1f, 2f }, 2) };
        folder.Write("a.npz", [1, 2, 3]);
        NpzFile.Write(folder["a.npz"], arrays);
        NpzFile.Write(folder["b.npz"], arrays);

        Assert.Equal(File.ReadAllBytes(folder["a.npz"]), File.ReadAllBytes(folder["b.npz"]));
        Assert.Equal(2, Directory.GetFileSystemEntries(folder.Path).Length);
    }

    [Fact]
    public void A_failed_write_keeps_the_old_file_and_leaves_nothing_behind()
    {
        folder.Write("a.npz", [1, 2, 3]);
        var array = new NpyArray(new[] { 1f }, 1);

        Assert.Throws<UlrlException>(() => NpzFile.Write(folder["a.npz"], [new("a", array), new("a", array)]));
        Assert.Throws<UlrlException>(() => NpzFile.Write(folder["a.npz"], [new("a", array), new("\0", array)]));
        Assert.Throws<UlrlException>(() => NpzFile.Write(folder["a.npz"], [new("", array)]));
        Assert.Throws<InvalidOperationException>(() => NpzFile.Write(folder["a.npz"], FailsInTheMiddle(array)));
        Assert.Throws<UlrlException>(() => NpzFile.Write(Path.Combine(folder["missing"], "a.npz"), [new("a", array)]));
        Assert.Throws<UlrlException>(() => NpzFile.Write(folder.Path, [new("a", array)]));

        Assert.Equal([1, 2, 3], File.ReadAllBytes(folder["a.npz"]));
        Assert.Single(Directory.GetFileSystemEntries(folder.Path));
    }

    [Fact]
    public void An_array_that_expands_out_of_proportion_is_refused_without_taking_the_memory()
    {
        // 300 MB of zeros deflate to 300 KB.
        using (var archive = new ZipArchive(File.Create(folder["bomb.npz"]), ZipArchiveMode.Create))
        {
            using var entry = archive.CreateEntry("x.npy").Open();
            entry.Write(Header("{'descr': '|u1', 'fortran_order': False, 'shape': (300000000,), }"));
            var zeros = new byte[1_000_000];
            for (var i = 0; i < 300; i++)
                entry.Write(zeros);
        }

        using var file = NpzFile.Open(folder["bomb.npz"]);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var error = Assert.Throws<DataSetException>(() => file.Read("x"));
        Assert.Contains("out of proportion", error.Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Theory]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (1073741824, 1073741824, 1073741824, 1073741824), }", "more than one array can hold")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999999,), }", "more than one array can hold")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2000000000,), }", "more than the file's")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", "needs 12 bytes, the entry holds 8")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", "needs 4 bytes, the entry holds 8")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }", "malformed")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': 2, }", "malformed")]
    [InlineData("{'descr': '<f4', 'fortran_order': 0, 'shape': (2,), }", "malformed")]
    [InlineData("{'descr': '<f4', 'shape': (2,), }", "malformed")]
    [InlineData("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", "malformed")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'more': 1, }", "malformed")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), } + x", "malformed")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)", "malformed")]
    [InlineData("{'descr': __import__('os'), 'fortran_order': False, 'shape': (2,), }", "malformed")]
    [InlineData("", "malformed")]
    [InlineData("{'descr': '|O', 'fortran_order': False, 'shape': (2,), }", "pickled")]
    [InlineData("{'descr': '', 'fortran_order': False, 'shape': (2,), }", "type ''")]
    public void A_header_that_does_not_fit_is_refused(string header, string message)
    {
        var error = Assert.Throws<DataSetException>(() => ReadOne([.. Header(header), .. new byte[8]]));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Contains("array 'x'", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{'descr':'<f4','fortran_order':False,'shape':(2,)}")]
    [InlineData("{\"shape\": (2L,), \"fortran_order\": True, \"descr\": \"<f4\"}   \n")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 1), }")]
    public void A_header_written_another_way_is_read(string header) =>
        Assert.Equal([0f, 0f], ReadOne([.. Header(header), .. new byte[8]]).ToSingles());

    [Fact]
    public void A_header_longer_than_NumPy_accepts_is_refused()
    {
        var long3 = new byte[20_012];
        "\u0093NUMPY\u0003\0"u8[1..].CopyTo(long3);
        long3[0] = 0x93;
        BitConverter.TryWriteBytes(long3.AsSpan(8), 20_000);
        Assert.Contains("longer", Assert.Throws<DataSetException>(() => ReadOne(long3)).Message, StringComparison.Ordinal);
        long3[6] = 4;
        Assert.Contains("version 4.0 is unknown", Assert.Throws<DataSetException>(() => ReadOne(long3)).Message, StringComparison.Ordinal);
        Assert.Contains("not a .npy array", Assert.Throws<DataSetException>(() => ReadOne(new byte[20])).Message, StringComparison.Ordinal);
        Assert.Contains("end early", Assert.Throws<DataSetException>(() => ReadOne([0x93])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_changed_byte_in_stored_values_is_found_by_the_checksum()
    {
        NpzFile.Write(folder["a.npz"], [new("a", new NpyArray(Enumerable.Repeat(1f, 100).ToArray(), 100))]);
        var bytes = File.ReadAllBytes(folder["a.npz"]);
        bytes[300] ^= 1;
        folder.Write("a.npz", bytes);

        using var file = NpzFile.Open(folder["a.npz"]);
        Assert.Contains("checksum", Assert.Throws<DataSetException>(() => file.Read("a")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_no_archive_is_refused()
    {
        Assert.Contains("not a readable .npz", Assert.Throws<DataSetException>(() => NpzFile.Open(folder.Write("a.npz", [1, 2, 3]))).Message, StringComparison.Ordinal);
        Assert.Contains("does not exist", Assert.Throws<DataSetException>(() => NpzFile.Open(folder["b.npz"])).Message, StringComparison.Ordinal);
        Assert.Contains("is a folder", Assert.Throws<DataSetException>(() => NpzFile.Open(folder.Path)).Message, StringComparison.Ordinal);
    }

    private static IEnumerable<KeyValuePair<string, NpyArray>> FailsInTheMiddle(NpyArray array)
    {
        yield return new("a", array);
        throw new InvalidOperationException("the source failed");
    }

    private static byte[] Header(string text) =>
        [0x93, .. "NUMPY"u8, 1, 0, (byte)text.Length, (byte)(text.Length >> 8), .. Encoding.ASCII.GetBytes(text)];

    private NpyArray ReadOne(byte[] npy)
    {
        using (var archive = new ZipArchive(File.Create(folder["one.npz"]), ZipArchiveMode.Create))
        {
            using var entry = archive.CreateEntry("x.npy").Open();
            entry.Write(npy);
        }

        using var file = NpzFile.Open(folder["one.npz"]);
        return file.Read("x");
    }
}
