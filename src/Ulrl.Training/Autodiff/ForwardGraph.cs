using Google.Protobuf;
using Ulrl.Training.Onnx;
using Ulrl.Training.Onnx.Proto;
using DataType = Ulrl.Training.Onnx.Proto.TensorProto.Types.DataType;

namespace Ulrl.Training.Autodiff;

/// <summary>
/// A copy of a classifier's graph in the one form that training reads: opset 18 syntax, single precision,
/// constants as initializers, dropout and batch-norm in inference form, a free batch dimension, ending in the
/// logits. The user's model keeps its own form; only numbers flow back into it.
/// </summary>
internal sealed class ForwardGraph
{
    private const string Contrib = "com.microsoft";

    private static readonly HashSet<string> Quantised = new(StringComparer.Ordinal)
    {
        "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger",
    };

    private static readonly HashSet<string> ControlFlow = new(StringComparer.Ordinal) { "If", "Loop", "Scan", "SequenceMap" };

    private ForwardGraph(GraphProto graph, long opset, string logits, ModelInterface io)
    {
        Graph = graph;
        Opset = opset;
        Logits = logits;
        Io = io;
        Initializers = graph.Initializer.ToDictionary(t => t.Name, StringComparer.Ordinal);
    }

    public GraphProto Graph { get; }

    /// <summary>Opset of <see cref="Graph"/>, at least 18.</summary>
    public long Opset { get; }

    /// <summary>Name of the logits, [batch, classes].</summary>
    public string Logits { get; }

    /// <summary>What the model reads and answers.</summary>
    public ModelInterface Io { get; }

    public IReadOnlyDictionary<string, TensorProto> Initializers { get; private set; }

    /// <summary>Opset of the model the graph was made from.</summary>
    public required long ModelOpset { get; init; }

    /// <summary>Opsets of the model's other domains.</summary>
    public required IReadOnlyList<OperatorSetIdProto> OtherOpsets { get; init; }

    /// <summary>Whether the nodes repeat the batch size that the model was exported with.</summary>
    public bool RepeatsBatch { get; private set; }

    /// <summary>Initializers that training may change, in graph order.</summary>
    public required IReadOnlyList<string> Trainable { get; init; }

    /// <summary>
    /// Running statistics that shared their initializer with something else and got one of their own, by its name:
    /// the output of their batch-norm and the position of their input.
    /// </summary>
    public required IReadOnlyDictionary<string, (string NodeOutput, int Input)> SplitStatistics { get; init; }

    public static ForwardGraph Create(OnnxModel model, string? outputName = null)
    {
        var proto = model.Proto.Clone();
        var graph = proto.Graph;
        var opset = proto.OpsetImport.FirstOrDefault(o => o.Domain is "" or "ai.onnx")?.Version
            ?? throw new InvalidModelException($"{model.Label}: no opset of the standard ONNX domain is imported.");
        if (opset is < 7 or > 23)
        {
            throw new InvalidModelException($"{model.Label}: opset {opset} is not supported; export the model with an opset from 7 to 23.");
        }

        var io = ModelInterface.Of(model, outputName);
        var logits = io.Logits;
        KeepAncestors(graph, logits);
        RefuseUntrainable(graph, opset, proto);
        var trainable = TrainableInitializers.Of(graph, io.InputName);
        ConstantsToInitializers(graph);
        ToSinglePrecision(graph);
        var split = SplitSharedStatistics(graph);
        var upgraded = OpsetUpgrade.Apply(graph, opset);
        long Imported(string domain) => proto.OpsetImport.FirstOrDefault(o => o.Domain == domain || (domain.Length == 0 && o.Domain == "ai.onnx"))?.Version ?? opset;
        GradientPath.Check(graph, logits, trainable, Imported);
        FreeInput(graph);
        foreach (var node in graph.Node) ToInference(node);
        graph.ValueInfo.Clear();
        graph.Output.Clear();
        return new ForwardGraph(graph, upgraded, logits, io)
        {
            Trainable = trainable,
            SplitStatistics = split,
            ModelOpset = opset,
            OtherOpsets = [.. proto.OpsetImport.Where(o => o.Domain is not ("" or "ai.onnx" or Contrib))],
            RepeatsBatch = io.FixedBatch is not null,
        };
    }

    /// <summary>A runnable model of a graph derived from this one.</summary>
    public OnnxModel ToModel(GraphProto graph)
    {
        var proto = new ModelProto { IrVersion = 8, ProducerName = "ulrl", Graph = graph };
        if (Opset > 20) proto.IrVersion = 10;
        proto.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = Opset });
        proto.OpsetImport.Add(new OperatorSetIdProto { Domain = Contrib, Version = 1 });
        proto.OpsetImport.AddRange(OtherOpsets);
        return new OnnxModel(proto);
    }

    /// <summary>Frees the nodes of the batch size that they repeat.</summary>
    /// <param name="shapes">Shape of every tensor at that batch size.</param>
    public void FreeBatch(IReadOnlyDictionary<string, long[]> shapes)
    {
        if (!RepeatsBatch || Io.FixedBatch is not { } batch) return;
        FixedBatch.Free(Graph, Io.InputName, shapes, batch);
        Initializers = Graph.Initializer.ToDictionary(t => t.Name, StringComparer.Ordinal);
        RepeatsBatch = false;
    }

    // Drops what the logits do not need: a final Softmax, auxiliary heads, unused initializers.
    private static void KeepAncestors(GraphProto graph, string logits)
    {
        var needed = new HashSet<string>(StringComparer.Ordinal) { logits };
        var kept = new List<NodeProto>();
        for (var i = graph.Node.Count - 1; i >= 0; i--)
        {
            var node = graph.Node[i];
            if (!node.Output.Any(needed.Contains)) continue;
            needed.UnionWith(node.Input);
            foreach (var attribute in node.Attribute)
            {
                if (attribute.G is not null) needed.UnionWith(attribute.G.Node.SelectMany(n => n.Input));
            }

            kept.Add(node);
        }

        kept.Reverse();
        graph.Node.Clear();
        graph.Node.AddRange(kept);
        var initializers = graph.Initializer.Where(t => needed.Contains(t.Name)).ToList();
        graph.Initializer.Clear();
        graph.Initializer.AddRange(initializers);
        var constants = initializers.Select(t => t.Name).ToHashSet(StringComparer.Ordinal);
        var inputs = graph.Input.Where(i => needed.Contains(i.Name) && !constants.Contains(i.Name)).ToList();
        graph.Input.Clear();
        graph.Input.AddRange(inputs);
    }

    private static void RefuseUntrainable(GraphProto graph, long opset, ModelProto proto)
    {
        foreach (var node in graph.Node)
        {
            if (Quantised.Contains(node.OpType))
            {
                throw new UnsupportedOperatorException(node.Label(), node.OpType, node.Domain, opset, "the model is quantised; purify the floating-point model it was made from and quantise again");
            }

            if (ControlFlow.Contains(node.OpType))
            {
                throw new UnsupportedOperatorException(node.Label(), node.OpType, node.Domain, opset, "control flow is not differentiated; export the model by tracing, or simplify it first");
            }

            if (proto.Functions.Any(f => f.Domain == node.Domain && f.Name == node.OpType))
            {
                throw new UnsupportedOperatorException(node.Label(), node.OpType, node.Domain, opset, "it is a local function; inline the model's functions first");
            }
        }
    }

    private static void ConstantsToInitializers(GraphProto graph)
    {
        for (var i = graph.Node.Count - 1; i >= 0; i--)
        {
            var node = graph.Node[i];
            if (node.OpType != "Constant" || !node.IsStandard() || ConstantTensor(node) is not { } tensor) continue;
            tensor.Name = node.Output[0];
            graph.Initializer.Add(tensor);
            graph.Node.RemoveAt(i);
        }
    }

    private static TensorProto? ConstantTensor(NodeProto node)
    {
        if (node.Attribute.Count == 0) return null;
        var value = node.Attribute[0];
        return value.Name switch
        {
            "value" => value.T.Clone(),
            "value_float" => TensorData.Create("", [], [value.F]),
            "value_floats" => TensorData.Create("", [value.Floats.Count], value.Floats.ToArray()),
            "value_int" => TensorData.Create("", [], [value.I]),
            "value_ints" => TensorData.Create("", [value.Ints.Count], value.Ints.ToArray()),
            _ => null,
        };
    }

    // Exporters merge equal initializers and read them through Identity, so that one tensor may be a weight here and a
    // running statistic there. Training moves them apart: a shared statistic becomes an initializer of its own.
    private static Dictionary<string, (string NodeOutput, int Input)> SplitSharedStatistics(GraphProto graph)
    {
        var tensors = graph.Initializer.ToDictionary(t => t.Name, StringComparer.Ordinal);
        var copies = graph.Node.Where(n => n.OpType == "Identity").ToDictionary(n => n.Output[0], n => n.Input[0], StringComparer.Ordinal);
        var uses = graph.Node.SelectMany(n => n.Input).GroupBy(i => i, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.Count(), StringComparer.Ordinal);
        var split = new Dictionary<string, (string, int)>(StringComparer.Ordinal);
        foreach (var node in graph.Node.Where(n => n.OpType == "BatchNormalization"))
        {
            for (var position = 3; position <= 4; position++)
            {
                var name = node.Input[position];
                while (copies.TryGetValue(name, out var source)) name = source;
                if (!tensors.TryGetValue(name, out var tensor))
                {
                    throw new InvalidModelException($"node '{node.Label()}': its running statistic '{node.Input[position]}' is no initializer; export the model with its statistics as constants.");
                }

                if (name == node.Input[position] && uses[name] == 1) continue;
                var own = tensor.Clone();
                own.Name = $"{node.Output[0]}/{(position == 3 ? "running_mean" : "running_var")}";
                graph.Initializer.Add(own);
                node.Input[position] = own.Name;
                split.Add(own.Name, (node.Output[0], position));
            }
        }

        return split;
    }

    private static bool IsHalf(int type) => (DataType)type is DataType.Float16 or DataType.Bfloat16 or DataType.Double;

    // fp16 weights train in fp32; WriteParameters turns the result back into the model's own type.
    private static void ToSinglePrecision(GraphProto graph)
    {
        for (var i = 0; i < graph.Initializer.Count; i++)
        {
            var tensor = graph.Initializer[i];
            if (IsHalf(tensor.DataType)) graph.Initializer[i] = TensorData.Create(tensor.Name, [.. tensor.Dims], TensorData.ReadFloats(tensor));
        }

        foreach (var input in graph.Input)
        {
            if (input.Type?.TensorType is { } type && IsHalf(type.ElemType)) type.ElemType = (int)DataType.Float;
        }

        foreach (var node in graph.Node)
        {
            if (node.OpType is "Cast" or "RandomNormal" or "RandomUniform" && IsHalf((int)node.Int(node.OpType == "Cast" ? "to" : "dtype", 1)))
            {
                node.Set(node.OpType == "Cast" ? "to" : "dtype", (long)DataType.Float);
            }

            if (node.OpType == "ConstantOfShape" && node.Find("value") is { } value && IsHalf(value.T.DataType))
            {
                value.T = TensorData.Create("", [.. value.T.Dims], TensorData.ReadFloats(value.T));
            }
        }
    }

    private static void ToInference(NodeProto node)
    {
        if (!node.IsStandard()) return;
        if (node.OpType == "Dropout")
        {
            while (node.Output.Count > 1) node.Output.RemoveAt(node.Output.Count - 1);
            while (node.Input.Count > 2) node.Input.RemoveAt(node.Input.Count - 1);
        }
        else if (node.OpType == "BatchNormalization")
        {
            if (node.Int("spatial", 1) == 0) throw new UnsupportedOperatorException(node.Label(), node.OpType, node.Domain, 7, "spatial = 0 is not supported; export the model with opset 9 or later");
            node.Unset("spatial");
            node.Unset("training_mode");
            while (node.Output.Count > 1) node.Output.RemoveAt(node.Output.Count - 1);
        }
    }

    private static void FreeInput(GraphProto graph)
    {
        foreach (var input in graph.Input)
        {
            if (input.Type?.TensorType?.Shape is not { Dim.Count: > 0 } shape) continue;
            shape.Dim[0] = new TensorShapeProto.Types.Dimension();
        }
    }
}
