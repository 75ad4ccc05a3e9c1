using System.Numerics;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.OnnxRuntime;
using Ulrl.Training.Onnx;

namespace Ulrl.MLNet;

/// <summary>A numeric element type of vector columns: how ONNX calls it, and how its values are read.</summary>
internal abstract class NumericVector
{
    private static readonly NumericVector[] Known =
    [
        new Of<float>(OnnxElementType.Float),
        new Of<double>(OnnxElementType.Double),
        new Of<sbyte>(OnnxElementType.Int8),
        new Of<byte>(OnnxElementType.UInt8),
        new Of<short>(OnnxElementType.Int16),
        new Of<ushort>(OnnxElementType.UInt16),
        new Of<int>(OnnxElementType.Int32),
        new Of<uint>(OnnxElementType.UInt32),
        new Of<long>(OnnxElementType.Int64),
        new Of<ulong>(OnnxElementType.UInt64),
    ];

    private NumericVector(OnnxElementType elementType) => ElementType = elementType;

    /// <summary>The element type in ONNX.</summary>
    public OnnxElementType ElementType { get; }

    /// <summary>The entry for an item type; null where it is not numeric.</summary>
    public static NumericVector? For(DataViewType itemType) =>
        itemType is NumberDataViewType ? Array.Find(Known, n => n.Holds(itemType.RawType)) : null;

    /// <summary>Reads a vector column row by row as floats.</summary>
    public abstract FloatGetter Floats(DataViewRow row, DataViewSchema.Column column);

    /// <summary>Reads a scalar column row by row as floating-point numbers.</summary>
    public abstract Func<double> Number(DataViewRow row, DataViewSchema.Column column);

    /// <summary>A buffer for a batch of rows of a vector column.</summary>
    /// <param name="rows">Rows of the batch.</param>
    /// <param name="length">Values per row.</param>
    public abstract TensorBuffer Buffer(int rows, int length);

    protected abstract bool Holds(Type type);

    /// <summary>Writes the row's values to the span and tells how many there are; too many are not written.</summary>
    public delegate int FloatGetter(Span<float> values);

    /// <summary>The input tensor of a batch.</summary>
    public abstract class TensorBuffer
    {
        /// <summary>Ties the buffer to the rows of a cursor.</summary>
        public abstract void Bind(DataViewRow row, DataViewSchema.Column column);

        /// <summary>Reads the cursor's row into a row of the batch and tells how many values it had.</summary>
        public abstract int Read(int slot);

        /// <summary>The first rows as a tensor that shares the buffer's memory.</summary>
        public abstract OrtValue Tensor(int rows, ReadOnlySpan<long> sampleShape);
    }

    private sealed class Of<T>(OnnxElementType elementType) : NumericVector(elementType)
        where T : unmanaged, INumber<T>
    {
        public override FloatGetter Floats(DataViewRow row, DataViewSchema.Column column)
        {
            var getter = row.GetGetter<VBuffer<T>>(column);
            VBuffer<T> vector = default;
            return values =>
            {
                getter(ref vector);
                if (vector.Length != values.Length) return vector.Length;
                values.Clear();
                var given = vector.GetValues();
                var indices = vector.GetIndices();
                for (var i = 0; i < given.Length; i++) values[vector.IsDense ? i : indices[i]] = float.CreateTruncating(given[i]);
                return vector.Length;
            };
        }

        public override Func<double> Number(DataViewRow row, DataViewSchema.Column column)
        {
            var getter = row.GetGetter<T>(column);
            T value = default;
            return () =>
            {
                getter(ref value);
                return double.CreateTruncating(value);
            };
        }

        public override TensorBuffer Buffer(int rows, int length) => new Typed(rows, length);

        protected override bool Holds(Type type) => type == typeof(T);

        private sealed class Typed(int rows, int length) : TensorBuffer
        {
            private readonly T[] values = new T[checked(rows * length)];
            private ValueGetter<VBuffer<T>>? getter;
            private VBuffer<T> vector;

            public override void Bind(DataViewRow row, DataViewSchema.Column column) => getter = row.GetGetter<VBuffer<T>>(column);

            public override int Read(int slot)
            {
                getter!(ref vector);
                if (vector.Length == length) vector.CopyTo(values.AsSpan(slot * length, length));
                return vector.Length;
            }

            public override OrtValue Tensor(int rows, ReadOnlySpan<long> sampleShape) =>
                OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, values.AsMemory(0, rows * length), [rows, .. sampleShape]);
        }
    }
}
