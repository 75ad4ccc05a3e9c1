namespace Ulrl.Training.Data;

/// <summary>Images in files of their own, decoded when they are asked for.</summary>
internal sealed class ImageFiles(ContainedFolder folder, IReadOnlyList<(string[] Parts, int Label)> files, IImageDecoder? decoder)
    : LabeledImages($"'{folder.Path}'")
{
    /// <inheritdoc/>
    public override int Count => files.Count;

    /// <inheritdoc/>
    public override int Label(int index) => files[index].Label;

    /// <inheritdoc/>
    public override ImagePixels Image(int index) => ImageFile.Read(folder, files[index].Parts, decoder);
}
