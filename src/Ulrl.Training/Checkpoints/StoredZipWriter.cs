using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using Ulrl.Training.Data;

namespace Ulrl.Training.Checkpoints;

/// <summary>
/// Writes a zip archive of stored records whose data begin at multiples of 64 bytes, as PyTorch's own writer does so
/// that storages can be mapped into memory; the padding is an extra field, which <see cref="System.IO.Compression"/>
/// cannot write. Times are fixed, so that equal records give equal bytes.
/// </summary>
/// <param name="stream">Receives the archive.</param>
/// <param name="where">File, for errors.</param>
internal sealed class StoredZipWriter(Stream stream, string where)
{
    private const int Alignment = 64;
    private const int LocalHeaderBytes = 30;
    private const int CentralHeaderBytes = 46;
    private const int EndBytes = 22;
    private const int ExtraHeaderBytes = 4;
    private const ushort Version = 20;
    private const ushort Utf8Names = 1 << 11;

    // 1 January 1980, the earliest a zip archive knows.
    private const ushort FixedDate = (1 << 5) | 1;

    // The id PyTorch gives its padding.
    private const ushort PaddingId = 'F' | ('B' << 8);

    private readonly ArrayBufferWriter<byte> directory = new();
    private long position;
    private int count;

    /// <summary>Writes one record.</summary>
    public void Write(string name, ReadOnlySpan<byte> data)
    {
        var checksum = default(Crc32);
        checksum.Append(data);
        var utf8 = Encoding.UTF8.GetBytes(name);
        var unpadded = position + LocalHeaderBytes + utf8.Length + ExtraHeaderBytes;
        var padding = (int)((Alignment - (unpadded % Alignment)) % Alignment);
        if (position + LocalHeaderBytes + utf8.Length + ExtraHeaderBytes + padding + data.Length > uint.MaxValue || count == ushort.MaxValue)
            throw new UlrlException($"{where}: the checkpoint would have more than 4 GiB or 65535 tensors; save the model as ONNX or in parts");

        var header = new byte[LocalHeaderBytes];
        header[0] = (byte)'P';
        header[1] = (byte)'K';
        header[2] = 3;
        header[3] = 4;
        Common(header.AsSpan(4), checksum.Value, data.Length, utf8.Length, ExtraHeaderBytes + padding);
        var extra = new byte[ExtraHeaderBytes + padding];
        BinaryPrimitives.WriteUInt16LittleEndian(extra, PaddingId);
        BinaryPrimitives.WriteUInt16LittleEndian(extra.AsSpan(2), (ushort)padding);
        stream.Write(header);
        stream.Write(utf8);
        stream.Write(extra);
        stream.Write(data);

        var central = new byte[CentralHeaderBytes];
        central[0] = (byte)'P';
        central[1] = (byte)'K';
        central[2] = 1;
        central[3] = 2;
        BinaryPrimitives.WriteUInt16LittleEndian(central.AsSpan(4), Version);
        Common(central.AsSpan(6), checksum.Value, data.Length, utf8.Length, 0);
        BinaryPrimitives.WriteUInt32LittleEndian(central.AsSpan(42), (uint)position);
        directory.Write(central);
        directory.Write(utf8);
        position += LocalHeaderBytes + utf8.Length + extra.Length + data.Length;
        count++;
    }

    /// <summary>Writes the directory.</summary>
    public void Finish()
    {
        if (position + directory.WrittenCount > uint.MaxValue)
            throw new UlrlException($"{where}: the checkpoint would have more than 4 GiB; save the model as ONNX or in parts");
        var end = new byte[EndBytes];
        end[0] = (byte)'P';
        end[1] = (byte)'K';
        end[2] = 5;
        end[3] = 6;
        BinaryPrimitives.WriteUInt16LittleEndian(end.AsSpan(8), (ushort)count);
        BinaryPrimitives.WriteUInt16LittleEndian(end.AsSpan(10), (ushort)count);
        BinaryPrimitives.WriteUInt32LittleEndian(end.AsSpan(12), (uint)directory.WrittenCount);
        BinaryPrimitives.WriteUInt32LittleEndian(end.AsSpan(16), (uint)position);
        stream.Write(directory.WrittenSpan);
        stream.Write(end);
    }

    // The fields that local and central headers share, from the version needed to the length of the extra field.
    private static void Common(Span<byte> fields, uint checksum, int length, int nameLength, int extraLength)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(fields, Version);
        BinaryPrimitives.WriteUInt16LittleEndian(fields[2..], Utf8Names);
        BinaryPrimitives.WriteUInt16LittleEndian(fields[8..], FixedDate);
        BinaryPrimitives.WriteUInt32LittleEndian(fields[10..], checksum);
        BinaryPrimitives.WriteInt32LittleEndian(fields[14..], length);
        BinaryPrimitives.WriteInt32LittleEndian(fields[18..], length);
        BinaryPrimitives.WriteUInt16LittleEndian(fields[22..], (ushort)nameLength);
        BinaryPrimitives.WriteUInt16LittleEndian(fields[24..], (ushort)extraLength);
    }
}
