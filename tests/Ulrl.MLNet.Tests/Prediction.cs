using Microsoft.ML.Data;

namespace Ulrl.MLNet.Tests;

internal sealed class Prediction
{
    public float[] Score { get; set; } = [];

    public float[] Probability { get; set; } = [];

    public uint PredictedLabel { get; set; }

    [ColumnName("ClassName")]
    public string? Name { get; set; }
}
