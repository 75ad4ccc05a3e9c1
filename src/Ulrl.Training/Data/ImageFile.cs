namespace Ulrl.Training.Data;

/// <summary>Reads one image file of a data set or record.</summary>
internal static class ImageFile
{
    // Far more than an image of the data sets has.
    private const int MostBytes = 16 << 20;

    /// <summary>Reads an image, told by its content: pixmaps here, PNG and JPEG by the decoder.</summary>
    /// <param name="folder">Folder that the file must lie in.</param>
    /// <param name="parts">Its name, below the folder.</param>
    /// <param name="decoder">For PNG and JPEG; null where there is none.</param>
    /// <exception cref="DataSetException">The file is missing, outside, damaged, or of a format that nothing here decodes.</exception>
    public static ImagePixels Read(ContainedFolder folder, IReadOnlyList<string> parts, IImageDecoder? decoder)
    {
        var content = folder.Read(MostBytes, parts);
        var where = $"'{Path.Combine([folder.Path, .. parts])}'";
        if (PortablePixmap.Detect(content))
            return PortablePixmap.Decode(content, where);
        return decoder is null
            ? throw new DataSetException($"{where}: PNG and JPEG images need a decoder; use Ulrl.Images, which is left out of the build where the package SkiaSharp does not resolve")
            : decoder.Decode(content, where);
    }
}
