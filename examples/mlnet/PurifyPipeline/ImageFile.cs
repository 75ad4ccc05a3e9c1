namespace PurifyPipeline;

internal sealed class ImageFile
{
    public string File { get; set; } = "";

    public string ClassName { get; set; } = "";
}
