namespace Ulrl.Training.Data;

/// <summary>Decodes images of PNG and JPEG files, which are not trusted. The package Ulrl.Images has one.</summary>
public interface IImageDecoder
{
    /// <summary>Decodes one image; pixel values are those of the file, without colour management, and transparency is dropped.</summary>
    /// <param name="content">The whole file.</param>
    /// <param name="where">What errors call it.</param>
    /// <exception cref="DataSetException">It is no image, is damaged, or claims a size out of proportion.</exception>
    ImagePixels Decode(ReadOnlyMemory<byte> content, string where);
}
