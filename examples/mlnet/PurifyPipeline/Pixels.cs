using Microsoft.ML.Data;

namespace PurifyPipeline;

internal sealed class Pixels
{
    [ColumnName("Pixels")]
    [VectorType(3, 32, 32)]
    public float[] Values { get; set; } = [];
}
