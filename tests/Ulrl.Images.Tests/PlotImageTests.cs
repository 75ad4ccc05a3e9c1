using Ulrl.Training.Data;
using Ulrl.Training.Purification.Reports;

namespace Ulrl.Images.Tests;

public class PlotImageTests
{
    [Fact]
    public void A_plot_shows_its_lines_and_its_text()
    {
        var plot = new LinePlot("Results", "Epochs", "ACC", [new PlotSeries("Test ASR", [1, 0.5, double.NaN, 0]), new PlotSeries("Test RA", [0, 0.2, 0.4, 0.9])]);

        var image = Decode(plot);

        Assert.Equal((1280, 960), (image.Width, image.Height));
        Assert.True(Count(image, 0x25, 0x63, 0xC9) > 500);
        Assert.True(Count(image, 0x1C, 0x8A, 0x4B) > 500);
        // Without title, axis names and numbers nothing is of this colour.
        Assert.True(Count(image, 0x33, 0x33, 0x33) > 300);
        Assert.Equal(PlotImage.ToPng(plot), PlotImage.ToPng(plot));
    }

    [Fact]
    public void An_epoch_alone_and_values_that_are_not_finite_are_drawn()
    {
        var image = Decode(new LinePlot("Results", "Epochs", "Loss", [new PlotSeries("Train Loss", [3.5]), new PlotSeries("Test", [double.NaN])]));
        Assert.True(Count(image, 0x25, 0x63, 0xC9) > 50);
    }

    private static ImagePixels Decode(LinePlot plot) => new SkiaImageDecoder().Decode(PlotImage.ToPng(plot), "plot");

    private static int Count(ImagePixels image, byte red, byte green, byte blue)
    {
        var count = 0;
        for (var i = 0; i < image.Values.Length; i += 3)
        {
            if (image.Values[i] == red && image.Values[i + 1] == green && image.Values[i + 2] == blue)
                count++;
        }

        return count;
    }
}
