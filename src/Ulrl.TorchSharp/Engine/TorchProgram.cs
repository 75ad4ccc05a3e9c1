using System.Runtime.InteropServices;
using TorchSharp;
using Ulrl.Training;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Onnx.Proto;
using Ulrl.Training.Runtime;
using Tensor = TorchSharp.torch.Tensor;

namespace Ulrl.TorchSharp.Engine;

/// <summary>
/// Network and loss as a list of operators that libtorch runs one after the other. What depends neither on the batch nor on the state is computed
/// once; every other tensor is given up behind the last operator that reads it, so that only what autograd keeps stays in memory.
/// </summary>
internal sealed class TorchProgram : IDisposable
{
    /// <summary>Attribute that switches a Dropout node on.</summary>
    public const string DropoutIsOn = "ulrl_dropout_is_on";

    private readonly List<Instruction> instructions = [];
    private readonly Dictionary<string, int> slots = new(StringComparer.Ordinal);
    private readonly Dictionary<int, Tensor> constants = [];
    private readonly HashSet<int> kept;
    private readonly long opset;
    private readonly string inputName;
    private readonly torch.Device device;
    private readonly int? dropoutSeed;
    private torch.Generator? random;

    private TorchProgram(TrainingSetup setup, TorchState state, torch.Device device)
    {
        var (forward, options) = (setup.Forward, setup.Options);
        this.device = device;
        opset = forward.ModelOpset;
        inputName = forward.Io.InputName;
        dropoutSeed = options.DropoutSeed;
        var graph = forward.Graph.Clone();
        if (options.Mode == NetworkMode.Train) SwitchToTraining(graph, dropoutSeed is not null);
        LossGraph.Emit(new GraphBuilder(graph), forward, setup.Probe, options.Objective);
        string[] outputs = [TrainingGraph.Loss, TrainingGraph.CrossEntropyLoss, TrainingGraph.Correct, forward.Logits];
        var nodes = Needed(graph, outputs);
        foreach (var node in nodes) Check(node);
        var given = state.All.Select(t => t.Key).Concat([inputName, GivenModel.Values, TrainingGraph.Labels]).ToHashSet(StringComparer.Ordinal);
        Compile(nodes, graph, given, outputs);
        kept = [.. given.Concat(outputs).Where(slots.ContainsKey).Select(n => slots[n]), .. constants.Keys];
        MarkLastUses();
        Restart();
    }

    /// <summary>Prepares a network and its loss.</summary>
    /// <param name="setup">The network and its objective.</param>
    /// <param name="state">Its tensors that change; given up where the program is refused.</param>
    /// <param name="device">Where to compute.</param>
    /// <exception cref="UnsupportedOperatorException">An operator is not in the table.</exception>
    public static TorchProgram Create(TrainingSetup setup, TorchState state, torch.Device device)
    {
        try
        {
            return new TorchProgram(setup, state, device);
        }
        catch (UlrlException)
        {
            state.Dispose();
            throw;
        }
    }

    /// <summary>Starts the dropout masks anew.</summary>
    public void Restart()
    {
        random?.Dispose();
        random = dropoutSeed is { } seed ? new torch.Generator((ulong)seed, device) : null;
    }

    /// <summary>Runs the operators. What they answer belongs to the caller's dispose scope.</summary>
    /// <param name="state">Parameters and running statistics by name.</param>
    /// <param name="batch">The samples.</param>
    /// <param name="given">What the given model is asked about, where the objective distils from it.</param>
    /// <param name="labels">Their labels.</param>
    /// <param name="logits">Name of the logits.</param>
    /// <param name="cancellation">Stops between two operators.</param>
    public TorchOutputs Run(IEnumerable<KeyValuePair<string, Tensor>> state, Tensor batch, Tensor given, Tensor labels, string logits, CancellationToken cancellation)
    {
        var values = new Tensor?[slots.Count];
        foreach (var (slot, tensor) in constants) values[slot] = tensor;
        foreach (var (name, tensor) in state.Concat([new(inputName, batch), new(GivenModel.Values, given), new(TrainingGraph.Labels, labels)]))
        {
            if (slots.TryGetValue(name, out var slot)) values[slot] = tensor;
        }

        foreach (var instruction in instructions)
        {
            cancellation.ThrowIfCancellationRequested();
            Execute(instruction, values);
        }

        Tensor Of(string name) => values[slots[name]]!;
        return new TorchOutputs(Of(TrainingGraph.Loss), Of(TrainingGraph.CrossEntropyLoss), Of(TrainingGraph.Correct), Of(logits));
    }

    public void Dispose()
    {
        foreach (var tensor in constants.Values) tensor.Dispose();
        random?.Dispose();
    }

    private static void SwitchToTraining(GraphProto graph, bool withDropout)
    {
        foreach (var node in graph.Node.Where(n => n.IsStandard()))
        {
            if (node.OpType == "BatchNormalization") node.Set("training_mode", 1L);
            else if (node.OpType == "Dropout" && withDropout) node.Set(DropoutIsOn, 1L);
        }
    }

    // The gradients that the objective emitted are left out: autograd finds its own.
    private static List<NodeProto> Needed(GraphProto graph, IEnumerable<string> outputs)
    {
        var needed = outputs.ToHashSet(StringComparer.Ordinal);
        var nodes = new List<NodeProto>();
        foreach (var node in graph.Node.Reverse())
        {
            if (!node.Output.Any(needed.Contains)) continue;
            needed.UnionWith(node.Input);
            nodes.Add(node);
        }

        nodes.Reverse();
        return nodes;
    }

    private void Check(NodeProto node)
    {
        if (OperatorTable.Standard.Problem(node) is { } problem) throw new UnsupportedOperatorException(node.Label(), node.OpType, node.Domain, opset, problem);
    }

    private void Compile(List<NodeProto> nodes, GraphProto graph, HashSet<string> given, IEnumerable<string> outputs)
    {
        var read = nodes.SelectMany(n => n.Input).Concat(outputs).ToHashSet(StringComparer.Ordinal);
        int Slot(string name) => slots.TryGetValue(name, out var slot) ? slot : slots[name] = slots.Count;
        using var scope = torch.NewDisposeScope();
        using var gradients = torch.no_grad();
        var known = new Dictionary<int, Tensor>();
        foreach (var tensor in graph.Initializer.Where(t => read.Contains(t.Name) && !given.Contains(t.Name)))
        {
            var value = TensorConversion.ToTensor(tensor);
            known[Slot(tensor.Name)] = value.is_floating_point() && value.dim() > 0 ? value.to(device) : value;
        }

        foreach (var node in nodes)
        {
            var instruction = new Instruction(
                node,
                OperatorTable.Standard.Find(node)!,
                [.. node.Input.Select(i => i.Length == 0 ? -1 : Slot(i))],
                [.. node.Output.Select(o => read.Contains(o) ? Slot(o) : -1)]);
            var isConstant = instruction.Inputs.All(i => i < 0 || known.ContainsKey(i));
            if (!isConstant)
            {
                instructions.Add(instruction);
                continue;
            }

            var values = new Tensor?[slots.Count];
            foreach (var input in instruction.Inputs.Where(i => i >= 0)) values[input] = known[input];
            Execute(instruction, values);
            foreach (var output in instruction.Outputs.Where(o => o >= 0)) known[output] = values[output]!;
        }

        foreach (var slot in instructions.SelectMany(i => i.Inputs).Concat(outputs.Select(Slot)).Where(known.ContainsKey).Distinct())
        {
            constants[slot] = known[slot].DetachFromDisposeScope();
        }
    }

    private void MarkLastUses()
    {
        var later = new HashSet<int>(kept);
        for (var i = instructions.Count - 1; i >= 0; i--)
        {
            var instruction = instructions[i];
            instruction.Dead = [.. instruction.Inputs.Concat(instruction.Outputs).Where(s => s >= 0 && later.Add(s))];
        }
    }

    private void Execute(Instruction instruction, Tensor?[] values)
    {
        using (torch.NewDisposeScope())
        {
            var inputs = Array.ConvertAll(instruction.Inputs, i => i < 0 ? null : values[i]);
            var outputs = Compute(instruction, new OperatorContext(instruction.Node, inputs, opset, device, random));
            for (var i = 0; i < instruction.Outputs.Length; i++)
            {
                if (instruction.Outputs[i] < 0) continue;
                var output = outputs[i];
                values[instruction.Outputs[i]] = inputs.Any(t => ReferenceEquals(t, output)) ? output.alias().MoveToOuterDisposeScope() : output.MoveToOuterDisposeScope();
            }
        }

        foreach (var slot in instruction.Dead)
        {
            values[slot]!.Dispose();
            values[slot] = null;
        }
    }

    private Tensor[] Compute(Instruction instruction, OperatorContext context)
    {
        var node = instruction.Node;
        try
        {
            var outputs = instruction.Compute(context);
            return outputs.Length > Array.FindLastIndex(instruction.Outputs, o => o >= 0)
                ? outputs
                : throw new UnsupportedOperatorException(node.Label(), node.OpType, node.Domain, opset, $"the engine torchsharp computes {outputs.Length} of its outputs; use the engine onnxruntime");
        }
        catch (ExternalException e)
        {
            throw new InvalidModelException($"node '{node.Label()}': libtorch fails on operator {node.OpType} ({OrtSessions.FirstLine(e.Message)}); use the engine onnxruntime.", e);
        }
        catch (InvalidModelException e) when (e is not UnsupportedOperatorException)
        {
            throw new UnsupportedOperatorException(node.Label(), node.OpType, node.Domain, opset, e.Message);
        }
    }

    /// <summary>One operator with the places of its inputs and outputs; −1 for none.</summary>
    private sealed record Instruction(NodeProto Node, Func<OperatorContext, Tensor[]> Compute, int[] Inputs, int[] Outputs)
    {
        /// <summary>Places that nothing reads any more behind it.</summary>
        public int[] Dead { get; set; } = [];
    }
}
