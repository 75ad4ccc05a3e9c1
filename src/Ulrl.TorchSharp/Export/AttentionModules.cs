using TorchSharp;
using TorchSharp.Modules;
using Ulrl.Training.Torch;
using static TorchSharp.torch;

namespace Ulrl.TorchSharp.Export;

/// <summary>
/// Multi-head attention and transformer encoders, on [length, batch, features]. What is dropped out in training is off, since
/// TorchSharp does not tell how much it is.
/// </summary>
internal static class AttentionModules
{
    private const double Epsilon = 1e-5;

    public static void Register(BuiltInModules modules)
    {
        modules.Add<TransformerEncoderLayer>((g, m, x) => Encoder(g, x, [""], m.call));
        modules.Add<TransformerEncoder>((g, m, x) => Encoder(g, x, Layers(g), m.call));
    }

    public static OnnxValue Attention(OnnxGraph g, MultiheadAttention m, OnnxValue query, OnnxValue key, OnnxValue value)
    {
        var state = g.StateDict();
        if (state.ContainsKey("bias_k"))
            throw new OnnxExportException($"module '{g.Path}': attention with add_bias_kv is not written; write the module's forward pass with the operators of OnnxGraph.");
        var names = state.ContainsKey("in_proj_weight") ? null : new[] { "q_proj_weight", "k_proj_weight", "v_proj_weight" };
        var features = state["out_proj.weight"].shape[1];
        long keys = names is null ? features : state[names[1]].shape[1], values = names is null ? features : state[names[2]].shape[1];
        var bias = state.GetValueOrDefault("in_proj_bias");
        using var scope = NewDisposeScope();
        var (q, k, v) = (HeadSearch.Example(features, 1), HeadSearch.Example(keys, 2), HeadSearch.Example(values, 3));
        var weights = names is null ? state["in_proj_weight"].chunk(3) : [.. names.Select(n => state[n])];
        var biases = bias?.chunk(3);
        Tensor Projected(Tensor x, int part) => nn.functional.linear(x, weights[part], biases?[part]);
        var choice = HeadSearch.Find(g, features, [false], m.call(q, k, v, null, false, null).Item1, (heads, _) =>
            nn.functional.linear(HeadSearch.Attend(Projected(q, 0), Projected(k, 1), Projected(v, 2), heads), state["out_proj.weight"], state.GetValueOrDefault("out_proj.bias")));
        return Project(g, "", query, key, value, names, choice.Heads);
    }

    private static string[] Layers(OnnxGraph g) =>
        [.. Enumerable.Range(0, g.StateDict().Keys.Count(k => k.EndsWith("self_attn.in_proj_weight", StringComparison.Ordinal))).Select(i => $"layers.{i}.")];

    // norm1(x + attention(x)), then norm2(x + linear2(activation(linear1(x)))), as TorchSharp's layers do.
    private static OnnxValue Encoder(OnnxGraph g, OnnxValue x, string[] layers, Func<Tensor, Tensor> live)
    {
        var state = g.StateDict();
        var features = state[$"{layers[0]}self_attn.in_proj_weight"].shape[1];
        using var scope = NewDisposeScope();
        var example = HeadSearch.Example(features, 1);
        var choice = HeadSearch.Find(g, features, [false, true], live(example), (heads, gelu) => layers.Aggregate(example, (y, layer) => Forward(y, state, layer, heads, gelu)));
        foreach (var layer in layers) x = Layer(g, x, layer, choice.Heads, choice.Gelu);
        return x;
    }

    private static OnnxValue Layer(OnnxGraph g, OnnxValue x, string name, long heads, bool gelu)
    {
        TorchTensor Linear(TorchTensor y, string layer) => g.Torch.Linear(y, g.State($"{name}{layer}.weight"), g.State($"{name}{layer}.bias"));
        TorchTensor Norm(TorchTensor y, string layer) => g.Torch.LayerNorm(y, 1, g.State($"{name}{layer}.weight"), g.State($"{name}{layer}.bias"), Epsilon);
        var mixed = Project(g, $"{name}self_attn.", x, x, x, null, heads);
        var y = Norm(g.Torch.Binary("Add", x.Tensor, mixed.Tensor), "norm1");
        var hidden = Linear(y, "linear1");
        hidden = gelu ? g.Torch.Gelu(hidden) : g.Torch.Unary("Relu", hidden);
        return g.Wrap(Norm(g.Torch.Binary("Add", y, Linear(hidden, "linear2")), "norm2"));
    }

    private static OnnxValue Project(OnnxGraph g, string name, OnnxValue query, OnnxValue key, OnnxValue value, string[]? separate, long heads)
    {
        var torch = g.Torch;
        var state = g.StateDict();
        TorchTensor? Optional(string entry) => state.ContainsKey(name + entry) ? g.State(name + entry) : null;
        var bias = Optional("in_proj_bias");
        var features = state[$"{name}out_proj.weight"].shape[1];
        long[] parts = [features, features, features];
        TorchTensor[] projected;
        if (separate is null && query.Tensor == key.Tensor && key.Tensor == value.Tensor)
        {
            projected = torch.Split(torch.Linear(query.Tensor, g.State($"{name}in_proj_weight"), bias), -1, parts);
        }
        else
        {
            TorchTensor[] weights = separate is null ? torch.Split(g.State($"{name}in_proj_weight"), 0, parts) : [.. separate.Select(n => g.State(name + n))];
            TorchTensor[]? biases = bias is { } given ? torch.Split(given, 0, parts) : null;
            TorchTensor[] inputs = [query.Tensor, key.Tensor, value.Tensor];
            projected = [.. inputs.Select((t, i) => torch.Linear(t, weights[i], biases?[i]))];
        }

        var mixed = torch.Attention(projected[0], projected[1], projected[2], heads);
        return g.Wrap(torch.Linear(mixed, g.State($"{name}out_proj.weight"), Optional("out_proj.bias")));
    }

    private static Tensor Forward(Tensor x, IReadOnlyDictionary<string, Tensor> state, string name, long heads, bool gelu)
    {
        Tensor Linear(Tensor y, string layer) => nn.functional.linear(y, state[$"{name}{layer}.weight"], state[$"{name}{layer}.bias"]);
        Tensor Norm(Tensor y, string layer) => nn.functional.layer_norm(y, [y.shape[^1]], state[$"{name}{layer}.weight"], state[$"{name}{layer}.bias"], Epsilon);
        var qkv = nn.functional.linear(x, state[$"{name}self_attn.in_proj_weight"], state[$"{name}self_attn.in_proj_bias"]).chunk(3, -1);
        var y = Norm(x + Linear(HeadSearch.Attend(qkv[0], qkv[1], qkv[2], heads), "self_attn.out_proj"), "norm1");
        var hidden = Linear(y, "linear1");
        return Norm(y + Linear(gelu ? nn.functional.gelu(hidden) : nn.functional.relu(hidden), "linear2"), "norm2");
    }
}
