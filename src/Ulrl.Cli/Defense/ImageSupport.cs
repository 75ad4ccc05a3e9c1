#if ULRL_IMAGES
using Ulrl.Images;
#endif
using Ulrl.Training.Data;
using Ulrl.Training.Purification.Reports;

namespace Ulrl.Cli.Defense;

/// <summary>What depends on SkiaSharp; without it images are refused in one line, and plots are SVG alone.</summary>
internal static class ImageSupport
{
    /// <summary>Decodes PNG and JPEG; null without SkiaSharp.</summary>
    public static IImageDecoder? Decoder =>
#if ULRL_IMAGES
        new SkiaImageDecoder();
#else
        null;
#endif

    /// <summary>Draws a plot as PNG; null without SkiaSharp.</summary>
    public static Func<LinePlot, byte[]>? Draw =>
#if ULRL_IMAGES
        PlotImage.ToPng;
#else
        null;
#endif
}
