using Google.Protobuf;
using Google.Protobuf.Collections;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Data;
using Ulrl.Training.Onnx;
using Ulrl.Training.Onnx.Proto;
using DataType = Ulrl.Training.Onnx.Proto.TensorProto.Types.DataType;

namespace Ulrl.MLNet;

/// <summary>
/// The purified model in the form that ML.NET's OnnxTransformer scores: its input and outputs bear the names of the columns,
/// the input has the column's element type, and what the columns need beyond the model (casts, normalisation, softmax,
/// argmax, names of the slots) is in the graph, so that a saved pipeline needs nothing else.
/// </summary>
internal sealed class ScoringModel
{
    private const string MlDomain = "ai.onnx.ml";

    private readonly ModelProto proto;
    private readonly GraphProto graph;
    private readonly ModelInterface io;
    private readonly ScoringColumns columns;
    private readonly Dictionary<string, string> renamed = new(StringComparer.Ordinal);

    private ScoringModel(OnnxModel purified, ScoringColumns columns, string? outputName)
    {
        proto = purified.Proto.Clone();
        graph = proto.Graph;
        io = ModelInterface.Of(purified, outputName);
        this.columns = columns;
    }

    /// <summary>Makes the scoring model.</summary>
    /// <param name="purified">The purified model.</param>
    /// <param name="outputName">Its output with the scores; null for the first.</param>
    /// <param name="columns">Names of the columns.</param>
    /// <param name="elementType">Element type of the input column.</param>
    /// <param name="sampleShape">Shape of one sample.</param>
    /// <param name="classes">Number of classes.</param>
    /// <param name="normalization">Normalisation to apply to the input; null for none.</param>
    /// <param name="slotNames">Names of the classes; null for none.</param>
    public static OnnxModel Create(
        OnnxModel purified,
        string? outputName,
        ScoringColumns columns,
        OnnxElementType elementType,
        IReadOnlyList<int> sampleShape,
        int classes,
        ChannelNormalization? normalization,
        IReadOnlyList<string>? slotNames)
    {
        var model = new ScoringModel(purified, columns, outputName);
        model.ClearNames();
        model.HideTypes();
        model.Input(elementType, sampleShape, normalization);
        model.Outputs(classes);
        if (slotNames is not null) model.SlotNames(slotNames);
        return new OnnxModel(model.proto);
    }

    // A tensor inside the model that happens to bear a column's name gets another one.
    private void ClearNames()
    {
        string[] taken = [columns.Input, .. columns.Tensors];
        foreach (var name in taken.Where(Uses))
        {
            var other = name + ".model";
            while (Uses(other) || taken.Contains(other)) other += "_";
            renamed[name] = other;
        }

        foreach (var (from, to) in renamed)
        {
            foreach (var node in graph.Node)
            {
                Replace(node.Input, from, to);
                Replace(node.Output, from, to);
            }

            foreach (var tensor in graph.Initializer.Where(t => t.Name == from)) tensor.Name = to;
            foreach (var value in graph.Input.Concat(graph.Output).Concat(graph.ValueInfo).Where(v => v.Name == from)) value.Name = to;
        }
    }

    private string Now(string tensor) => renamed.GetValueOrDefault(tensor, tensor);

    private bool Uses(string name) =>
        graph.Node.Any(n => n.Input.Contains(name) || n.Output.Contains(name))
        || graph.Initializer.Any(t => t.Name == name) || graph.Input.Any(i => i.Name == name);

    private static void Replace(RepeatedField<string> names, string from, string to)
    {
        for (var i = 0; i < names.Count; i++)
        {
            if (names[i] == from) names[i] = to;
        }
    }

    // OnnxTransformer refuses a model with initializers of types that ML.NET lacks, but does not look into Constant nodes.
    private void HideTypes()
    {
        foreach (var tensor in graph.Initializer.Where(t => t.DataType is < (int)DataType.Float or > (int)DataType.Uint64 or (int)DataType.Float16).ToList())
        {
            graph.Initializer.Remove(tensor);
            foreach (var input in graph.Input.Where(i => i.Name == tensor.Name).ToList()) graph.Input.Remove(input);
            var node = new NodeProto { OpType = "Constant", Name = tensor.Name };
            node.Output.Add(tensor.Name);
            node.Set("value", tensor);
            graph.Node.Insert(0, node);
        }
    }

    private void Input(OnnxElementType elementType, IReadOnlyList<int> sampleShape, ChannelNormalization? normalization)
    {
        var first = new List<NodeProto>();
        var tensor = columns.Input;
        if (normalization is not null)
        {
            tensor = Then(first, "Cast", [tensor], ("to", (long)DataType.Float));
            tensor = Then(first, "Sub", [tensor, Channels(first, normalization.Mean, sampleShape.Count)]);
            tensor = Then(first, "Div", [tensor, Channels(first, normalization.Std, sampleShape.Count)]);
        }

        // The runtime drops a cast to the type that a tensor already has.
        var inner = Now(io.InputName);
        Then(first, inner, "Cast", [tensor], ("to", (long)io.InputType));
        graph.Input.Remove(graph.Input.First(i => i.Name == inner));
        graph.Input.Insert(0, Value(columns.Input, (DataType)elementType, sampleShape));
        for (var i = 0; i < first.Count; i++) graph.Node.Insert(i, first[i]);
    }

    private void Outputs(int classes)
    {
        var output = Now(io.OutputName);
        var logits = Now(io.Logits);
        graph.Output.Clear();
        Then(graph.Node, columns.Score, "Cast", [output], ("to", (long)DataType.Float));
        graph.Output.Add(Value(columns.Score, DataType.Float, [classes]));
        if (columns.Probability is { } probability)
        {
            var source = logits == output ? columns.Score : Then(graph.Node, "Cast", [logits], ("to", (long)DataType.Float));
            Then(graph.Node, probability, "Softmax", [source], ("axis", 1L));
            graph.Output.Add(Value(probability, DataType.Float, [classes]));
        }

        if (columns.PredictedLabel is not null)
        {
            Then(graph.Node, columns.ClassIndex, "ArgMax", [columns.Score], ("axis", 1L), ("keepdims", 1L));
            graph.Output.Add(Value(columns.ClassIndex, DataType.Int64, [1]));
        }
    }

    // OnnxTransformer takes the slot names of column X from the strings of a node called mlnet.X.SlotNames, which ML.NET's own exporter writes.
    private void SlotNames(IReadOnlyList<string> names)
    {
        // LabelEncoder is the only operator of that domain whose version 2 differs from version 1, and it has no gradient.
        var import = proto.OpsetImport.FirstOrDefault(o => o.Domain == MlDomain);
        if (import is null) proto.OpsetImport.Add(import = new OperatorSetIdProto { Domain = MlDomain });
        import.Version = Math.Max(2, import.Version);
        foreach (var column in new[] { columns.Score, columns.Probability }.OfType<string>())
        {
            var node = new NodeProto { OpType = "LabelEncoder", Domain = MlDomain, Name = $"mlnet.{column}.SlotNames" };
            var none = new TensorProto { DataType = (int)DataType.String };
            none.Dims.Add(1);
            none.StringData.Add(ByteString.Empty);
            node.Input.Add(Then(graph.Node, $"mlnet.{column}.unusedInput", "Constant", [], ("value", none)));
            node.Output.Add($"mlnet.{column}.unusedOutput");
            var keys = new AttributeProto { Name = "keys_strings", Type = AttributeProto.Types.AttributeType.Strings };
            keys.Strings.AddRange(names.Select(ByteString.CopyFromUtf8));
            node.Attribute.Add(keys);
            node.Set("values_int64s", Enumerable.Range(0, names.Count).Select(i => (long)i).ToArray());
            graph.Node.Add(node);
        }
    }

    private string Channels(List<NodeProto> nodes, IReadOnlyList<float> values, int rank)
    {
        var dims = new long[rank];
        Array.Fill(dims, 1);
        dims[0] = values.Count;
        return Then(nodes, "Constant", [], ("value", TensorData.Create("", dims, values.ToArray())));
    }

    private string Then(IList<NodeProto> nodes, string op, string[] inputs, params (string Name, object Value)[] attributes)
    {
        var name = $"{columns.Input}.{op}{nodes.Count}";
        while (Uses(name)) name += "_";
        return Then(nodes, name, op, inputs, attributes);
    }

    private static string Then(IList<NodeProto> nodes, string output, string op, string[] inputs, params (string Name, object Value)[] attributes)
    {
        var node = new NodeProto { OpType = op, Name = output };
        node.Input.AddRange(inputs);
        node.Output.Add(output);
        foreach (var (name, value) in attributes) node.Set(name, value);
        nodes.Add(node);
        return output;
    }

    private static ValueInfoProto Value(string name, DataType type, IEnumerable<int> sampleShape)
    {
        var tensor = new TypeProto.Types.Tensor { ElemType = (int)type, Shape = new TensorShapeProto() };
        tensor.Shape.Dim.Add(new TensorShapeProto.Types.Dimension { DimParam = "batch" });
        foreach (var dim in sampleShape) tensor.Shape.Dim.Add(new TensorShapeProto.Types.Dimension { DimValue = dim });
        return new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = tensor } };
    }
}
