using TorchSharp;
using static TorchSharp.torch;

namespace Ulrl.TorchSharp.Export;

/// <summary>
/// Finds what TorchSharp does not tell of an attention layer, its number of heads and its activation, by computing the layer with
/// every number that divides the features and comparing with the live module.
/// </summary>
internal static class HeadSearch
{
    private const int Length = 5;
    private const double Tolerance = 1e-4;

    /// <summary>Features to try a layer on, [length, 1, features].</summary>
    public static Tensor Example(long features, int seed)
    {
        var random = new Random(seed);
        var values = new float[Length * features];
        for (var i = 0; i < values.Length; i++) values[i] = (6 * random.NextSingle()) - 3;
        return tensor(values, Length, 1, features);
    }

    /// <summary>Attention of so many heads on projected queries, keys and values.</summary>
    public static Tensor Attend(Tensor query, Tensor key, Tensor value, long heads)
    {
        Tensor PerHead(Tensor t) => t.reshape(t.shape[0], t.shape[1], heads, t.shape[2] / heads).permute(1, 2, 0, 3);
        var (q, k, v) = (PerHead(query), PerHead(key), PerHead(value));
        var weights = nn.functional.softmax(q.matmul(k.transpose(-2, -1)) / Math.Sqrt(q.shape[3]), -1);
        return weights.matmul(v).permute(2, 0, 1, 3).flatten(2, 3);
    }

    /// <summary>The one choice that reproduces what the module computes.</summary>
    public static (long Heads, bool Gelu) Find(OnnxGraph graph, long features, bool[] activations, Tensor expected, Func<long, bool, Tensor> compute)
    {
        var given = graph.Options.Heads.TryGetValue(graph.Path, out var heads) ? heads : (int?)null;
        if (given is < 1 || features % (given ?? 1) != 0)
            throw new OnnxExportException($"module '{graph.Path}': {given} heads are given for {features} features; give a number that divides them.");
        var bound = Tolerance * (1 + expected.abs().max().ToDouble());
        var found = new List<(long Heads, bool Gelu)>();
        for (var count = 1L; count <= features; count++)
        {
            if (features % count != 0 || (given ?? count) != count) continue;
            foreach (var gelu in activations)
            {
                if ((compute(count, gelu) - expected).abs().max().ToDouble() <= bound) found.Add((count, gelu));
            }
        }

        return found switch
        {
            [var only] => only,
            [] => throw new OnnxExportException(
                $"module '{graph.Path}': no number of heads gives what the module computes; attention with add_zero_attn is not written, write its forward pass with the operators of OnnxGraph."),
            _ when found.All(f => f.Heads == found[0].Heads) => found[0],
            _ => throw new OnnxExportException(
                $"module '{graph.Path}': its number of heads cannot be told, since {string.Join(" and ", found.Select(f => f.Heads).Distinct())} give the same; name it in OnnxExportOptions.Heads[\"{graph.Path}\"]."),
        };
    }
}
