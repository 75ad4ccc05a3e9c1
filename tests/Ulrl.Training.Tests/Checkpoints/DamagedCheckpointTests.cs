using System.IO.Compression;
using Ulrl.Training.Checkpoints;
using Ulrl.Training.Tests.Data;

namespace Ulrl.Training.Tests.Checkpoints;

/// <summary>Real checkpoints with seeded damage load or end in one error of this library, and take bounded memory.</summary>
public sealed class DamagedCheckpointTests : IDisposable
{
    private const int Rounds = 800;
    private const int Slack = 1 << 20;
    private const int FactorOfSize = 256;

    private readonly ScratchFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("state_dict.pt", 1)]
    [InlineData("record_protocol4.pt", 2)]
    [InlineData("state_dict_legacy.pt", 3)]
    [InlineData("types_legacy.pt", 4)]
    [InlineData("views_legacy.pt", 5)]
    [InlineData("small.safetensors", 6)]
    public void Damaged_files(string file, int seed) => Damage(File.ReadAllBytes(CheckpointFiles.Real(file)), seed, bytes => bytes);

    [Theory]
    [InlineData("views.pt", 11)]
    [InlineData("types.pt", 12)]
    [InlineData("record_protocol2.pt", 13)]
    [InlineData("record_protocol4.pt", 14)]
    [InlineData("parameters.pt", 15)]
    public void Damaged_pickles_with_intact_checksums(string file, int seed)
    {
        // The archive is made anew around the damaged pickle, so the damage reaches the pickle reader.
        var records = new List<(string Name, byte[] Content)>();
        using (var archive = ZipFile.OpenRead(CheckpointFiles.Real(file)))
        {
            foreach (var entry in archive.Entries.Where(entry => entry.Name != "data.pkl"))
            {
                using var stream = entry.Open();
                using var memory = new MemoryStream();
                stream.CopyTo(memory);
                records.Add((entry.FullName, memory.ToArray()));
            }
        }

        var folderName = records[0].Name.Split('/')[0];
        Damage(CheckpointFiles.PickleOf(CheckpointFiles.Real(file)), seed, pickle => CheckpointFiles.Zip([($"{folderName}/data.pkl", pickle), .. records]));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    [InlineData(5)]
    public void Every_truncation_of_a_pickle_is_refused(int protocol)
    {
        var whole = File.ReadAllBytes(CheckpointFiles.Real($"values_protocol{protocol}.pkl"));
        for (var length = 0; length < whole.Length; length++)
            Assert.Throws<CheckpointException>(() => CheckpointFiles.Unpickle(whole[..length]));
    }

    [Theory]
    [InlineData("state_dict.pt")]
    [InlineData("state_dict_legacy.pt")]
    [InlineData("small.safetensors")]
    public void Every_truncation_of_a_file_is_refused(string file)
    {
        var whole = File.ReadAllBytes(CheckpointFiles.Real(file));
        for (var length = 0; length < whole.Length; length += 3)
            CheckpointFiles.Refused(folder.Write("a.pt", whole[..length]));
    }

    private static byte[] Mutate(byte[] whole, Random random)
    {
        var damaged = new List<byte>(whole);
        for (var changes = random.Next(1, 5); changes > 0 && damaged.Count > 0; changes--)
        {
            var at = random.Next(damaged.Count);
            var length = Math.Min(random.Next(1, 32), damaged.Count - at);
            switch (random.Next(8))
            {
                case 0:
                    damaged.RemoveRange(at, length);
                    break;
                case 1:
                    damaged.InsertRange(random.Next(damaged.Count), damaged.GetRange(at, length));
                    break;
                case 2:
                    damaged[at] = (byte)(random.Next(2) * 255);
                    break;
                case 3:
                    damaged[at] = whole[random.Next(whole.Length)];
                    break;
                default:
                    damaged[at] ^= (byte)(1 << random.Next(8));
                    break;
            }
        }

        return [.. damaged];
    }

    private void Damage(byte[] whole, int seed, Func<byte[], byte[]> wrap)
    {
        Assert.NotEmpty(TorchCheckpoint.Load(folder.Write("a.pt", wrap(whole))).Tensors);
        var random = new Random(seed);
        var refused = 0;
        for (var round = 0; round < Rounds; round++)
        {
            var bytes = wrap(Mutate(whole, random));
            folder.Write("a.pt", bytes);
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                // An expanded tensor may be larger than its file, but only so much.
                foreach (var tensor in TorchCheckpoint.Load(folder["a.pt"]).Tensors.Values.Where(tensor => tensor.ElementCount < 1000))
                    Assert.Equal(tensor.ElementCount, tensor.ToSingles().LongLength);
            }
            catch (CheckpointException e)
            {
                refused++;
                Assert.DoesNotContain('\n', e.Message);
            }

            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, Slack + (FactorOfSize * (long)bytes.Length));
        }

        Assert.InRange(refused, Rounds / 10, Rounds);
    }
}
