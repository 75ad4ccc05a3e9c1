using Ulrl.Training.Autodiff.Rules;
using Ulrl.Training.Onnx;
using Ulrl.Training.Onnx.Proto;
using DataType = Ulrl.Training.Onnx.Proto.TensorProto.Types.DataType;

namespace Ulrl.Training.Autodiff;

/// <summary>
/// Forward pass, loss, backward pass, clipping and the SGD step as one ONNX graph. Parameters, momenta and running
/// statistics are graph inputs, their values after the step graph outputs.
/// </summary>
internal sealed class TrainingGraph
{
    public const string Labels = "ulrl/labels";
    public const string LearningRate = "ulrl/learning_rate";
    public const string Loss = "ulrl/loss";
    public const string CrossEntropyLoss = "ulrl/cross_entropy";
    public const string Correct = "ulrl/correct";
    public const string Logits = "ulrl/logits";
    private const string MomentumPrefix = "ulrl/momentum/";
    private const string UpdatedPrefix = "ulrl/updated/";
    private const string GradientPrefix = "ulrl/gradient/";

    private TrainingGraph(OnnxModel model, IReadOnlyList<StateTensor> state, IReadOnlyList<string> parameters)
    {
        Model = model;
        State = state;
        Parameters = parameters;
    }

    /// <summary>The graph as a runnable model.</summary>
    public OnnxModel Model { get; }

    /// <summary>What swaps from outputs to inputs between steps; the running statistics alone where only gradients are computed.</summary>
    public IReadOnlyList<StateTensor> State { get; }

    /// <summary>Initializers that the loss depends on and that train.</summary>
    public IReadOnlyList<string> Parameters { get; }

    /// <summary>Name of the output with a parameter's gradient, where only gradients are computed.</summary>
    public static string Gradient(string parameter) => GradientPrefix + parameter;

    /// <summary>A graph that takes one SGD step.</summary>
    public static TrainingGraph Step(ForwardGraph forward, Probe probe, TrainingGraphOptions options, SgdOptions sgd)
    {
        var pass = new Pass(forward, probe, options);
        var state = new List<StateTensor>();
        var b = pass.Builder;
        var rate = b.Input(LearningRate, DataType.Float);
        var scale = sgd.ClipNorm is { } clip ? ClipScale(b, pass.Gradients.Values, clip) : default;
        foreach (var (name, raw) in pass.Gradients)
        {
            var dims = forward.Initializers[name].Dims.ToArray();
            var gradient = scale.IsPresent ? raw * scale : raw;
            if (sgd.WeightDecay != 0f) gradient += b[name] * sgd.WeightDecay;
            var momentum = b.Input(MomentumPrefix + name, DataType.Float, dims);
            b.Assign(UpdatedPrefix + momentum.Name, "Add", [momentum * sgd.Momentum, gradient]);
            b.Assign(UpdatedPrefix + name, "Sub", [b[name], b[UpdatedPrefix + momentum.Name] * rate]);
            state.Add(new StateTensor(name, UpdatedPrefix + name, dims, StateKind.Parameter));
            state.Add(new StateTensor(momentum.Name, UpdatedPrefix + momentum.Name, dims, StateKind.Momentum));
        }

        state.AddRange(pass.EmitRunningStatistics());
        foreach (var tensor in state) b.Output(tensor.Output, DataType.Float, tensor.Dims);
        return new TrainingGraph(pass.Finish(), state, [.. pass.Gradients.Keys]);
    }

    /// <summary>A graph that gives the logits, the gradient of the loss by every parameter, and in train mode the running statistics after the batch.</summary>
    public static TrainingGraph GradientsOnly(ForwardGraph forward, Probe probe, TrainingGraphOptions options)
    {
        var pass = new Pass(forward, probe, options);
        var b = pass.Builder;
        b.Assign(Logits, "Identity", [b[forward.Logits]]);
        b.Output(Logits, DataType.Float, -1, pass.Classes);
        foreach (var (name, gradient) in pass.Gradients)
        {
            b.Assign(Gradient(name), "Identity", [gradient]);
            b.Output(Gradient(name), DataType.Float, [.. forward.Initializers[name].Dims]);
        }

        var state = pass.EmitRunningStatistics();
        foreach (var tensor in state) b.Output(tensor.Output, DataType.Float, tensor.Dims);
        return new TrainingGraph(pass.Finish(), state, [.. pass.Gradients.Keys]);
    }

    // min(1, clip / (norm + 1e-6)), torch.nn.utils.clip_grad_norm_
    private static Value ClipScale(GraphBuilder b, IEnumerable<Value> gradients, float clip)
    {
        var squares = gradients.Select(g => b.Op("ReduceSumSquare", [g], ("keepdims", 0L))).ToArray();
        var norm = b.Op("Sqrt", [squares.Length == 1 ? squares[0] : b.Op("Sum", squares)]);
        return b.Op("Min", [clip / (norm + 1e-6f), b.Scalar(1f)]);
    }

    /// <summary>Forward pass, loss and backward pass of a graph under construction.</summary>
    private sealed class Pass
    {
        private readonly ForwardGraph forward;

        public Pass(ForwardGraph forward, Probe probe, TrainingGraphOptions options)
        {
            this.forward = forward;
            var graph = forward.Graph.Clone();
            CeilPools.Apply(graph, probe);
            Builder = new GraphBuilder(graph);
            var count = new BatchCount(Builder, forward.Io.InputName);
            var form = options.Mode == NetworkMode.Train
                ? TrainMode.Apply(Builder, probe, count, options.Portable, options.DropoutSeed)
                : null;
            var forwardNodes = graph.Node.Count;
            var loss = LossGraph.Emit(Builder, forward, probe, options.Objective);
            Classes = loss.Classes;
            var terms = loss.Terms;
            var backward = new Backward(Builder, new BackwardOptions(probe, forward.ModelOpset, options.Portable, count, form));
            var trained = forward.Trainable.Where(options.Trains).ToArray();
            var found = backward.Run(forward.Logits, terms.LogitsGradient, trained);
            if (!options.Portable) FastConvolutions.Apply(Builder, probe, forwardNodes);
            var gradients = new Dictionary<string, Value>(StringComparer.Ordinal);
            foreach (var name in trained)
            {
                var through = found.GetValueOrDefault(name);
                var direct = terms.ParameterGradients.GetValueOrDefault(name);
                if (through.IsPresent && direct.IsPresent) gradients[name] = through + direct;
                else if (through.IsPresent || direct.IsPresent) gradients[name] = through.IsPresent ? through : direct;
                if (options.Frozen?.Weight == name) gradients[name] = options.Frozen.Apply(Builder, gradients[name], forward.Initializers[name].Dims);
            }

            Gradients = gradients;
            RunningStatistics = form?.RunningStatistics ?? [];
            if (gradients.Count == 0) throw new InvalidModelException("no parameter of the model can be trained: no floating-point initializer reaches the logits.");
        }

        public GraphBuilder Builder { get; }

        public long Classes { get; }

        public IReadOnlyDictionary<string, Value> Gradients { get; }

        public IReadOnlyList<RunningStatistic> RunningStatistics { get; }

        /// <summary>Names the running statistics after the batch.</summary>
        public List<StateTensor> EmitRunningStatistics()
        {
            var state = new List<StateTensor>();
            foreach (var statistic in RunningStatistics)
            {
                var output = UpdatedPrefix + statistic.Name;
                Builder.Assign(output, "Identity", [statistic.Updated]);
                state.Add(new StateTensor(statistic.Name, output, [.. forward.Initializers[statistic.Name].Dims], StateKind.RunningStatistic));
            }

            return state;
        }

        /// <summary>Turns the initializers that change into graph inputs.</summary>
        public OnnxModel Finish()
        {
            var changing = Gradients.Keys.Concat(RunningStatistics.Select(s => s.Name)).ToHashSet(StringComparer.Ordinal);
            var graph = Builder.Graph;
            var kept = graph.Initializer.Where(t => !changing.Contains(t.Name)).ToList();
            graph.Initializer.Clear();
            graph.Initializer.AddRange(kept);
            foreach (var name in changing) graph.Input.Add(GraphBuilder.ValueInfo(name, DataType.Float, [.. forward.Initializers[name].Dims]));
            return forward.ToModel(graph);
        }
    }
}
