using Ulrl.Images;
using Ulrl.Training.Data;

namespace Ulrl.Efficacy.Data;

/// <summary>CIFAR-10, training and test part, as stored: values from 0 to 1.</summary>
/// <param name="Train">Clean training samples.</param>
/// <param name="Test">Clean test samples.</param>
internal sealed record ImageData(LabeledSamples Train, LabeledSamples Test)
{
    /// <summary>Reads the first samples of both parts.</summary>
    /// <param name="path">
    /// The published archive or what it unpacks to, a folder with <c>train.npz</c> and <c>test.npz</c>, or a zip archive of images (<see cref="ImageZip"/>).
    /// </param>
    /// <param name="classes">Number of classes.</param>
    /// <param name="trainCount">Most training samples.</param>
    /// <param name="testCount">Most test samples.</param>
    /// <exception cref="DataSetException">They cannot be read.</exception>
    public static ImageData Read(string path, int classes, int trainCount, int testCount) =>
        new(Part(path, classes, train: true, trainCount), Part(path, classes, train: false, testCount));

    private static LabeledSamples Part(string path, int classes, bool train, int count)
    {
        var part = train ? "train" : "test";
        var file = Path.Combine(path, part + ".npz");
        var samples = path.EndsWith(".zip", StringComparison.OrdinalIgnoreCase) ? ImageZip.Read(path, part, count, new SkiaImageDecoder())
            : File.Exists(file) ? DataSetReader.Read(file)
            : CifarArchive.Read(path, classes, train);
        samples.CheckLabels(classes);
        return samples.Take(count);
    }
}
