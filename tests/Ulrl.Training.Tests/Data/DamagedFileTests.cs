using System.IO.Compression;
using Ulrl.Training.Data;

namespace Ulrl.Training.Tests.Data;

/// <summary>Files with random damage give samples or a data set error, nothing else, and take bounded memory.</summary>
public sealed class DamagedFileTests : IDisposable
{
    private const int Rounds = 500;

    private readonly ScratchFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Damaged_deflated_npz_files() => Damage("a.npz", File.ReadAllBytes(TestFiles.TestData("data", "cifar10-triggered3.npz")), 1);

    [Fact]
    public void Damaged_stored_npz_files()
    {
        NpzFile.Write(folder["whole.npz"], [
            new("x", new NpyArray(Enumerable.Range(0, 48).Select(i => (float)i).ToArray(), 2, 2, 3, 4)),
            new("y", new NpyArray(new long[] { 1, 2 }, 2)),
            new("target", new NpyArray(new[] { 2 }))]);
        Damage("a.npz", File.ReadAllBytes(folder["whole.npz"]), 2);
    }

    [Fact]
    public void Damaged_npz_files_with_intact_checksums()
    {
        // The archive is made anew around a damaged array, so the damage reaches the .npy parser.
        byte[] npy;
        NpzFile.Write(folder["whole.npz"], [new("x", new NpyArray(new float[12], 2, 6))]);
        using (var archive = ZipFile.OpenRead(folder["whole.npz"]))
        {
            using var entry = archive.Entries[0].Open();
            using var memory = new MemoryStream();
            entry.CopyTo(memory);
            npy = memory.ToArray();
        }

        var labels = new byte[128 + 16];
        npy.AsSpan(0, 128).CopyTo(labels);
        "{'descr': '<i8', 'fortran_order': False, 'shape': (2,), }      "u8.CopyTo(labels.AsSpan(10));
        Damage("a.npz", npy, 3, damaged =>
        {
            using var memory = new MemoryStream();
            using (var archive = new ZipArchive(memory, ZipArchiveMode.Create))
            {
                foreach (var (name, content) in new[] { ("x.npy", damaged), ("y.npy", labels) })
                {
                    using var entry = archive.CreateEntry(name, CompressionLevel.Fastest).Open();
                    entry.Write(content);
                }
            }

            return memory.ToArray();
        });
    }

    [Fact]
    public void Damaged_cifar_files()
    {
        var bytes = new byte[3 * 3073];
        new Random(4).NextBytes(bytes);
        bytes[0] = bytes[3073] = bytes[2 * 3073] = 1;
        Damage("data_batch_1.bin", bytes, 4);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Damaged_idx_files(bool compressed)
    {
        byte[] images = [0, 0, 8, 3, 0, 0, 0, 4, 0, 0, 0, 5, 0, 0, 0, 5, .. Enumerable.Range(0, 100).Select(i => (byte)i)];
        folder.Write("t-labels-idx1-ubyte", [0, 0, 8, 1, 0, 0, 0, 4, 0, 1, 2, 3]);
        if (compressed)
        {
            using var memory = new MemoryStream();
            using (var gzip = new GZipStream(memory, CompressionLevel.Optimal))
                gzip.Write(images);
            images = memory.ToArray();
        }

        Damage("t-images-idx3-ubyte", images, 5);
    }

    private static byte[] Mutate(byte[] whole, Random random)
    {
        if (random.Next(4) == 0)
            return whole[..random.Next(whole.Length)];
        var damaged = (byte[])whole.Clone();
        for (var changes = random.Next(1, 6); changes > 0; changes--)
        {
            // Headers and directories lie at the ends.
            var at = random.Next(3) switch
            {
                0 => random.Next(Math.Min(200, damaged.Length)),
                1 => damaged.Length - 1 - random.Next(Math.Min(300, damaged.Length)),
                _ => random.Next(damaged.Length),
            };
            damaged[at] = random.Next(3) switch
            {
                0 => (byte)random.Next(256),
                1 => (byte)(damaged[at] ^ (1 << random.Next(8))),
                _ => (byte)(random.Next(2) * 255),
            };
        }

        return damaged;
    }

    private void Damage(string name, byte[] whole, int seed, Func<byte[], byte[]>? wrap = null)
    {
        wrap ??= bytes => bytes;
        folder.Write(name, wrap(whole));
        Assert.True(DataSetReader.Read(folder[name]).Count > 0);
        var random = new Random(seed);
        var refused = 0;
        for (var round = 0; round < Rounds; round++)
        {
            folder.Write(name, wrap(Mutate(whole, random)));
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                var samples = DataSetReader.Read(folder[name]);
                Assert.Equal(samples.Values.Length, samples.Count * samples.SampleLength);
            }
            catch (DataSetException)
            {
                refused++;
            }

            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, (1 << 20) + (32 * whole.Length));
        }

        Assert.InRange(refused, Rounds / 10, Rounds);
    }
}
