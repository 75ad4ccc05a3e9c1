using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Image;

namespace ScoringService;

internal sealed class ImageInput
{
    /// <summary>An image of any size; the pipeline brings it to 32 by 32.</summary>
    [ImageType(32, 32)]
    public MLImage? Image { get; set; }
}
