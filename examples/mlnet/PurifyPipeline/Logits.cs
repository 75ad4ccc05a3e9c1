using Microsoft.ML.Data;

namespace PurifyPipeline;

internal sealed class Logits
{
    [ColumnName("logits")]
    public float[] Values { get; set; } = [];
}
