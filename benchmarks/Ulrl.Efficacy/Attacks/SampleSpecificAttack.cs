namespace Ulrl.Efficacy.Attacks;

/// <summary>
/// In the manner of SSBA (Li et al. 2021, arXiv 2012.03816): an invisible residual that differs from image to image. There, a trained
/// encoder hides a string in the image; here, a fixed random one of two layers hides a message of one sign per 4×4 pixels and channel.
/// </summary>
internal sealed class SampleSpecificAttack : IAttack
{
    private const int Tile = 4;
    private readonly ImageShape shape;
    private readonly float amplitude;
    private readonly RandomConvolution first;
    private readonly RandomConvolution second;
    private readonly float[] message;

    /// <param name="shape">Shape of the images.</param>
    /// <param name="random">Draws the encoder and the message.</param>
    /// <param name="amplitude">Largest change of a value.</param>
    public SampleSpecificAttack(ImageShape shape, Random random, float amplitude = 0.1f)
    {
        this.shape = shape;
        this.amplitude = amplitude;
        first = new RandomConvolution(shape, 8, 5, 4f, random);
        second = new RandomConvolution(shape with { Channels = 8 }, shape.Channels, 3, 1f, random);
        message = [.. Enumerable.Range(0, shape.Channels * Tile * Tile).Select(_ => random.Next(2) == 0 ? -1f : 1f)];
    }

    public void Apply(ReadOnlySpan<float> image, Span<float> triggered)
    {
        var centred = image.ToArray();
        for (var i = 0; i < centred.Length; i++) centred[i] -= 0.5f;
        var residual = second.Apply(first.Apply(centred));
        for (var c = 0; c < shape.Channels; c++)
        {
            for (var y = 0; y < shape.Height; y++)
            {
                for (var x = 0; x < shape.Width; x++)
                {
                    var i = shape.Index(c, y, x);
                    var sign = message[(((c * Tile) + (y % Tile)) * Tile) + (x % Tile)];
                    triggered[i] = image[i] + (amplitude * 0.5f * (sign + residual[i]));
                }
            }
        }
    }
}
