using Microsoft.ML.Data;

namespace Ulrl.MLNet.Benchmarks;

internal sealed class Row
{
    [ColumnName("input")]
    [VectorType(3, 32, 32)]
    public float[] Input { get; set; } = [];

    public int Label { get; set; }
}
