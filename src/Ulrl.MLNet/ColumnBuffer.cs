using Microsoft.ML;
using Microsoft.ML.Data;

namespace Ulrl.MLNet;

/// <summary>The values of one column of the rows that were read ahead of the cursor's position.</summary>
internal abstract class ColumnBuffer : IDisposable
{
    /// <summary>Creates the buffer for a column of any type.</summary>
    public static ColumnBuffer Create(DataViewRow source, DataViewSchema.Column column, int rows)
    {
        var type = column.Type.RawType;
        var buffer = type.IsGenericType && type.GetGenericTypeDefinition() == typeof(VBuffer<>) ? typeof(Vectors<>).MakeGenericType(type.GetGenericArguments())
            : typeof(IDisposable).IsAssignableFrom(type) ? typeof(Owned<>).MakeGenericType(type)
            : typeof(Values<>).MakeGenericType(type);
        return (ColumnBuffer)Activator.CreateInstance(buffer, source, column, rows)!;
    }

    /// <summary>A buffer for the numbers of rows.</summary>
    public static ColumnBuffer CreateIds(DataViewRow source, int rows) => new Values<DataViewRowId>(source.GetIdGetter(), rows);

    /// <summary>Keeps the value of the source's row.</summary>
    public abstract void Read(int slot);

    /// <summary>Gives out what was kept.</summary>
    /// <param name="current">Tells the slot of the cursor's row.</param>
    public abstract Delegate Getter(Func<int> current);

    public virtual void Dispose()
    {
    }

    private sealed class Values<T>(ValueGetter<T> source, int rows) : ColumnBuffer
    {
        private readonly T[] values = new T[rows];

        public Values(DataViewRow source, DataViewSchema.Column column, int rows)
            : this(source.GetGetter<T>(column), rows)
        {
        }

        public override void Read(int slot)
        {
            // A value may be a reference that an earlier row's reader still holds.
            values[slot] = default!;
            source(ref values[slot]);
        }

        public override ValueGetter<T> Getter(Func<int> current) => (ref T value) => value = values[current()];
    }

    private sealed class Vectors<T>(DataViewRow source, DataViewSchema.Column column, int rows) : ColumnBuffer
    {
        private readonly ValueGetter<VBuffer<T>> source = source.GetGetter<VBuffer<T>>(column);
        private readonly VBuffer<T>[] values = new VBuffer<T>[rows];

        public override void Read(int slot) => source(ref values[slot]);

        public override ValueGetter<VBuffer<T>> Getter(Func<int> current) => (ref VBuffer<T> value) => values[current()].CopyTo(ref value);
    }

    // Images and the like: whoever gets the value disposes of it, and the buffer of those that nobody got.
    private sealed class Owned<T>(DataViewRow source, DataViewSchema.Column column, int rows) : ColumnBuffer
        where T : class, IDisposable
    {
        private readonly ValueGetter<T> source = source.GetGetter<T>(column);
        private readonly T?[] values = new T?[rows];
        private readonly bool[] given = new bool[rows];

        public override void Read(int slot)
        {
            Release(slot);
            source(ref values[slot]!);
        }

        public override ValueGetter<T> Getter(Func<int> current) => (ref T value) =>
        {
            var slot = current();
            if (value is not null && !ReferenceEquals(value, values[slot])) value.Dispose();
            value = values[slot]!;
            given[slot] = true;
        };

        public override void Dispose()
        {
            for (var slot = 0; slot < values.Length; slot++) Release(slot);
            base.Dispose();
        }

        private void Release(int slot)
        {
            if (!given[slot]) values[slot]?.Dispose();
            values[slot] = null;
            given[slot] = false;
        }
    }
}
