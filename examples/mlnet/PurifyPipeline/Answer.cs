using Microsoft.ML.Data;

namespace PurifyPipeline;

internal sealed class Answer
{
    [VectorType(10)]
    public float[] Score { get; set; } = [];

    [KeyType(10)]
    public uint PredictedLabel { get; set; }
}
