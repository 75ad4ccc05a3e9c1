using Google.Protobuf;
using Ulrl.Training.Onnx;
using Ulrl.Training.Onnx.Proto;
using static Ulrl.Training.Onnx.Proto.AttributeProto.Types;

namespace Ulrl.Training.Tests.Onnx;

public class ModelCheckTests
{
    [Fact]
    public void The_unbroken_model_is_accepted() =>
        Assert.Equal(2, OnnxModel.Load(SmallModel.Create().ToByteArray()).Initializers.Count);

    [Fact]
    public void A_model_without_version_graph_nodes_or_outputs_is_refused()
    {
        Refused(m => m.ClearIrVersion(), "no IR version");
        Refused(m => m.Graph = null, "no nodes");
        Refused(m => m.Graph.Node.Clear(), "no nodes");
        Refused(m => m.Graph.Output.Clear(), "no outputs");
    }

    [Theory]
    [InlineData(6)]
    [InlineData(24)]
    public void An_opset_outside_7_to_23_is_refused_where_it_is_used(int version)
    {
        Refused(m => m.OpsetImport[0].Version = version, $"node 'act' (Relu): the graph uses opset {version} of the standard domain, outside 7 to 23");

        ModelProto other = SmallModel.Create();
        other.OpsetImport[0].Version = version;
        other.OpsetImport.Add(new OperatorSetIdProto { Domain = "com.microsoft", Version = 1 });
        foreach (NodeProto node in other.Graph.Node)
            node.Domain = "com.microsoft";
        Assert.Equal(version, OnnxModel.Load(other.ToByteArray()).Opsets[""]);
    }

    [Fact]
    public void Opset_imports_must_be_there_once_and_name_a_version()
    {
        Refused(m => m.OpsetImport.Clear(), "imports no opset of its domain 'ai.onnx'");
        Refused(m => m.Graph.Node[0].Domain = "com.example", "imports no opset of its domain 'com.example'");
        Refused(m => m.OpsetImport[0].Version = 0, "imports opset 0");
        Refused(m => m.OpsetImport.Add(new OperatorSetIdProto { Domain = "ai.onnx", Version = 18 }), "both opset 17 and 18");
    }

    [Fact]
    public void Every_value_is_produced_once()
    {
        Refused(m => m.Graph.Node[1].Output[0] = "h", "node 'fc' (Gemm) produces 'h'");
        Refused(m => m.Graph.Node[1].Output[0] = "w", "node 'fc' (Gemm) produces 'w'");
        Refused(m => m.Graph.Node[1].Output[0] = "x", "node 'fc' (Gemm) produces 'x'");
        Refused(m => m.Graph.Initializer.Add(m.Graph.Initializer[0].Clone()), "initializer 'w' is there twice");
        Refused(m => m.Graph.Input.Add(m.Graph.Input[0].Clone()), "input 'x' is there twice");
        Refused(m => m.Graph.Output.Add(m.Graph.Output[0].Clone()), "output 'logits' is there twice");
    }

    [Fact]
    public void Every_value_that_is_used_is_produced_before()
    {
        Refused(m => m.Graph.Node[0].Input[0] = "nothing", "node 'act' (Relu) uses 'nothing', which no input");
        Refused(m => m.Graph.Output[0].Name = "nothing", "produces output 'nothing'");
        Refused(
            m =>
            {
                NodeProto last = m.Graph.Node[1];
                m.Graph.Node.RemoveAt(1);
                m.Graph.Node.Insert(0, last);
            },
            "uses 'h' before node 'act' (Relu) produces it; the nodes must be in topological order");
        Refused(m => m.Graph.Node[0].Input[0] = "logits", "node 'act' (Relu) depends on its own output by way of 'logits'");
        Refused(m => m.Graph.Node[0].Input[0] = "h", "cycles");
    }

    [Fact]
    public void Inputs_that_are_left_out_are_accepted()
    {
        ModelProto model = SmallModel.Create();
        model.Graph.Node[1].Input[2] = "";
        model.Graph.Node[0].Output.Add("");
        Assert.Single(OnnxModel.Load(model.ToByteArray()).Outputs);
    }

    [Fact]
    public void Nodes_and_values_need_operators_names_and_types()
    {
        Refused(m => m.Graph.Node[0].ClearOpType(), "no operator");
        Refused(m => m.Graph.Initializer[0].ClearName(), "an initializer has no name");
        Refused(m => m.Graph.Input[0].Type = null, "input 'x' has no element type");
        Refused(m => m.Graph.Input[0].Type.TensorType.ElemType = 77, "input 'x' has no element type");
        Refused(m => m.Graph.Input[0].ClearName(), "without a name");
        Refused(m => m.Graph.Node[0].Name = "a\nb", "control characters");
        Refused(m => m.Graph.Node[0].Name = new string('n', 5000), "a name is 5000 bytes long");
    }

    [Fact]
    public void Attributes_must_be_what_their_type_says()
    {
        Refused(m => m.Graph.Node[1].Attribute[0].Type = AttributeType.Float, "attribute 'transB' has type Float");
        Refused(m => m.Graph.Node[1].Attribute[0].Type = AttributeType.Tensor, "attribute 'transB' has type Tensor");
        Refused(m => m.Graph.Node[1].Attribute[0].ClearType(), "attribute 'transB'");
        Refused(m => m.Graph.Node[1].Attribute[0].Ints.Add(1), "attribute 'transB'");
        Refused(m => m.Graph.Node[1].Attribute[0].ClearName(), "attribute without a name");
        Refused(m => m.Graph.Node[1].Attribute.Add(m.Graph.Node[1].Attribute[0].Clone()), "attribute 'transB' is there twice");
    }

    [Fact]
    public void Tensors_must_hold_what_their_shape_says()
    {
        Refused(m => m.Graph.Initializer[0].Dims[0] = 1L << 40, "tensor 'w': shape [1099511627776,4] of Float needs 17592186044416 bytes but 48 are there");
        Refused(m => m.Graph.Initializer[1].Dims[0] = -3, "tensor 'b': dimension -3 is negative");
        Refused(m => m.Graph.Initializer[1].DataType = 0, "tensor 'b': element type 0");
        Refused(
            m => m.Graph.Node[0].Attribute.Add(new AttributeProto
            {
                Name = "value",
                Type = AttributeType.Tensor,
                T = new TensorProto { DataType = 1, Dims = { 2 }, RawData = ByteString.CopyFrom(1, 2) },
            }),
            "node 'act' (Relu), attribute 'value': tensor ''");
    }

    [Fact]
    public void Sparse_initializers_are_kept_but_not_listed()
    {
        ModelProto model = SmallModel.Create();
        model.Graph.SparseInitializer.Add(Sparse(1000));
        byte[] bytes = model.ToByteArray();
        OnnxModel loaded = OnnxModel.Load(bytes);
        Assert.Equal(2, loaded.Initializers.Count);
        Assert.Equal(bytes, loaded.ToBytes());

        Refused(m => m.Graph.SparseInitializer.Add(Sparse(1L << 40)), "sparse tensor 's'");
        Refused(m => m.Graph.SparseInitializer.Add(new SparseTensorProto { Values = Sparse(1).Values }), "lacks its values or indices");
    }

    [Fact]
    public void Subgraphs_are_checked_and_see_the_values_around_them()
    {
        ModelProto model = SmallModel.Create();
        model.Graph.Node.Insert(1, If("h", "then_out"));
        Assert.Equal(3, OnnxModel.Load(model.ToByteArray()).Proto.Graph.Node.Count);

        Refused(m => m.Graph.Node.Insert(1, If("nothing", "then_out")), "node 'inner' (Relu) uses 'nothing'");
        Refused(m => m.Graph.Node.Insert(1, If("h", "absent")), "produces output 'absent'");
    }

    [Fact]
    public void Subgraphs_nested_beyond_the_limit_are_refused_without_a_stack_overflow()
    {
        foreach (int depth in new[] { 30, 100, 2_000 })
        {
            byte[] graph = SmallModel.Create().Graph.ToByteArray();
            // graph.node(1).attribute(5).g(6), from the inside out.
            for (int i = 0; i < depth; i++)
                graph = Field(1, Field(5, Field(6, graph)));
            byte[] model = [.. SmallModel.Create().ToByteArray(), .. Field(7, graph)];
            var error = Assert.Throws<InvalidModelException>(() => OnnxModel.Load(model));
            Assert.Contains("nested more than 64 deep", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Local_functions_are_kept_and_checked()
    {
        ModelProto model = SmallModel.Create();
        AddFunction(model, "f", "Relu", "");
        model.Graph.Node[0].OpType = "f";
        model.Graph.Node[0].Domain = "local";
        byte[] bytes = model.ToByteArray();
        Assert.Equal(bytes, OnnxModel.Load(bytes).ToBytes());

        Refused(m => AddFunction(m, "f", "f", "local"), "function 'f' calls itself");
        Refused(
            m =>
            {
                AddFunction(m, "f", "g", "local");
                AddFunction(m, "g", "f", "local");
            },
            "calls itself");
        Refused(m => AddFunction(m, "f", "Relu", "").Output[0] = "absent", "produces output 'absent'");
        Refused(m => AddFunction(m, "f", "Relu", "").OpsetImport[0].Version = 3, "function 'f' uses opset 3");
        Refused(
            m =>
            {
                AddFunction(m, "f", "Relu", "");
                AddFunction(m, "f", "Relu", "");
            },
            "function 'f' of domain 'local' is there twice");
    }

    [Fact]
    public void Functions_that_expand_without_bound_are_refused()
    {
        Refused(
            m =>
            {
                for (int level = 0; level < 30; level++)
                {
                    FunctionProto f = AddFunction(m, $"f{level}", level == 0 ? "Relu" : $"f{level - 1}", level == 0 ? "" : "local");
                    f.Node.Add(new NodeProto { OpType = f.Node[0].OpType, Domain = f.Node[0].Domain, Input = { "a" }, Output = { "c" } });
                }
            },
            "more than 1000000 nodes");
        Refused(
            m =>
            {
                for (int level = 0; level < 5_000; level++)
                    AddFunction(m, $"f{level}", level == 0 ? "Relu" : $"f{level - 1}", level == 0 ? "" : "local");
            },
            "nest more than 64 deep");
        Refused(
            m =>
            {
                for (int level = 0; level < 1000; level++)
                    AddFunction(m, $"f{level}", level == 999 ? "Relu" : $"f{level + 1}", level == 999 ? "" : "local");
            },
            "nest more than 64 deep");
    }

    private static FunctionProto AddFunction(ModelProto model, string name, string operatorType, string domain)
    {
        if (!model.OpsetImport.Any(i => i.Domain == "local"))
            model.OpsetImport.Add(new OperatorSetIdProto { Domain = "local", Version = 1 });
        var function = new FunctionProto
        {
            Name = name,
            Domain = "local",
            Input = { "a" },
            Output = { "b" },
            OpsetImport = { new OperatorSetIdProto { Version = 17 }, new OperatorSetIdProto { Domain = "local", Version = 1 } },
            Node = { new NodeProto { OpType = operatorType, Domain = domain, Input = { "a" }, Output = { "b" } } },
        };
        model.Functions.Add(function);
        return function;
    }

    private static NodeProto If(string used, string output)
    {
        GraphProto Branch() => new()
        {
            Name = "branch",
            Node = { new NodeProto { Name = "inner", OpType = "Relu", Input = { used }, Output = { "then_out" } } },
            Output = { SmallModel.Value(output, -1, 4) },
        };

        return new NodeProto
        {
            Name = "if",
            OpType = "If",
            Input = { "x" },
            Output = { "chosen" },
            Attribute =
            {
                new AttributeProto { Name = "then_branch", Type = AttributeType.Graph, G = Branch() },
                new AttributeProto { Name = "else_branch", Type = AttributeType.Graph, G = Branch() },
            },
        };
    }

    private static SparseTensorProto Sparse(long size) => new()
    {
        Values = TensorData.Create("s", [1], (ReadOnlySpan<float>)[1]),
        Indices = TensorData.Create("", [1], (ReadOnlySpan<long>)[0]),
        Dims = { size },
    };

    private static byte[] Field(int number, byte[] content)
    {
        using var stream = new MemoryStream();
        using var output = new CodedOutputStream(stream);
        output.WriteTag(number, WireFormat.WireType.LengthDelimited);
        output.WriteLength(content.Length);
        output.Flush();
        stream.Write(content);
        return stream.ToArray();
    }

    private static void Refused(Action<ModelProto> breakIt, string fragment)
    {
        ModelProto model = SmallModel.Create();
        breakIt(model);
        var error = Assert.Throws<InvalidModelException>(() => OnnxModel.Load(model.ToByteArray(), "broken.onnx"));
        Assert.StartsWith("broken.onnx: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(fragment, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }
}
