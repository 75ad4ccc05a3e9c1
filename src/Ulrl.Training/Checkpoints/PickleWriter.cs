using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using Ulrl.Training.Pickle;

namespace Ulrl.Training.Checkpoints;

/// <summary>Writes the few pickle instructions (protocol 2) that PyTorch's restricted reader accepts.</summary>
internal sealed class PickleWriter
{
    private readonly ArrayBufferWriter<byte> bytes = new();

    /// <summary>Starts a pickle.</summary>
    public PickleWriter() => Op(PickleOpcode.Proto).Byte(2);

    /// <summary>Writes an instruction without an argument.</summary>
    public PickleWriter Op(PickleOpcode opcode) => Byte((byte)opcode);

    /// <summary>Pushes a Python name.</summary>
    public PickleWriter Global(string module, string name)
    {
        Op(PickleOpcode.Global);
        bytes.Write(Encoding.ASCII.GetBytes($"{module}\n{name}\n"));
        return this;
    }

    /// <summary>Pushes a string.</summary>
    public PickleWriter Text(string text)
    {
        var utf8 = Encoding.UTF8.GetBytes(text);
        Span<byte> length = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, utf8.Length);
        Op(PickleOpcode.BinUnicode);
        bytes.Write(length);
        bytes.Write(utf8);
        return this;
    }

    /// <summary>Pushes an integer of 0 or more.</summary>
    public PickleWriter Integer(long value)
    {
        Span<byte> number = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(number, value);
        if (value <= int.MaxValue)
        {
            Op(PickleOpcode.BinInt);
            bytes.Write(number[..4]);
            return this;
        }

        Op(PickleOpcode.Long1).Byte(8);
        bytes.Write(number);
        return this;
    }

    /// <summary>Pushes a tuple of integers.</summary>
    public PickleWriter Integers(ReadOnlySpan<long> values)
    {
        Op(PickleOpcode.Mark);
        foreach (var value in values)
            Integer(value);
        return Op(PickleOpcode.Tuple);
    }

    /// <summary>Ends the pickle.</summary>
    public byte[] Finish()
    {
        Op(PickleOpcode.Stop);
        return bytes.WrittenSpan.ToArray();
    }

    private PickleWriter Byte(byte value)
    {
        bytes.Write([value]);
        return this;
    }
}
