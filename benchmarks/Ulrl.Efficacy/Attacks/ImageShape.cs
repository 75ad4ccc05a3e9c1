namespace Ulrl.Efficacy.Attacks;

/// <summary>Shape of an image whose values lie channel after channel, row after row.</summary>
/// <param name="Channels">Colour channels.</param>
/// <param name="Height">Rows.</param>
/// <param name="Width">Columns.</param>
internal readonly record struct ImageShape(int Channels, int Height, int Width)
{
    public static ImageShape Cifar => new(3, 32, 32);

    public int Length => Channels * Height * Width;

    public int Index(int channel, int y, int x) => (((channel * Height) + y) * Width) + x;
}
