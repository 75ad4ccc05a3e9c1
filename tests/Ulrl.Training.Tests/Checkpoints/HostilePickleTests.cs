using System.Buffers.Binary;
using System.Text;
using Ulrl.Training.Checkpoints;
using Ulrl.Training.Tests.Data;

namespace Ulrl.Training.Tests.Checkpoints;

/// <summary>Pickles made to run code, to take memory or to take time are refused; nothing in them runs.</summary>
public sealed class HostilePickleTests : IDisposable
{
    // Allocations per byte of pickle: an empty dictionary and its memo entry take one byte each.
    private const int FactorOfSize = 256;
    private const int Slack = 1 << 20;

    private readonly ScratchFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("cos\nsystem\n(S'touch ran'\ntR.", "os.system")]
    [InlineData("\u0080\u0002cposix\nsystem\nX\u0009\0\0\0touch ran\u0085R.", "posix.system")]
    [InlineData("\u0080\u0004\u008c\u0008builtins\u008c\u0004eval\u0093\u008c\u00031+1\u0085R.", "builtins.eval")]
    [InlineData("\u0080\u0004\u008c\u0008builtins\u008c\u0007getattr\u0093.", "builtins.getattr")]
    [InlineData("c__builtin__\nexec\n.", "__builtin__.exec")]
    [InlineData("(S'touch ran'\nios\nsystem\n.", "os.system")]
    [InlineData("(cos\nsystem\nS'touch ran'\no.", "os.system")]
    [InlineData("\u0080\u0002csubprocess\nPopen\n)\u0081.", "subprocess.Popen")]
    [InlineData("\u0080\u0002ctorch\nload\n.", "torch.load")]
    [InlineData("\u0080\u0002ctorch.storage\n_load_from_bytes\n.", "torch.storage._load_from_bytes")]
    [InlineData("\u0080\u0002ctorch._utils\n_rebuild_tensor_v2.__globals__\n.", "torch._utils._rebuild_tensor_v2.__globals__")]
    [InlineData("\u0080\u0002cnumpy\nload\n.", "numpy.load")]
    [InlineData("\u0080\u0002ccollections\nOrderedDict.__reduce__\n.", "collections.OrderedDict.__reduce__")]
    [InlineData("\u0080\u0004\u008c\u0002o\n\u008c\u0003s\u001b]\u0093.", "o?.s?]")]
    public void Names_beyond_tensors_arrays_and_containers_are_refused_by_name(string pickle, string name)
    {
        var zip = CheckpointFiles.Refused(folder.Write("a.pt", CheckpointFiles.Zip(CheckpointFiles.Bytes(pickle))));
        Assert.Contains($"asks for `{name}`, which is refused", zip, StringComparison.Ordinal);
        Assert.Contains("state_dict()", zip, StringComparison.Ordinal);
        Assert.False(File.Exists("ran"));

        // The same as the whole file, where the older layout has its magic number.
        if (pickle[0] == 0x80)
            Assert.Contains($"`{name}`", CheckpointFiles.Refused(folder.Write("b.pt", CheckpointFiles.Bytes(pickle))), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\u0080\u0006N.", "protocol 6 is unknown")]
    [InlineData("\u0082\u0001.", "extension registry")]
    [InlineData("\u0097.", "buffers outside the file")]
    [InlineData("N", "truncated")]
    [InlineData("", "truncated")]
    [InlineData(".", "nothing to work on")]
    [InlineData("(.", "middle of a container")]
    [InlineData("R.", "nothing to work on")]
    [InlineData("NR.", "nothing to work on")]
    [InlineData("NNR.", "calls None")]
    [InlineData("ccollections\nOrderedDict\nNR.", "with None for arguments")]
    [InlineData("ccollections\nOrderedDict\n(K\u0001tR.", "arguments it does not take")]
    [InlineData("c__builtin__\nset\n(]]atR.", "a list is used as a key")]
    [InlineData("}(]K\u0001u.", "a list is used as a key")]
    [InlineData("}(((ttK\u0001u.", "a tuple is used as a key")]
    [InlineData("}(K\u0001u.", "key without a value")]
    [InlineData("]K\u0001K\u0002s.", "SetItem is applied to a list")]
    [InlineData("}K\u0001a.", "Append is applied to a dictionary")]
    [InlineData("N}b.", "state of None")]
    [InlineData("t.", "did not begin")]
    [InlineData("h\u0005.", "memo 5 is used before it is set")]
    [InlineData("gx\n.", "memo number is malformed")]
    [InlineData("\u00ff.", "0xff is no pickle instruction")]
    [InlineData("I12x\n.", "integer is malformed")]
    [InlineData("Fnope\n.", "float is malformed")]
    [InlineData("Sabc\n.", "no quotes")]
    [InlineData("X\u0001\0\0\0\u00ff.", "not valid UTF-8")]
    [InlineData("V\\uZZZZ\n.", "malformed escape")]
    [InlineData("Pid\n.", "is no storage")]
    [InlineData("NQ.", "is no storage")]
    [InlineData("cnumpy\ndtype\n(S'O8'\nI0\nI1\ntR.", "numpy array of type 'O8'")]
    [InlineData("cnumpy\ndtype\n(S'f4'\nI0\nI1\ntRa.", "before its content is set")]
    [InlineData("cnumpy\nndarray\n(K\u0001tR.", "by its size alone")]
    [InlineData("]", "truncated")]
    [InlineData("].", "holds a list where a state dict is expected")]
    [InlineData("N.", "holds None where a state dict is expected")]
    [InlineData("}.", "holds no state dict")]
    [InlineData("}(X\u0005\0\0\0modelK\u0001u.", "holds no state dict")]
    public void Damaged_pickles_are_refused_with_the_reason(string pickle, string reason) =>
        Assert.Contains(reason, CheckpointFiles.Refused(folder.Write("a.pt", CheckpointFiles.Zip(CheckpointFiles.Bytes(pickle)))), StringComparison.Ordinal);

    [Fact]
    public void Every_instruction_alone_or_on_a_little_stack_ends_in_a_value_or_one_error()
    {
        foreach (var before in new[] { "", "N", "(", "(N", "K\u0001K\u0002", "}", "]", "]N", "(((", "}K\u0001", ")", "NN)", "X\u0001\0\0\0aX\u0001\0\0\0b" })
        {
            for (var opcode = 0; opcode < 256; opcode++)
            {
                foreach (var after in new[] { "", ".", "\0\0\0\0\0\0\0\0.", "\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff.", "\n\n." })
                    Bounded(CheckpointFiles.Bytes(before + (char)opcode + after));
            }
        }
    }

    [Theory]
    [InlineData("X\u00ff\u00ff\u00ff\u00ff")]
    [InlineData("X\u00ff\u00ff\u00ff\u007f")]
    [InlineData("\u008d\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u007f")]
    [InlineData("\u008d\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff")]
    [InlineData("\u008e\0\0\0\0\u0001\0\0\0")]
    [InlineData("\u0096\u00ff\u00ff\u00ff\u007f\0\0\0\0")]
    [InlineData("B\u00ff\u00ff\u00ff\u00ff")]
    [InlineData("T\u00ff\u00ff\u00ff\u007f")]
    [InlineData("\u008b\u00ff\u00ff\u00ff\u007f")]
    [InlineData("\u008b\u00ff\u00ff\u00ff\u00ff")]
    [InlineData("\u0095\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u007f")]
    public void Huge_claimed_lengths_are_refused_before_anything_is_allocated(string pickle)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        var error = Assert.Throws<CheckpointException>(() => CheckpointFiles.Unpickle(CheckpointFiles.Bytes(pickle + new string('a', 100) + ".")));
        Assert.Contains("claimed", error.Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 16);
    }

    [Fact]
    public void Nesting_of_any_depth_takes_no_stack()
    {
        const int Depth = 300_000;
        var lists = new string(']', Depth) + new string('a', Depth - 1);
        Assert.True(Bounded(CheckpointFiles.Bytes(lists + ".")));
        Assert.True(Bounded(CheckpointFiles.Bytes(")" + new string('\u0085', Depth) + ".")));
        Assert.True(Bounded(CheckpointFiles.Bytes(new string('(', Depth) + new string('t', Depth) + ".")));

        // Beside a state dict it is carried along.
        var tensor = Encoding.Latin1.GetString(CheckpointFiles.OneTensor());
        var beside = tensor[..^2] + "X\u0004\0\0\0deep" + lists + "u.";
        Assert.Equal(["w"], TorchCheckpoint.Load(folder.Write("a.pt", CheckpointFiles.Zip(CheckpointFiles.Bytes(beside)))).Tensors.Keys);
    }

    [Fact]
    public void Exponential_nesting_by_reference_costs_no_more_than_its_bytes()
    {
        var laughs = new StringBuilder("]");
        for (var i = 0; i < 200; i++)
            laughs.Append("q\u0001](h\u0001h\u0001h\u0001h\u0001h\u0001h\u0001h\u0001h\u0001h\u0001h\u0001e");
        Assert.True(Bounded(CheckpointFiles.Bytes(laughs + ".")));

        // A tuple as a key would be hashed through all of it.
        var tuples = new StringBuilder("}(K\u0001");
        for (var i = 0; i < 60; i++)
            tuples.Append("q\u0001h\u0001\u0086");
        Assert.False(Bounded(CheckpointFiles.Bytes(tuples + "Nu.")));

        // A list that contains itself.
        Assert.True(Bounded(CheckpointFiles.Bytes("]q\u0001h\u0001a.")));
    }

    [Theory]
    [InlineData("]", 1_000_000)]
    [InlineData("}", 1_000_000)]
    [InlineData("\u008f", 1_000_000)]
    [InlineData("\u0094", 1_000_000)]
    [InlineData("(", 1_000_000)]
    [InlineData("2", 1_000_000)]
    [InlineData("}\u0094", 500_000)]
    [InlineData("r\u00ff\u00ff\u00ff\u00ff", 200_000)]
    [InlineData("ccollections\nOrderedDict\n)R", 40_000)]
    public void Many_small_objects_take_memory_in_proportion(string instruction, int count)
    {
        var pickle = new StringBuilder("N");
        for (var i = 0; i < count; i++)
            pickle.Append(instruction);
        Bounded(CheckpointFiles.Bytes(pickle + "."));
    }

    [Fact]
    public void Slots_of_the_memo_far_apart_take_no_room()
    {
        var pickle = new List<byte>();
        for (uint i = 0; i < 10_000; i++)
        {
            pickle.Add((byte)'N');
            pickle.Add((byte)'r');
            var slot = new byte[4];
            BinaryPrimitives.WriteUInt32LittleEndian(slot, i * 400_000);
            pickle.AddRange(slot);
        }

        Assert.True(Bounded([.. pickle, (byte)'.']));
    }

    [Theory]
    // Bytes made again and again from one string.
    [InlineData("c_codecs\nencode\nq\u0001", "h\u0001h\u0002S'latin1'\n\u0086R0")]
    // A set made again and again from one list.
    [InlineData("c__builtin__\nset\nq\u0001", "h\u0001h\u0003\u0085R0")]
    // One long key hashed again and again.
    [InlineData("}q\u0001", "h\u0001h\u0002Ns0")]
    public void Objects_made_again_and_again_from_shared_ones_are_refused(string start, string again)
    {
        var pickle = new StringBuilder(start);
        pickle.Append("X\0\0\u0010\0").Append('a', 0x100000).Append("q\u0002](");
        for (var i = 0; i < 20_000; i++)
            pickle.Append((char)'J').Append((char)(i & 0xFF)).Append((char)(i >> 8)).Append("\0\0");
        pickle.Append("eq\u0003");
        for (var i = 0; i < 20_000; i++)
            pickle.Append(again);
        var error = Assert.Throws<CheckpointException>(() => CheckpointFiles.Unpickle(CheckpointFiles.Bytes(pickle + ".")));
        Assert.Contains("out of proportion", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("K\u0001", "K\u0002K\u0002", "K\u0002K\u0001", "beyond its storage")]
    [InlineData("K\0", "K\u0005", "K\u0001", "beyond its storage")]
    [InlineData("K\0", "K\u0002", "K\u0004", "beyond its storage")]
    [InlineData("K\0", "K\u0002K\u0002", "K\u0001", "stride too many or too few")]
    [InlineData("K\0", "K\u0002", "J\u00ff\u00ff\u00ff\u00ff", "malformed shape")]
    [InlineData("J\u00ff\u00ff\u00ff\u00ff", "K\u0002", "K\u0001", "arguments it does not take")]
    [InlineData("K\0", "J\u00ff\u00ff\u00ff\u00ff", "K\u0001", "malformed shape")]
    [InlineData("K\0", "N", "K\u0001", "malformed shape")]
    [InlineData("K\0", "J\u00ff\u00ff\u00ff\u007fJ\u00ff\u00ff\u00ff\u007f", "K\0K\0", "more than one array can hold")]
    [InlineData("K\0", "J\0\0\0\u0020", "K\0", "more than one array can hold")]
    [InlineData("K\0", "J\0\0\0\u0010", "K\0", "out of proportion")]
    [InlineData("\u008a\u0008\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u007f", "K\u0001", "K\u0001", "beyond its storage")]
    [InlineData("K\0", "K\u0002", "\u008a\u0008\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u007f", "beyond its storage")]
    public void Tensors_that_do_not_fit_their_storage_are_refused(string offset, string shape, string strides, string reason) =>
        Assert.Contains(reason, CheckpointFiles.Refused(folder.Write("a.pt", CheckpointFiles.Zip(CheckpointFiles.OneTensor(offset, shape, strides)))), StringComparison.Ordinal);

    [Fact]
    public void Tensors_that_fit_their_storage_are_read()
    {
        Assert.Equal(new float[4], Load("K\0", "K\u0002K\u0002", "K\u0001K\u0002"));
        Assert.Equal(new float[2], Load("K\u0001", "K\u0002", "K\u0002"));
        Assert.Equal(new float[100], Load("K\u0003", "Kd", "K\0"));
        Assert.Equal([], Load("K\u0007", "K\0K\u0002", "K\u0002K\u0001"));
        Assert.Equal(new float[1], Load("K\u0003", "", ""));
        Assert.Equal(new float[1], Load("K\u0003", string.Concat(Enumerable.Repeat("K\u0001", 64)), string.Concat(Enumerable.Repeat("\u008a\u0008\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u007f", 64))));

        float[] Load(string offset, string shape, string strides) =>
            TorchCheckpoint.Load(folder.Write("a.pt", CheckpointFiles.Zip(CheckpointFiles.OneTensor(offset, shape, strides)))).Tensors["w"].ToSingles();
    }

    [Fact]
    public void One_storage_under_many_names_is_bounded()
    {
        // 16 KiB of storage, seen by ten thousand tensors, or one tensor by ten thousand names.
        var storage = CheckpointFiles.FloatStorage.Replace("K\u0004tQ", "M\0\u0010tQ", StringComparison.Ordinal);
        var tensor = $"ctorch._utils\n_rebuild_tensor_v2\n({storage}K\0(M\0\u0010t(K\u0001t\u0089}}tR";
        var pickle = new StringBuilder("\u0080\u0002}(");
        for (var i = 0; i < 10_000; i++)
            pickle.Append($"X\u0005\0\0\0{i:d5}").Append(tensor);
        var many = CheckpointFiles.Bytes(pickle + "u.");
        pickle.Clear().Append("\u0080\u0002}(");
        for (var i = 0; i < 10_000; i++)
            pickle.Append($"X\u0005\0\0\0{i:d5}").Append(i == 0 ? tensor + "q\u0001" : "h\u0001");
        var one = CheckpointFiles.Bytes(pickle + "u.");

        foreach (var bytes in new[] { many, one })
            Assert.Contains("out of proportion", CheckpointFiles.Refused(folder.Write("a.pt", CheckpointFiles.Zip(bytes, storageBytes: 16384))), StringComparison.Ordinal);
    }

    private static bool Bounded(byte[] pickle)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        var read = true;
        try
        {
            CheckpointFiles.Unpickle(pickle);
        }
        catch (CheckpointException e)
        {
            read = false;
            Assert.DoesNotContain('\n', e.Message);
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before - (FactorOfSize * (long)pickle.Length), long.MinValue, Slack);
        return read;
    }
}
