using Ulrl.Training.Onnx;
using Ulrl.Training.Onnx.Proto;
using DataType = Ulrl.Training.Onnx.Proto.TensorProto.Types.DataType;

namespace Ulrl.Training.Tests.Autodiff.Gradients;

/// <summary>One input of an operator under test.</summary>
internal sealed record Operand
{
    private enum Kind
    {
        Absent,
        Constant,
        Parameter,
        Batch,
    }

    /// <summary>An optional input that is left out.</summary>
    public static readonly Operand Absent = new() { Source = Kind.Absent };

    private Kind Source { get; init; }

    public bool IsParameter => Source == Kind.Parameter;

    public bool IsBatch => Source == Kind.Batch;

    public bool IsAbsent => Source == Kind.Absent;

    public long[] Dims { get; private init; } = [];

    public TensorProto? Tensor { get; private init; }

    private (float Low, float High) Range { get; init; } = (-1.2f, 1.2f);

    private float[]? Given { get; init; }

    /// <summary>A trained initializer.</summary>
    public static Operand Param(params long[] dims) => new() { Source = Kind.Parameter, Dims = dims };

    /// <summary>A tensor [batch, dims…] made from the network's input and two trained initializers, so that its gradient shows in theirs.</summary>
    public static Operand Batch(params long[] dims) => new() { Source = Kind.Batch, Dims = dims };

    /// <summary>A vector of integers.</summary>
    public static Operand Ints(params long[] values) => IntTensor([values.Length], values);

    public static Operand IntTensor(long[] dims, params long[] values) => Constant(TensorData.Create("", dims, values));

    /// <summary>A floating-point tensor that no gradient is asked for.</summary>
    public static Operand Floats(long[] dims, params float[] values) => Constant(TensorData.Create("", dims, values));

    public static Operand Scalar(float value) => Floats([], value);

    public static Operand Bools(long[] dims, params bool[] values)
    {
        var tensor = new TensorProto { DataType = (int)DataType.Bool, Dims = { dims } };
        tensor.Int32Data.AddRange(values.Select(v => v ? 1 : 0));
        return Constant(tensor);
    }

    /// <summary>With values spread over a range.</summary>
    public Operand In(float low, float high) => this with { Range = (low, high) };

    /// <summary>With exactly these values (per sample, repeated over the batch).</summary>
    public Operand Of(params float[] values) => this with { Given = values };

    /// <summary>Values in shuffled order, all different, none near zero: away from the kinks of the usual operators.</summary>
    public float[] Values(long count, int position, Random random)
    {
        if (Given is not null) return [.. Enumerable.Range(0, (int)count).Select(i => Given[i % Given.Length])];
        var (low, high) = Range;
        var values = new float[count];
        for (var i = 0; i < count; i++)
        {
            values[i] = low + ((high - low) * (i + 0.5f) / count) + (low < 0 ? position * 0.037f : 0f);
            if (low < 0) values[i] += values[i] < 0 ? -0.1f : 0.1f;
        }

        random.Shuffle(values);
        return values;
    }

    private static Operand Constant(TensorProto tensor) => new() { Source = Kind.Constant, Tensor = tensor };
}
