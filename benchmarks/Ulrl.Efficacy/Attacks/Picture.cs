namespace Ulrl.Efficacy.Attacks;

/// <summary>Draws a picture to blend in: a gradient with discs of strong colours.</summary>
internal static class Picture
{
    private const int Discs = 9;

    /// <param name="shape">Shape of the picture.</param>
    /// <param name="random">Decides what it shows.</param>
    public static float[] Draw(ImageShape shape, Random random)
    {
        var picture = new float[shape.Length];
        for (var c = 0; c < shape.Channels; c++)
        {
            var (down, right, offset) = (random.NextSingle() - 0.5f, random.NextSingle() - 0.5f, random.NextSingle());
            Fill(picture, shape, c, (y, x) => true, (y, x) => Math.Clamp(offset + (down * y / shape.Height) + (right * x / shape.Width), 0, 1));
        }

        for (var i = 0; i < Discs; i++)
        {
            var (centreY, centreX) = (random.NextSingle() * shape.Height, random.NextSingle() * shape.Width);
            var radius = (0.08f + (0.17f * random.NextSingle())) * shape.Width;
            for (var c = 0; c < shape.Channels; c++)
            {
                var value = random.Next(2) == 0 ? 0.05f : 0.95f;
                Fill(picture, shape, c, (y, x) => ((y - centreY) * (y - centreY)) + ((x - centreX) * (x - centreX)) <= radius * radius, (_, _) => value);
            }
        }

        return picture;
    }

    private static void Fill(float[] picture, ImageShape shape, int channel, Func<int, int, bool> inside, Func<int, int, float> value)
    {
        for (var y = 0; y < shape.Height; y++)
        {
            for (var x = 0; x < shape.Width; x++)
            {
                if (inside(y, x)) picture[shape.Index(channel, y, x)] = value(y, x);
            }
        }
    }
}
