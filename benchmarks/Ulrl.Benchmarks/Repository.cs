using Ulrl.Training;

namespace Ulrl.Benchmarks;

/// <summary>Where the files of this repository are.</summary>
internal static class Repository
{
    private static readonly string Root = Find();

    /// <summary>The bundled backdoored classifier.</summary>
    public static string ExampleModel => Path.Combine(Root, "examples", "cifar10-badnet", "preact_badnet_t0.onnx");

    /// <summary>Its 500 clean samples.</summary>
    public static string CleanSamples => Path.Combine(Root, "examples", "cifar10-badnet", "clean500.npz");

    /// <summary>PyTorch's half of the benchmark.</summary>
    public static string Peer => Path.Combine(Root, "benchmarks", "pytorch", "peer.py");

    /// <summary>The command-line tool, where it has been built in release configuration.</summary>
    public static string Tool => Path.Combine(Root, "artifacts", "bin", "Ulrl.Cli", "release", "ulrl.dll");

    private static string Find()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Ulrl.sln"))) folder = folder.Parent;
        return folder?.FullName ?? throw new UlrlException($"no folder above '{AppContext.BaseDirectory}' holds Ulrl.sln; run the benchmarks from the repository's build output.");
    }
}
