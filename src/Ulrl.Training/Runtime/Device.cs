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

    /// <summary>Settles <see cref="DeviceKind.Auto"/> and checks that a CUDA device can be used.</summary>
    /// <param name="cudaProblem">Why the CUDA device of a number cannot be used; null where it can.</param>
    /// <param name="notice">Told in one line why <c>auto</c> took the CPU.</param>
    /// <exception cref="DeviceException">CUDA was asked for and cannot be used.</exception>
    internal Device Settle(Func<int, string?> cudaProblem, Action<string>? notice)
    {
        if (Kind == DeviceKind.Cpu) return this;
        var problem = cudaProblem(Index);
        if (problem is null) return this with { Kind = DeviceKind.Cuda };
        if (Kind == DeviceKind.Cuda) throw new DeviceException($"{this}: {problem}");
        notice?.Invoke($"the CPU is used: {problem}");
        return Cpu;
    }

    /// <inheritdoc/>
    public override string ToString() => Kind switch
    {
        DeviceKind.Auto => "auto",
        DeviceKind.Cpu => "cpu",
        _ => string.Create(CultureInfo.InvariantCulture, $"cuda:{Index}"),
    };
}
