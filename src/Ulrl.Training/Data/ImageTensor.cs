namespace Ulrl.Training.Data;

/// <summary>Images as networks take them: BackdoorBench's <c>Resize</c>, <c>ToTensor</c>.</summary>
internal static class ImageTensor
{
    /// <summary>Resizes an image, scales it to [0,1] and moves its channels to the front; grey becomes colour where colour is wanted.</summary>
    /// <param name="image">The image.</param>
    /// <param name="shape">Channels, height, width wanted.</param>
    /// <param name="destination">Receives the values.</param>
    /// <param name="where">What errors call the image.</param>
    /// <exception cref="DataSetException">The image is in colour, and one channel is wanted.</exception>
    public static void Write(ImagePixels image, IReadOnlyList<int> shape, Span<float> destination, string where)
    {
        var channels = shape[0];
        if (image.Channels != channels && image.Channels != 1)
            throw new DataSetException($"{where}: the image has {image.Channels} channels, {channels} {(channels == 1 ? "is" : "are")} expected; store it in grey");
        var resized = BilinearResize.Apply(image, shape[2], shape[1]);
        var plane = shape[1] * shape[2];
        if (resized.Channels == channels)
        {
            PixelScale.ScaleToChannelsFirst(resized.Values, destination, channels);
            return;
        }

        for (var c = 0; c < channels; c++)
            PixelScale.Scale(resized.Values, destination.Slice(c * plane, plane));
    }
}
