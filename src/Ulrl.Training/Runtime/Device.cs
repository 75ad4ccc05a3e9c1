using System.Globalization;

namespace Ulrl.Training.Runtime;

/// <summary>The device that trains or evaluates: <c>auto</c>, <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</summary>
/// <param name="Kind">The kind of device.</param>
/// <param name="Index">Number of the CUDA device, from 0.</param>
public sealed record Device(DeviceKind Kind, int Index = 0)
{
    /// <summary>The first CUDA device where there is one, otherwise the CPU.</summary>
    public static Device Auto { get; } = new(DeviceKind.Auto);

    /// <summary>The CPU.</summary>
    public static Device Cpu { get; } = new(DeviceKind.Cpu);

    /// <summary>Reads <c>auto</c>, <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</summary>
    /// <exception cref="DeviceException">The text is none of these.</exception>
    public static Device Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Equals("auto", StringComparison.OrdinalIgnoreCase)) return Auto;
        if (text.Equals("cpu", StringComparison.OrdinalIgnoreCase)) return Cpu;
        if (text.Equals("cuda", StringComparison.OrdinalIgnoreCase)) return new Device(DeviceKind.Cuda);
        if (text.StartsWith("cuda:", StringComparison.OrdinalIgnoreCase)
            && int.TryParse(text.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out var index))
        {
            return new Device(DeviceKind.Cuda, index);
        }

        throw new DeviceException($"'{text}' is not a device; give auto, cpu, cuda or cuda:N.");
    }

    /// <inheritdoc/>
    public override string ToString() => Kind switch
    {
        DeviceKind.Auto => "auto",
        DeviceKind.Cpu => "cpu",
        _ => string.Create(CultureInfo.InvariantCulture, $"cuda:{Index}"),
    };
}
