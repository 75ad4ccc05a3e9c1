namespace ScoringService;

internal sealed class ImagePrediction
{
    public string PredictedClass { get; set; } = "";

    public float[] Probability { get; set; } = [];
}
