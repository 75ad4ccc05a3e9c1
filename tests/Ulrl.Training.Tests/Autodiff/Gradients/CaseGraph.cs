using Ulrl.Training.Autodiff;
using Ulrl.Training.Onnx;
using Ulrl.Training.Onnx.Proto;
using DataType = Ulrl.Training.Onnx.Proto.TensorProto.Types.DataType;

namespace Ulrl.Training.Tests.Autodiff.Gradients;

/// <summary>
/// The network around an operator under test: input [batch, n] → operands → operator → fixed random weights →
/// logits. Every floating-point operand is a parameter or depends on two.
/// </summary>
internal sealed class CaseGraph
{
    public const int Classes = 3;

    /// <summary>Two sizes of the batch that no other dimension of a case has.</summary>
    public const int Few = 11;
    public const int More = 13;
    public const string Input = "x";
    public const string Logits = "logits";
    private readonly Random random;
    private readonly long opset;
    private readonly List<Operand> batchOperands = [];
    private int operands;

    public CaseGraph(long opset, int seed)
    {
        this.opset = opset;
        random = new Random(seed);
        B = new GraphBuilder(new GraphProto { Name = "case" });
    }

    public GraphBuilder B { get; }

    /// <summary>The initializers whose gradients are checked.</summary>
    public List<string> Parameters { get; } = [];

    /// <summary>Numbers per sample of the network's input.</summary>
    public int InputSize => Math.Max(1, batchOperands.Select(o => (int)o.Dims.Aggregate(1L, (a, b) => a * b)).DefaultIfEmpty(1).Max());

    /// <summary>Emits an operand.</summary>
    public Value Add(Operand operand)
    {
        var position = operands++;
        if (operand.IsAbsent) return default;
        if (operand.IsParameter) return Parameter($"p{position}", operand.Dims, operand.Values(Count(operand.Dims), position, random));
        if (!operand.IsBatch) return B.Add(operand.Tensor!.Clone());

        // Gathered from the input, then s·v + t with s = 1 and t = 0: t's gradient is the operand's, s's weighs it by sample.
        var count = Count(operand.Dims);
        batchOperands.Add(operand);
        var taken = B.Op("Gather", [B[Input], B.Add(TensorData.Create("", operand.Dims, Enumerable.Range(0, (int)count).Select(i => (long)i).ToArray()))], ("axis", 1L));
        var ones = new float[count];
        Array.Fill(ones, 1f);
        return (taken * Parameter($"s{position}", [1, .. operand.Dims], ones)) + Parameter($"t{position}", [1, .. operand.Dims], new float[count]);
    }

    /// <summary>Emits a node; attributes may also be lists of floats.</summary>
    public Value[] Op(string type, int outputs, Value[] inputs, params (string Name, object Value)[] attributes)
    {
        var results = B.Ops(type, outputs, inputs, [.. attributes.Where(a => a.Value is not float[])]);
        foreach (var (name, value) in attributes)
        {
            if (value is not float[] floats) continue;
            B.Graph.Node[^1].Attribute.Add(new AttributeProto { Name = name, Type = AttributeProto.Types.AttributeType.Floats, Floats = { floats } });
        }

        return results;
    }

    public Value Op(string type, Value[] inputs, params (string Name, object Value)[] attributes) => Op(type, 1, inputs, attributes)[0];

    /// <summary>A batch of inputs: the operands' values, of each sample a little different.</summary>
    public float[] Samples(int batch)
    {
        var size = InputSize;
        var values = new float[batch * size];
        var first = batchOperands.Count > 0 ? batchOperands[0] : Operand.Batch(1);
        first.Values(values.Length, 0, random).CopyTo(values, 0);
        return values;
    }

    /// <summary>Completes the network behind the tensors under test, whose shapes at two sizes of the batch are given.</summary>
    public OnnxModel Finish(IReadOnlyList<(Value Value, long[] Few, long[] More)> results)
    {
        var logits = Fixed(B[Input], InputSize);
        foreach (var (value, few, more) in results)
        {
            var perBatch = few.Length > 0 && few[0] != more[0];
            var count = perBatch ? Count(few) / Few : Count(few);
            logits += Fixed(B.Op("Reshape", [value, B.Ints(perBatch ? -1 : 1, count)]), count);
        }

        B.Assign(Logits, "Identity", [logits]);
        B.Output(Logits, DataType.Float, -1, Classes);
        return Model();
    }

    /// <summary>The unfinished network with the given tensors as its outputs.</summary>
    public OnnxModel Unfinished(IEnumerable<Value> results)
    {
        var model = Model().Proto.Clone();
        model.Graph.Output.Clear();
        foreach (var result in results) model.Graph.Output.Add(new ValueInfoProto { Name = result.Name, Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)DataType.Float } } });
        return new OnnxModel(model);
    }

    private static long Count(long[] dims) => dims.Aggregate(1L, (a, b) => a * b);

    private OnnxModel Model()
    {
        if (B.Graph.Input.Count == 0) B.Input(Input, DataType.Float, -1, InputSize);
        var proto = new ModelProto { IrVersion = opset > 20 ? 10 : 8, ProducerName = "test", Graph = B.Graph };
        proto.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = opset });
        return new OnnxModel(proto);
    }

    private Value Parameter(string name, long[] dims, float[] values)
    {
        B.Graph.Initializer.Add(TensorData.Create(name, dims, values));
        Parameters.Add(name);
        return B[name];
    }

    private Value Fixed(Value value, long count)
    {
        var weights = new float[count * Classes];
        for (var i = 0; i < weights.Length; i++) weights[i] = ((random.NextSingle() * 2f) - 1f) * 1.5f / MathF.Sqrt(count);
        return B.Op("MatMul", [value, B.Floats(weights, count, Classes)]);
    }
}
