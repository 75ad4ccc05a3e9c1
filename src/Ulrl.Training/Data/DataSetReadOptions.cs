namespace Ulrl.Training.Data;

/// <summary>How <see cref="DataSetReader"/> reads a file.</summary>
public sealed record DataSetReadOptions
{
    /// <summary>Format of the file; default <see cref="DataSetFormat.Auto"/>.</summary>
    public DataSetFormat Format { get; init; }

    /// <summary>IDX: file of the labels; null (default) for the usual name beside the images.</summary>
    public string? LabelsPath { get; init; }
}
