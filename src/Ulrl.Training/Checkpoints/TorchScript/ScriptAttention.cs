using Ulrl.Training.Torch;

namespace Ulrl.Training.Checkpoints.TorchScript;

/// <summary>The fused attention that PyTorch traces without gradients, on [batch, length, features].</summary>
internal static class ScriptAttention
{
    // query, key, value, features, heads, projection and its bias, output and its bias, mask.
    public static object MultiHead(ScriptArguments a)
    {
        if (a[9] is not null) throw a.Run.Error("attention with a mask has no ONNX counterpart here");
        if (!ReferenceEquals(a[0], a[1]) || !ReferenceEquals(a[1], a[2])) throw a.Run.Error("fused attention of different queries, keys and values has no ONNX counterpart here");
        var y = Attention(a, a.Tensor(0), a.Int(4), 5);
        return new[] { y, y };
    }

    // x, features, heads, projection, output (each with bias), GELU or ReLU, norms first or last, epsilon, two norms, two linear layers, mask.
    public static object EncoderLayer(ScriptArguments a)
    {
        if (a[20] is not null) throw a.Run.Error("an encoder layer with a mask has no ONNX counterpart here");
        var g = a.Graph;
        var x = a.Tensor(0);
        var first = a.Is(8);
        TorchTensor Norm(TorchTensor t, int weight) => g.LayerNorm(t, 1, a.Tensor(weight), a.Tensor(weight + 1), a.Number(9));
        TorchTensor Mix(TorchTensor t) => Attention(a, t, a.Int(2), 3);
        TorchTensor Feed(TorchTensor t)
        {
            var hidden = g.Linear(t, a.Tensor(14), a.Tensor(15));
            return g.Linear(a.Is(7) ? g.Gelu(hidden) : g.Unary("Relu", hidden), a.Tensor(16), a.Tensor(17));
        }

        x = first ? g.Binary("Add", x, Mix(Norm(x, 10))) : Norm(g.Binary("Add", x, Mix(x)), 10);
        return first ? g.Binary("Add", x, Feed(Norm(x, 12))) : Norm(g.Binary("Add", x, Feed(x)), 12);
    }

    private static TorchTensor Attention(ScriptArguments a, TorchTensor x, long heads, int weights)
    {
        var g = a.Graph;
        var projected = g.Transpose(g.Linear(x, a.Tensor(weights), a.Tensor(weights + 1)), 0, 1);
        var parts = g.Chunk(projected, 3, 2);
        return g.Linear(g.Transpose(g.Attention(parts[0], parts[1], parts[2], heads), 0, 1), a.Tensor(weights + 2), a.Tensor(weights + 3));
    }
}
