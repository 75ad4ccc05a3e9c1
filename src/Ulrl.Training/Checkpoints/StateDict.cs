using Ulrl.Training.Pickle;

namespace Ulrl.Training.Checkpoints;

/// <summary>Finds the tensors by parameter name in what a checkpoint holds.</summary>
internal static class StateDict
{
    private const string ParallelPrefix = "module.";
    private const int ValueBytes = sizeof(float);
    private const int MaxDepth = 4;

    // How training scripts commonly name it, BackdoorBench's first.
    private static readonly string[] UsualKeys = ["model", "state_dict", "model_state_dict", "net", "network", "netC", "weights"];

    /// <summary>The tensors of the state dict, under its own names without <c>module.</c> of data-parallel training.</summary>
    /// <param name="root">The dictionary the file holds.</param>
    /// <param name="name">File, for errors.</param>
    /// <param name="fileLength">Length of the file on disk, in bytes, which bounds the tensors.</param>
    /// <exception cref="CheckpointException">There is no state dict, or a tensor is repeated out of proportion.</exception>
    public static OrderedDictionary<string, CheckpointTensor> Read(OrderedDictionary<object, object?> root, string name, long fileLength)
    {
        var found = Find(root) ?? throw new CheckpointException($"{name} holds no state dict, neither directly nor under one of {string.Join(", ", UsualKeys)}; save model.state_dict()");
        var budget = new SizeBudget(fileLength);
        var parallel = found.All(item => item.Value is not CheckpointTensor || item.Key is string key && key.StartsWith(ParallelPrefix, StringComparison.Ordinal));
        var tensors = new OrderedDictionary<string, CheckpointTensor>(StringComparer.Ordinal);
        foreach (var (key, value) in found)
        {
            if (value is not CheckpointTensor tensor)
                continue;
            if (key is not string parameter)
                throw new CheckpointException($"{name} names a tensor by {PickleReader.Describe(key)}; the names of a state dict are strings");
            budget.Charge(name, tensor.ElementCount * ValueBytes);
            tensors.Add(parallel ? parameter[ParallelPrefix.Length..] : parameter, tensor);
        }

        return tensors;
    }

    private static OrderedDictionary<object, object?>? Find(OrderedDictionary<object, object?> root)
    {
        var current = root;
        for (var depth = 0; depth < MaxDepth; depth++)
        {
            var nested = UsualKeys.Select(key => current.TryGetValue(key, out var value) ? value as OrderedDictionary<object, object?> : null)
                .FirstOrDefault(value => value is not null);
            if (nested is null)
                break;
            current = nested;
        }

        return current.Values.Any(value => value is CheckpointTensor) ? current : null;
    }
}
