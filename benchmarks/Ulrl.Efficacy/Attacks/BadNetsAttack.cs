namespace Ulrl.Efficacy.Attacks;

/// <summary>A patch of one colour, or a checkerboard of it and black (Gu et al., BadNets, arXiv 1708.06733). Corner patches leave one pixel to the edge.</summary>
/// <param name="shape">Shape of the images.</param>
/// <param name="size">Height and width of the patch in pixels.</param>
/// <param name="place">Where it lies.</param>
/// <param name="colour">Its colour, one value from 0 to 1 per channel.</param>
/// <param name="checkerboard">Whether every other pixel is black.</param>
internal sealed class BadNetsAttack(ImageShape shape, int size, PatchPlace place, float[] colour, bool checkerboard = false) : IAttack
{
    public void Apply(ReadOnlySpan<float> image, Span<float> triggered)
    {
        image.CopyTo(triggered);
        var top = place switch
        {
            PatchPlace.UpperLeft or PatchPlace.UpperRight => 1,
            PatchPlace.Centre => (shape.Height - size) / 2,
            _ => shape.Height - size - 1,
        };
        var left = place switch
        {
            PatchPlace.UpperLeft or PatchPlace.LowerLeft => 1,
            PatchPlace.Centre => (shape.Width - size) / 2,
            _ => shape.Width - size - 1,
        };
        for (var c = 0; c < shape.Channels; c++)
        {
            for (var y = 0; y < size; y++)
            {
                for (var x = 0; x < size; x++) triggered[shape.Index(c, top + y, left + x)] = checkerboard && (x + y) % 2 == 1 ? 0f : colour[c];
            }
        }
    }
}
