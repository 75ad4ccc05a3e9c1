using Ulrl.Training.Checkpoints;
using Ulrl.Training.Checkpoints.Architectures;
using Ulrl.Training.Data;
using Ulrl.Training.Onnx;

namespace Ulrl.Training.Records;

/// <summary>
/// A record of BackdoorBench: a folder whose <c>attack_result.pt</c> holds a backdoored model and the poisoned data sets,
/// and whose folders <c>bd_train_dataset</c> and <c>bd_test_dataset</c> hold the images with the trigger.
/// </summary>
/// <remarks>
/// Nothing in the file is run. Paths in it, which are those of the machine that made it, are taken from the folder of
/// images on and read below the record's folder alone; links inside are not followed.
/// </remarks>
public sealed class BackdoorBenchRecord
{
    /// <summary>Name of the file in a record's folder.</summary>
    public const string FileName = "attack_result.pt";

    private BackdoorBenchRecord(string folder, TorchCheckpoint checkpoint, string modelName, int classes, IReadOnlyList<int> imageShape, string cleanData, PoisonedImages test, PoisonedImages? train)
    {
        Folder = folder;
        Checkpoint = checkpoint;
        ModelName = modelName;
        Classes = classes;
        ImageShape = imageShape;
        CleanData = cleanData;
        Test = test;
        Train = train;
    }

    /// <summary>The record's folder, as given.</summary>
    public string Folder { get; }

    /// <summary>The model's state dict, without <c>module.</c> of data-parallel training, and everything else in the file.</summary>
    public TorchCheckpoint Checkpoint { get; }

    /// <summary>BackdoorBench's name of the architecture (<c>model_name</c>).</summary>
    public string ModelName { get; }

    /// <summary>Number of classes (<c>num_classes</c>).</summary>
    public int Classes { get; }

    /// <summary>Channels, height, width of the model's images (<c>img_size</c>, there height first).</summary>
    public IReadOnlyList<int> ImageShape { get; }

    /// <summary>BackdoorBench's name of the clean data set (<c>clean_data</c>); <see cref="BenchmarkDataSet.FromName"/> knows it.</summary>
    public string CleanData { get; }

    /// <summary>The poisoned test set (<c>bd_test</c>): samples with the trigger.</summary>
    public PoisonedImages Test { get; }

    /// <summary>The poisoned training set (<c>bd_train</c>); null where the record has none.</summary>
    public PoisonedImages? Train { get; }

    /// <summary>Reads a record.</summary>
    /// <param name="folder">Its folder, usually <c>record/NAME</c>.</param>
    /// <exception cref="RecordException">It is incomplete or malformed, or reaches outside its folder.</exception>
    /// <exception cref="CheckpointException">Its <c>attack_result.pt</c> is no checkpoint, is damaged, or asks for more than tensors and plain data.</exception>
    public static BackdoorBenchRecord Load(string folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        if (!Directory.Exists(folder))
            throw new RecordException($"'{folder}' is no folder; put a BackdoorBench record with its {FileName} there");
        var contained = new ContainedFolder(folder, message => new RecordException(message));
        contained.Open(FileName).Dispose();
        var path = Path.Combine(folder, FileName);
        var name = $"'{path}'";
        var checkpoint = TorchCheckpoint.Load(path);
        var modelName = checkpoint.ModelName ?? throw Missing("model_name");
        var classes = checkpoint.ClassCount is { } count and >= 2 and <= 1_000_000 ? (int)count : throw Missing("num_classes");
        var imageShape = checkpoint.ImageShape ?? throw Missing("img_size");
        var cleanData = checkpoint.Values.GetValueOrDefault("clean_data") as string ?? throw Missing("clean_data");
        var test = checkpoint.Values.GetValueOrDefault("bd_test") ?? throw Missing("bd_test");
        var train = checkpoint.Values.GetValueOrDefault("bd_train");
        return new BackdoorBenchRecord(
            folder,
            checkpoint,
            modelName,
            classes,
            imageShape,
            cleanData,
            new PoisonedState(contained, $"{name}, bd_test,").Read(test, "bd_test_dataset", classes),
            train is null ? null : new PoisonedState(contained, $"{name}, bd_train,").Read(train, "bd_train_dataset", classes));

        RecordException Missing(string key) =>
            new($"{name} has no usable {key}, so it is no record of BackdoorBench's attacks; to convert the weights alone, use the checkpoint with a named architecture");
    }

    /// <summary>Builds the record's model.</summary>
    /// <param name="architecture">Name of the architecture; <see cref="ModelName"/> when null.</param>
    /// <exception cref="ArchitectureException">The architecture is not known, or the weights are not its.</exception>
    public OnnxModel BuildModel(string? architecture = null) =>
        Architecture.Create(architecture ?? ModelName, Classes, ImageShape).Build(Checkpoint.ToStateDict());
}
