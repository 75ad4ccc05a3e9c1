using Microsoft.ML.Data;

namespace PurifyPipeline;

internal sealed class Normalized
{
    [ColumnName("input")]
    [VectorType(3, 32, 32)]
    public float[] Input { get; set; } = [];
}
