using System.Text.Json;

namespace Ulrl.Training.Tests.Checkpoints.Architectures;

/// <summary>What PyTorch computes with one architecture: an entry of TestData/architectures/logits.json, written by tests/peers/check_architectures.py.</summary>
/// <param name="Architecture">Name of the architecture.</param>
/// <param name="Classes">Number of classes.</param>
/// <param name="Gain">Factor on generated weights.</param>
/// <param name="Input">Shape of the batch.</param>
/// <param name="Entries">SHA-256 over the sorted lines "name shape" of PyTorch's state dict.</param>
/// <param name="Logits">Logits, one row per sample.</param>
internal sealed record ReferenceCase(string Architecture, int Classes, double Gain, int[] Input, string Entries, float[][] Logits)
{
    private static readonly JsonSerializerOptions Options = new() { PropertyNameCaseInsensitive = true };

    public static IReadOnlyList<ReferenceCase> All { get; } =
        JsonSerializer.Deserialize<ReferenceCase[]>(File.ReadAllBytes(TestFiles.TestData("architectures", "logits.json")), Options)!;

    public static ReferenceCase Of(string architecture) => All.Single(c => c.Architecture == architecture);
}
