using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Ulrl.Training.Autodiff;

namespace Ulrl.Training.Runtime;

/// <summary>
/// Two sets of buffers for the state of a training session: one is read while the other is written, then they
/// swap. On the CPU both are ordinary memory, and momenta are updated in place: the one node that reads a momentum
/// comes before the one that writes it. On CUDA both lie on the device, and the first step reads host memory.
/// </summary>
internal sealed class StateBuffers : IDisposable
{
    /// <summary>Writes the values of the initializer of a name.</summary>
    public delegate void Fill(string name, Span<float> values);

    private readonly Device device;
    private readonly IReadOnlyList<StateTensor> tensors;
    private readonly OrtValue[] host;
    private readonly OrtValue[][] sets;
    private OrtValue[] current;
    private OrtValue[] next;
    private InferenceSession? copier;

    public StateBuffers(InferenceSession session, Device device, IReadOnlyList<StateTensor> tensors)
    {
        this.device = device;
        this.tensors = tensors;
        host = Allocate(OrtAllocator.DefaultInstance);
        if (device.Kind == DeviceKind.Cuda)
        {
            using var memory = new OrtMemoryInfo(OrtMemoryInfo.allocatorCUDA, OrtAllocatorType.DeviceAllocator, device.Index, OrtMemType.Default);
            using var allocator = new OrtAllocator(session, memory);
            sets = [Allocate(allocator), Allocate(allocator)];
        }
        else
        {
            sets = [host, Allocate(OrtAllocator.DefaultInstance, shared: host)];
        }

        current = host;
        next = sets[1];
    }

    /// <summary>Starts again: parameters and statistics from the given values, momenta from zero.</summary>
    /// <param name="fill">Writes the values of an initializer.</param>
    public void Reset(Fill fill)
    {
        for (var i = 0; i < tensors.Count; i++)
        {
            var span = host[i].GetTensorMutableDataAsSpan<float>();
            if (tensors[i].Kind == StateKind.Momentum) span.Clear();
            else fill(tensors[i].Input, span);
        }

        current = host;
        next = sets[1];
    }

    /// <summary>Changes the parameters. On CUDA all state comes to host memory for that, from where the next step reads it as the first one did.</summary>
    /// <param name="change">Given the name and the values of each.</param>
    public void Change(Fill change)
    {
        if (device.Kind == DeviceKind.Cuda && !ReferenceEquals(current, host))
        {
            current = Download();
            next = sets[1];
        }

        for (var i = 0; i < tensors.Count; i++)
        {
            if (tensors[i].Kind == StateKind.Parameter) change(tensors[i].Input, current[i].GetTensorMutableDataAsSpan<float>());
        }
    }

    public void Bind(OrtIoBinding binding)
    {
        for (var i = 0; i < tensors.Count; i++)
        {
            binding.BindInput(tensors[i].Input, current[i]);
            binding.BindOutput(tensors[i].Output, next[i]);
        }
    }

    public void Swap()
    {
        current = next;
        next = ReferenceEquals(current, sets[0]) ? sets[1] : sets[0];
    }

    public IReadOnlyDictionary<string, float[]> Read(IEnumerable<StateTensor> wanted)
    {
        var names = wanted.Select(t => t.Input).ToHashSet(StringComparer.Ordinal);
        var onHost = device.Kind == DeviceKind.Cuda && !ReferenceEquals(current, host) ? Download() : current;
        var values = new Dictionary<string, float[]>(StringComparer.Ordinal);
        for (var i = 0; i < tensors.Count; i++)
        {
            if (names.Contains(tensors[i].Input)) values[tensors[i].Input] = onHost[i].GetTensorDataAsSpan<float>().ToArray();
        }

        return values;
    }

    public void Dispose()
    {
        copier?.Dispose();
        foreach (var value in sets.Append(host).SelectMany(s => s).Distinct()) value.Dispose();
    }

    private OrtValue[] Allocate(OrtAllocator allocator, OrtValue[]? shared = null) =>
        [.. tensors.Select((t, i) => shared is not null && t.Kind == StateKind.Momentum
            ? shared[i]
            : OrtValue.CreateAllocatedTensorValue(allocator, TensorElementType.Float, t.Dims))];

    // The runtime copies between memories when a node's output is bound elsewhere: one Identity per tensor. Displaced steps and the search for
    // perturbations copy at every step, so the session that does it stays open.
    private OrtValue[] Download()
    {
        copier ??= OrtSessions.Open(CopyGraph.Of(tensors), device, 1);
        using var binding = copier.CreateIoBinding();
        for (var i = 0; i < tensors.Count; i++)
        {
            binding.BindInput(tensors[i].Input, current[i]);
            binding.BindOutput(tensors[i].Output, host[i]);
        }

        using var options = new RunOptions();
        copier.RunWithBinding(options, binding);
        binding.SynchronizeBoundOutputs();
        return host;
    }
}
