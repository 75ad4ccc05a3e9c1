namespace Ulrl.Training.Tests;

/// <summary>Files that the tests read, as copied beside the test assembly.</summary>
internal static class TestFiles
{
    /// <summary>The small networks of TestData/zoo: ONNX opset 14, with what PyTorch computes on them in an .npz of the same name.</summary>
    public static readonly string[] ZooNames = ["attention_mlp", "densenet", "vgg_slim", "vit"];

    /// <summary>Path of a file under TestData.</summary>
    public static string TestData(params string[] parts) => Path.Combine([AppContext.BaseDirectory, "TestData", .. parts]);

    /// <summary>Path of a zoo network.</summary>
    public static string ZooModel(string name) => TestData("zoo", name + ".onnx");

    /// <summary>Path of what PyTorch computes on a zoo network.</summary>
    public static string ZooReference(string name) => TestData("zoo", name + ".npz");

    /// <summary>Path of a file of examples/cifar10-badnet: the backdoored CIFAR-10 model and its samples.</summary>
    public static string Example(string file) => TestData("cifar10-badnet", file);
}
