using TorchSharp;
using TorchSharp.Modules;
using Ulrl.Training.Onnx;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using Layer = TorchSharp.torch.nn.Module<TorchSharp.torch.Tensor, TorchSharp.torch.Tensor>;

namespace Ulrl.TorchSharp.Tests.Export;

/// <summary>Containers, modules of one's own, attention, and the check against the live module.</summary>
public sealed class ModuleTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public ModuleTests() => random.manual_seed(2);

    public void Dispose() => scope.Dispose();

    [Fact]
    public void A_sequence_of_layers_has_the_names_of_the_state_dict_and_trains()
    {
        var module = Sequential(("conv", Conv2d(3, 8, 3, padding: 1)), ("norm", BatchNorm2d(8)), ("act", ReLU()), ("pool", AdaptiveAvgPool2d(1)), ("flat", Flatten()), ("drop", Dropout(0.1)), ("fc", Linear(8, 10)));
        module.train();
        var model = module.ToOnnx([1, 3, 16, 16]);

        Assert.Equal(["conv.weight", "conv.bias", "norm.weight", "norm.bias", "norm.running_mean", "norm.running_var", "fc.weight", "fc.bias"], model.Initializers.Select(i => i.Name));
        Assert.Equal("input: Float[batch,3,16,16]", model.Inputs[0].ToString());
        Assert.Equal("logits: Float[batch,10]", model.Outputs[0].ToString());
        Assert.Contains(model.Proto.Graph.Node, n => n.OpType == "BatchNormalization" && n.Name == "norm");
        Assert.Contains(model.Proto.Graph.Node, n => n.OpType == "Dropout" && n.Name == "drop");
        Assert.True(module.training);
        Assert.True(module.named_children().All(c => c.module.training));
        var loaded = OnnxModel.Load(model.ToBytes());
        Assert.Equal(model.Initializers.Count, loaded.Initializers.Count);
    }

    [Fact]
    public void A_module_of_ones_own_says_how_it_is_written()
    {
        var module = Sequential(("stem", Conv2d(3, 8, 3)), ("blocks", Sequential(("0", new Residual(8)), ("1", new Residual(8)))), ("pool", AdaptiveAvgPool2d(1)), ("flat", Flatten()));
        var model = module.ToOnnx([1, 3, 16, 16]);

        var input = randn(4, 3, 16, 16);
        Onnx.AssertClose(Onnx.Live(module, input), Onnx.Run(model, input));
        Assert.Contains("blocks.1.body.3.weight", model.Initializers.Select(i => i.Name));
    }

    [Fact]
    public void Options_name_the_input_and_output_and_fix_the_batch()
    {
        var module = Linear(6, 4);
        var model = module.ToOnnx([5, 6], new OnnxExportOptions { InputName = "pixels", OutputName = "scores", BatchDimension = null, Opset = 20 });

        Assert.Equal("pixels: Float[5,6]", model.Inputs[0].ToString());
        Assert.Equal("scores: Float[5,4]", model.Outputs[0].ToString());
        Assert.Equal(20, model.Opsets[""]);
    }

    [Fact]
    public void Lists_and_dictionaries_of_modules_are_walked_by_their_owner_or_in_order()
    {
        var owner = new Branches();
        var input = randn(2, 6);
        var exported = owner.ToOnnx([2, 6]);
        Onnx.AssertClose(Onnx.Live(owner, input), Onnx.Run(exported, input));
        Assert.Contains("branches.b.weight", exported.Initializers.Select(i => i.Name));
        Assert.Contains("scale", exported.Initializers.Select(i => i.Name));
        Assert.DoesNotContain("shift", exported.Initializers.Select(i => i.Name));

        var error = Assert.Throws<OnnxExportException>(() => ModuleList<Layer>(Linear(6, 6), ReLU()).ToOnnx([2, 6]));
        Assert.Contains("has no forward pass, and its modules are registered by the module that owns it", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_module_that_nothing_says_how_to_write_is_named_by_its_path()
    {
        var module = Sequential(("a", Linear(4, 4)), ("inner", Sequential(("odd", new Odd()))));
        var error = Assert.Throws<OnnxExportException>(() => module.ToOnnx([1, 4]));

        Assert.StartsWith("module 'inner.odd': nothing says how a Odd is written as ONNX; let it implement IOnnxExportable", error.Message, StringComparison.Ordinal);
        Assert.Contains("OnnxExporters.Register<Odd>", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_exporter_can_be_registered_for_a_type()
    {
        OnnxExporters.Register<Registered>((graph, _, x) => graph.Sum(x * x, keepDim: true, 1));
        var module = Sequential(("a", Linear(4, 4)), ("b", new Registered()));
        var input = randn(3, 4);

        Onnx.AssertClose(Onnx.Live(module, input), Onnx.Run(module.ToOnnx([1, 4]), input));
    }

    [Fact]
    public void The_first_module_that_computes_something_else_is_named()
    {
        var module = Sequential(("a", Linear(4, 4)), ("wrong", new Wrong()), ("c", Linear(4, 4)));
        var error = Assert.Throws<OnnxExportException>(() => module.ToOnnx([1, 4]));
        Assert.StartsWith("module 'wrong' (Wrong) gives ", error.Message, StringComparison.Ordinal);

        // Its owner calls forward, which no hook sees.
        error = Assert.Throws<OnnxExportException>(() => new PastTheHooks().ToOnnx([1, 4]));
        Assert.StartsWith("module 'inner' (Wrong) gives ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_module_that_is_not_registered_is_told()
    {
        var error = Assert.Throws<OnnxExportException>(() => new Unregistered().ToOnnx([1, 4]));
        Assert.Equal("the module: it calls a Linear that is not registered in it; call RegisterComponents() at the end of its constructor, or register_module.", error.Message);
    }

    [Fact]
    public void Shapes_that_do_not_fit_are_told_with_the_module()
    {
        var module = Sequential(("conv", Conv2d(3, 8, 3)), ("flat", Flatten()), ("fc", Linear(8, 2)));
        var error = Assert.Throws<OnnxExportException>(() => module.ToOnnx([1, 3, 8, 8]));
        Assert.Equal("module 'fc': a linear layer from 8 to 2 features is applied to a tensor of shape [batch, 288].", error.Message);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void Encoder_layers_of_transformers_are_written_with_the_heads_they_have(long heads)
    {
        foreach (var activation in new[] { Activations.ReLU, Activations.GELU })
        {
            var layer = TransformerEncoderLayer(8, heads, 16, 0.1, activation);
            var model = layer.ToOnnx([5, 2, 8], new OnnxExportOptions { BatchDimension = 1 });
            var input = randn(5, 3, 8);
            Onnx.AssertClose(Onnx.Live(layer, input), Onnx.Run(model, input));
            Assert.Equal(layer.state_dict().Keys.Order(), model.Initializers.Select(i => i.Name).Order());
        }
    }

    [Fact]
    public void A_classifier_with_attention_and_a_transformer_encoder_is_written()
    {
        var module = new Tokens();
        var input = randint(0, 20, [3, 7], ScalarType.Int64);
        var model = module.ToOnnx(input);

        Onnx.AssertClose(Onnx.Live(module, input), Onnx.Run(model, input));
        Assert.Equal(module.state_dict().Keys.Order(), model.Initializers.Select(i => i.Name).Order());
        var longer = randint(0, 20, [9, 7], ScalarType.Int64);
        Onnx.AssertClose(Onnx.Live(module, longer), Onnx.Run(model, longer));
    }

    [Fact]
    public void Heads_that_cannot_be_told_are_asked_for()
    {
        var layer = TransformerEncoderLayer(8, 2, 16);
        using (no_grad()) layer.state_dict()["self_attn.in_proj_weight"].zero_();
        var options = new OnnxExportOptions { BatchDimension = 1 };
        var error = Assert.Throws<OnnxExportException>(() => layer.ToOnnx([5, 2, 8], options));
        Assert.Contains("its number of heads cannot be told, since 1 and 2 and 4 and 8 give the same", error.Message, StringComparison.Ordinal);
        Assert.NotNull(layer.ToOnnx([5, 2, 8], options with { Heads = new Dictionary<string, int> { [""] = 2 } }));
    }

    [Fact]
    public void Shared_weights_are_one_initializer()
    {
        var tied = new Tied();
        var model = tied.ToOnnx([2, 6]);
        Assert.Equal(["first.weight", "first.bias"], model.Initializers.Select(i => i.Name));
        tied.LoadFrom(model);
    }

    [Fact]
    public void Modules_of_other_element_types_are_written_in_single_precision_or_refused()
    {
        var wide = Sequential(("fc", Linear(6, 3))).to(ScalarType.Float64);
        var input = randn(2, 6, dtype: ScalarType.Float64);
        Onnx.AssertClose(Onnx.Live(wide, input), Onnx.Run(wide.ToOnnx([1, 6]), input));

        var error = Assert.Throws<OnnxExportException>(() => Sequential(("fc", Linear(6, 3))).to(ScalarType.BFloat16).ToOnnx([1, 6]));
        Assert.Equal("parameter 'fc.weight' is BFloat16; call module.to(ScalarType.Float32) first.", error.Message);
    }

    private sealed class Branches : Module<Tensor, Tensor>, IOnnxExportable
    {
        private readonly ModuleDict<Layer> branches = ModuleDict<Layer>(("a", Linear(6, 4)), ("b", Linear(6, 4)));
        private readonly ModuleList<Layer> after = ModuleList<Layer>(ReLU(), Linear(4, 4));
        private readonly Parameter scale = new(randn(4));

        public Branches()
            : base(nameof(Branches))
        {
            register_buffer("shift", randn(4));
            RegisterComponents();
        }

        public override Tensor forward(Tensor x)
        {
            var sum = branches["a"].call(x) - branches["b"].call(x);
            foreach (var layer in after) sum = layer.call(sum);
            return (sum * scale) + get_buffer("shift")!;
        }

        public OnnxValue Export(OnnxGraph graph, OnnxValue x)
        {
            var sum = graph.Call(branches["a"], x) - graph.Call(branches["b"], x);
            return (graph.Call(after, sum) * graph.Parameter("scale")) + graph.Parameter("shift");
        }
    }

    private sealed class Tokens : Module<Tensor, Tensor>, IOnnxExportable
    {
        private readonly Embedding embedding = Embedding(20, 8);
        private readonly TransformerEncoder encoder = TransformerEncoder(TransformerEncoderLayer(8, 2, 16, 0.1, Activations.GELU), 2);
        private readonly MultiheadAttention attention = MultiheadAttention(8, 4);
        private readonly Linear head = Linear(8, 5);

        public Tokens()
            : base(nameof(Tokens)) => RegisterComponents();

        public override Tensor forward(Tensor x)
        {
            var tokens = encoder.call(embedding.call(x).transpose(0, 1));
            var first = tokens.slice(0, 0, 1, 1);
            return head.call(attention.call(first, tokens, tokens, null, false, null).Item1.squeeze(0));
        }

        public OnnxValue Export(OnnxGraph graph, OnnxValue x)
        {
            var tokens = graph.Call(encoder, graph.Transpose(graph.Call(embedding, x), 0, 1));
            var first = graph.Slice(tokens, 0, 0, 1);
            return graph.Call(head, graph.Squeeze(graph.Call(attention, first, tokens, tokens), 0));
        }
    }

    private sealed class Tied : Module<Tensor, Tensor>, IOnnxExportable
    {
        private readonly Linear first = Linear(6, 6);
        private readonly Linear second;

        public Tied()
            : base(nameof(Tied))
        {
            second = first;
            RegisterComponents();
        }

        public override Tensor forward(Tensor x) => second.call(functional.relu(first.call(x)));

        public OnnxValue Export(OnnxGraph graph, OnnxValue x) => graph.Call(second, graph.Relu(graph.Call(first, x)));
    }

    private sealed class Odd() : Module<Tensor, Tensor>(nameof(Odd))
    {
        public override Tensor forward(Tensor x) => x * 2;
    }

    private sealed class Registered() : Module<Tensor, Tensor>(nameof(Registered))
    {
        public override Tensor forward(Tensor x) => (x * x).sum(1, keepdim: true);
    }

    private sealed class Wrong() : Module<Tensor, Tensor>(nameof(Wrong)), IOnnxExportable
    {
        public override Tensor forward(Tensor x) => functional.relu(x);

        public OnnxValue Export(OnnxGraph graph, OnnxValue x) => graph.Sigmoid(x);
    }

    private sealed class PastTheHooks : Module<Tensor, Tensor>, IOnnxExportable
    {
        private readonly Wrong inner = new();

        public PastTheHooks()
            : base(nameof(PastTheHooks)) => RegisterComponents();

        public override Tensor forward(Tensor x) => inner.forward(x);

        public OnnxValue Export(OnnxGraph graph, OnnxValue x) => graph.Call(inner, x);
    }

    private sealed class Unregistered() : Module<Tensor, Tensor>(nameof(Unregistered)), IOnnxExportable
    {
        private readonly Linear fc = Linear(4, 4);

        public override Tensor forward(Tensor x) => fc.call(x);

        public OnnxValue Export(OnnxGraph graph, OnnxValue x) => graph.Call(fc, x);
    }
}
