using Ulrl.Training.Autodiff;

namespace Ulrl.Training.Checkpoints.Architectures;

/// <content>Layers on sequences of tokens, [tokens, features] beside the batch.</content>
public sealed partial class NetworkBuilder
{
    /// <summary><c>torch.nn.MultiheadAttention</c> of a sequence with itself: in_proj_weight [3 · features, features], in_proj_bias, out_proj.</summary>
    /// <param name="x">Tokens [tokens, features].</param>
    /// <param name="name">Name of the module.</param>
    /// <param name="heads">Number of heads, a divisor of the features.</param>
    public FeatureMap SelfAttention(FeatureMap x, string name, int heads)
    {
        var (tokens, features) = (x.Dims[0], x.Dims[1]);
        var size = features / heads;
        var projected = Linear(x, $"{name}.in_proj", $"{name}.in_proj_weight", $"{name}.in_proj_bias", (int)(3 * features));
        var parts = builder.Ops("Split", 3, [projected.Value], ("axis", 2), ("num_outputs", 3));
        Value PerHead(Value v, params long[] order) =>
            builder.Op("Transpose", [builder.Op("Reshape", [v, Ints(-1, tokens, heads, size)])], ("perm", order));
        var query = PerHead(parts[0], 0, 2, 1, 3) * Scalar(1f / MathF.Sqrt(size));
        var scores = builder.Op("MatMul", [query, PerHead(parts[1], 0, 2, 3, 1)]);
        var mixed = builder.Op("MatMul", [builder.Op("Softmax", [scores], ("axis", -1)), PerHead(parts[2], 0, 2, 1, 3)]);
        var merged = builder.Op("Reshape", [builder.Op("Transpose", [mixed], ("perm", new long[] { 0, 2, 1, 3 })), Ints(-1, tokens, features)]);
        return Linear(x.With(merged), $"{name}.out_proj", (int)features);
    }

    /// <summary>Puts a learned token, a parameter of shape [1, 1, features], in front of every sequence.</summary>
    /// <param name="x">Tokens [tokens, features].</param>
    /// <param name="name">Name of the parameter.</param>
    public FeatureMap Prepend(FeatureMap x, string name)
    {
        var features = x.Dims[1];
        var batch = builder.Op("Shape", [x.Value], ("start", 0), ("end", 1));
        var token = builder.Op("Expand", [Parameter(name, 1, 1, features), builder.Op("Concat", [batch, Ints(1, 1)], ("axis", 0))]);
        return new FeatureMap(builder.Op("Concat", [token, x.Value], ("axis", 1)), x.Dims[0] + 1, features);
    }

    /// <summary>Adds a parameter of shape [1, tokens, features], the embedding of the positions.</summary>
    /// <param name="x">Tokens [tokens, features].</param>
    /// <param name="name">Name of the parameter.</param>
    public FeatureMap Bias(FeatureMap x, string name) => x.With(x.Value + Parameter(name, [1, .. x.Dims]));

    /// <summary>The first token of every sequence: [features].</summary>
    /// <param name="x">Tokens [tokens, features].</param>
    public FeatureMap First(FeatureMap x) => new(builder.Op("Gather", [x.Value, Constant(Onnx.TensorData.Create("", [], [0L]))], ("axis", 1)), x.Dims[1]);
}
