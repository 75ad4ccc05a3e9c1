using System.Globalization;
using Ulrl.Training.Pickle;

namespace Ulrl.Training.Checkpoints;

/// <summary>Writes the zip files of <c>torch.save</c>: the pickle, a storage for each tensor, byte order and version.</summary>
internal static class TorchZipWriter
{
    /// <summary>BackdoorBench's key of the architecture's name.</summary>
    public const string ModelNameKey = "model_name";

    /// <summary>BackdoorBench's key of the number of classes.</summary>
    public const string ClassCountKey = "num_classes";

    private const string ModelKey = "model";
    private const string Prefix = "archive/";

    /// <summary>Writes a state dict, or BackdoorBench's dictionary around it.</summary>
    public static void Write(Stream stream, IEnumerable<KeyValuePair<string, CheckpointTensor>> stateDict, string? modelName, int? classCount, string where)
    {
        var tensors = new List<CheckpointTensor>();
        var pickle = new PickleWriter();
        if (modelName is null)
        {
            WriteStateDict(pickle, stateDict, tensors, where);
        }
        else
        {
            pickle.Op(PickleOpcode.EmptyDict).Op(PickleOpcode.Mark);
            pickle.Text(ModelNameKey).Text(modelName).Text(ClassCountKey).Integer(classCount!.Value).Text(ModelKey);
            WriteStateDict(pickle, stateDict, tensors, where);
            pickle.Op(PickleOpcode.SetItems);
        }

        var zip = new StoredZipWriter(stream, where);
        zip.Write(Prefix + "data.pkl", pickle.Finish());
        zip.Write(Prefix + "byteorder", "little"u8);
        for (var i = 0; i < tensors.Count; i++)
            zip.Write(Prefix + "data/" + i.ToString(CultureInfo.InvariantCulture), tensors[i].ToBytes());
        zip.Write(Prefix + "version", "3\n"u8);
        zip.Finish();
    }

    private static void WriteStateDict(PickleWriter pickle, IEnumerable<KeyValuePair<string, CheckpointTensor>> stateDict, List<CheckpointTensor> tensors, string where)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        WriteOrderedDict(pickle);
        pickle.Op(PickleOpcode.Mark);
        foreach (var (name, tensor) in stateDict)
        {
            if (!names.Add(name))
                throw new UlrlException($"{where}: two tensors are named '{name}'; names must differ");
            var storage = ElementTypes.StorageName(tensor.ElementType)
                ?? throw new UlrlException($"{where}: tensor '{name}' has type {tensor.ElementType}, which PyTorch 1 cannot read; convert it first");
            long[] shape = [.. tensor.Shape];
            pickle.Text(name).Global("torch._utils", "_rebuild_tensor_v2").Op(PickleOpcode.Mark);
            pickle.Op(PickleOpcode.Mark).Text("storage").Global("torch", storage)
                .Text(tensors.Count.ToString(CultureInfo.InvariantCulture)).Text("cpu").Integer(tensor.ElementCount)
                .Op(PickleOpcode.Tuple).Op(PickleOpcode.BinPersistentId);
            pickle.Integer(0).Integers(shape).Integers(TensorLayout.RowMajor(shape)).Op(PickleOpcode.NewFalse);
            WriteOrderedDict(pickle);
            pickle.Op(PickleOpcode.Tuple).Op(PickleOpcode.Reduce);
            tensors.Add(tensor);
        }

        pickle.Op(PickleOpcode.SetItems);
    }

    private static void WriteOrderedDict(PickleWriter pickle) =>
        pickle.Global("collections", "OrderedDict").Op(PickleOpcode.EmptyTuple).Op(PickleOpcode.Reduce);
}
