using Ulrl.Training.Data;

namespace Ulrl.Efficacy.Data;

/// <summary>CIFAR-10, training and test part, as stored: values from 0 to 1.</summary>
/// <param name="Train">Clean training samples.</param>
/// <param name="Test">Clean test samples.</param>
internal sealed record ImageData(LabeledSamples Train, LabeledSamples Test)
{
    /// <summary>Reads the first samples of both parts.</summary>
    /// <param name="path">A folder with <c>train.npz</c> and <c>test.npz</c>, or the published archive or what it unpacks to.</param>
    /// <param name="classes">Number of classes.</param>
    /// <param name="trainCount">Most training samples.</param>
    /// <param name="testCount">Most test samples.</param>
    /// <exception cref="DataSetException">They cannot be read.</exception>
    public static ImageData Read(string path, int classes, int trainCount, int testCount)
    {
        return new ImageData(Part(path, classes, train: true).Take(trainCount), Part(path, classes, train: false).Take(testCount));
    }

    private static LabeledSamples Part(string path, int classes, bool train)
    {
        var file = Path.Combine(path, train ? "train.npz" : "test.npz");
        var samples = File.Exists(file) ? DataSetReader.Read(file) : CifarArchive.Read(path, classes, train);
        samples.CheckLabels(classes);
        return samples;
    }
}
