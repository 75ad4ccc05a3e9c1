using Ulrl.Training.Onnx;
using Ulrl.Training.Onnx.Proto;
using DataType = Ulrl.Training.Onnx.Proto.TensorProto.Types.DataType;

namespace Ulrl.Training.Autodiff;

/// <summary>Tells the parameters of a network from the other floating-point constants of its graph.</summary>
internal static class TrainableInitializers
{
    // Inputs that steer an operator or hold statistics: operator -> input positions.
    private static readonly Dictionary<string, int[]> NotTrained = new(StringComparer.Ordinal)
    {
        ["BatchNormalization"] = [3, 4],
        ["Clip"] = [1, 2],
        ["Dropout"] = [1, 2],
        ["Pad"] = [1, 2, 3],
        ["Resize"] = [1, 2, 3],
        ["Upsample"] = [1],
        ["OneHot"] = [1, 2],
        ["Range"] = [0, 1, 2],
    };

    // Positions where a learned weight stands, even one that is a Constant node or that the exporter computed from one
    // and named itself: transposed, or with batch-norm folded in.
    private static readonly Dictionary<string, int[]> Weights = new(StringComparer.Ordinal)
    {
        ["Conv"] = [1, 2],
        ["ConvTranspose"] = [1, 2],
        ["Gemm"] = [1, 2],
        ["MatMul"] = [0, 1],
        ["BatchNormalization"] = [1, 2],
        ["LayerNormalization"] = [1, 2],
        ["GroupNormalization"] = [1, 2],
        ["InstanceNormalization"] = [1, 2],
        ["Einsum"] = [0, 1, 2],
        ["PRelu"] = [1],
    };

    // Names that exporters and their users give to the constants that normalise an image.
    private static readonly string[] PreprocessingNames = ["mean", "std", "var", "norm", "scale", "offset", "shift"];

    // A buffer of Swin V2 (torchvision, timm) that feeds a layer as its input.
    private const string SwinCoordinates = "relative_coords_table";

    public static IReadOnlyList<string> Of(GraphProto graph, string input)
    {
        var tensors = graph.Initializer.ToDictionary(t => t.Name, StringComparer.Ordinal);
        var constants = graph.Node
            .Where(n => n.OpType == "Constant" && n.IsStandard() && n.Find("value") is not null)
            .ToDictionary(n => n.Output[0], n => n.Find("value")!.T, StringComparer.Ordinal);
        // Exporters of old number every initializer; then a number says nothing.
        var numbered = tensors.Keys.All(IsNumber);
        bool MadeUp(string name) => IsMadeUp(name) || (!numbered && IsNumber(name));
        var excluded = Excluded(graph, input, tensors, MadeUp);
        var found = new List<string>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var node in graph.Node)
        {
            for (var i = 0; i < node.Input.Count; i++)
            {
                var name = node.Input[i];
                if (!tensors.TryGetValue(name, out var tensor) && !constants.TryGetValue(name, out tensor)) continue;
                if (!IsFloat(tensor) || excluded.Contains(name) || name.EndsWith(SwinCoordinates, StringComparison.Ordinal)) continue;
                var stored = tensors.ContainsKey(name);
                var learned = (stored && !MadeUp(name))
                    || (At(Weights, node, i) && tensor.Dims.Count > 0 && !IsNeutral(node, i, tensor))
                    || (stored && IsAffine(node, tensor));
                if (learned && seen.Add(name)) found.Add(name);
            }
        }

        return found;
    }

    private static bool At(Dictionary<string, int[]> table, NodeProto node, int position) =>
        node.IsStandard() && table.TryGetValue(node.OpType, out var positions) && Array.IndexOf(positions, position) >= 0;

    private static bool IsFloat(TensorProto tensor) =>
        (DataType)tensor.DataType is DataType.Float or DataType.Float16 or DataType.Bfloat16 or DataType.Double;

    private static bool IsNumber(string name) => name.All(char.IsAsciiDigit);

    // Names that exporters make up for what is no variable of the network: onnx::Mul_12 and val_12 (PyTorch), Const__12,
    // const_fold_opt__12 and mul/y:0 (tf2onnx), Constant_12 (Paddle). A learned tensor carries its attribute's path.
    private static bool IsMadeUp(string name) =>
        name.StartsWith("onnx::", StringComparison.Ordinal)
        || (name.StartsWith("val_", StringComparison.Ordinal) && IsNumber(name[4..]))
        || name.Contains("const", StringComparison.OrdinalIgnoreCase)
        || name.Contains("scalar_tensor", StringComparison.Ordinal)
        || name.EndsWith("/x:0", StringComparison.Ordinal)
        || name.EndsWith("/y:0", StringComparison.Ordinal);

    // The ones and zeros that stand for the scale and bias of a normalisation layer that has none.
    private static bool IsNeutral(NodeProto node, int position, TensorProto tensor) =>
        node.OpType.EndsWith("Normalization", StringComparison.Ordinal) && Array.TrueForAll(TensorData.ReadFloats(tensor), v => v == (position == 1 ? 1f : 0f));

    // A scale or shift per channel: what a normalisation layer's parameters become when they are reshaped.
    private static bool IsAffine(NodeProto node, TensorProto tensor) => node.OpType is "Mul" or "Add" && tensor.Dims.Count(d => d > 1) == 1;

    // Steering inputs, and the constants that normalise the raw input before the first layer.
    private static HashSet<string> Excluded(GraphProto graph, string input, Dictionary<string, TensorProto> tensors, Func<string, bool> madeUp)
    {
        var excluded = new HashSet<string>(StringComparer.Ordinal);
        var nodes = graph.Node.Where(n => n.OpType == "Constant").Select(n => n.Output[0]).ToHashSet(StringComparer.Ordinal);
        var raw = new HashSet<string>(StringComparer.Ordinal) { input };
        foreach (var node in graph.Node)
        {
            for (var i = 0; i < node.Input.Count; i++)
            {
                if (At(NotTrained, node, i)) excluded.Add(node.Input[i]);
            }

            if (!node.Input.Any(raw.Contains)) continue;
            var constants = node.Input.Where(tensors.ContainsKey).ToList();
            var fixedInputs = node.Input.All(i => raw.Contains(i) || tensors.ContainsKey(i) || nodes.Contains(i));
            if (node.OpType is "Cast" or "Identity" or "Transpose") raw.UnionWith(node.Output);
            else if (node.OpType is "Sub" or "Div" or "Mul" or "Add" && fixedInputs && constants.All(c => Normalises(node, tensors[c], madeUp(c))))
            {
                excluded.UnionWith(constants);
                raw.UnionWith(node.Output);
            }
        }

        return excluded;
    }

    // One number per channel or one in all, taken off or divided by, or named like a constant of preprocessing.
    private static bool Normalises(NodeProto node, TensorProto constant, bool madeUp) =>
        constant.Dims.Count(d => d > 1) <= 1
        && (node.OpType is "Sub" or "Div" || madeUp || PreprocessingNames.Any(n => constant.Name.Contains(n, StringComparison.OrdinalIgnoreCase)));
}
