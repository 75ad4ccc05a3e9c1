using System.Globalization;
using SkiaSharp;
using Ulrl.Training.Purification.Reports;

namespace Ulrl.Images;

/// <summary>Draws plots as images.</summary>
public static class PlotImage
{
    private const int Width = 1280;
    private const int Height = 960;
    private const float Left = 110;
    private const float Right = 40;
    private const float Top = 110;
    private const float Bottom = 90;
    private const float TextSize = 24;

    private static readonly SKColor Ink = new(0x33, 0x33, 0x33);
    private static readonly SKColor Grid = new(0xDD, 0xDD, 0xDD);

    // A font of its own: a server may have none.
    private static readonly SKTypeface Font = LoadFont();

    /// <summary>The plot as a PNG file of 1280 by 960 pixels.</summary>
    /// <param name="plot">The plot.</param>
    public static byte[] ToPng(LinePlot plot)
    {
        ArgumentNullException.ThrowIfNull(plot);
        using var bitmap = new SKBitmap(new SKImageInfo(Width, Height, SKColorType.Rgba8888, SKAlphaType.Opaque));
        using (var canvas = new SKCanvas(bitmap))
        {
            canvas.Clear(SKColors.White);
            new Drawing(canvas, plot).Draw();
        }

        using var encoded = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        return encoded.ToArray();
    }

    private static SKTypeface LoadFont()
    {
        using var stream = typeof(PlotImage).Assembly.GetManifestResourceStream("plot-font.ttf")!;
        return SKTypeface.FromStream(stream);
    }

    private sealed class Drawing(SKCanvas canvas, LinePlot plot)
    {
        private readonly IReadOnlyList<double> ticks = plot.Ticks;

        public void Draw()
        {
            Axes();
            for (var i = 0; i < plot.Series.Count; i++)
            {
                var color = SKColor.Parse(LinePlot.Colors[i % LinePlot.Colors.Count]);
                Line(plot.Series[i], color);
                Legend(plot.Series[i], color, i);
            }
        }

        private static float X(double epoch, int epochs) => (float)(Left + ((Width - Left - Right) * epoch / Math.Max(epochs - 1, 1)));

        private float Y(double value) => (float)(Height - Bottom - ((Height - Top - Bottom) * (value - ticks[0]) / (ticks[^1] - ticks[0])));

        private void Axes()
        {
            using var grid = new SKPaint { Color = Grid, StrokeWidth = 2 };
            foreach (var tick in ticks)
            {
                canvas.DrawLine(Left, Y(tick), Width - Right, Y(tick), grid);
                Text(tick.ToString("0.######", CultureInfo.InvariantCulture), Left - 14, Y(tick) + 8, SKTextAlign.Right);
            }

            var every = Math.Max(1, (int)Math.Ceiling(plot.Epochs / 20.0));
            for (var epoch = 0; epoch < plot.Epochs; epoch += every)
                Text(epoch.ToString(CultureInfo.InvariantCulture), X(epoch, plot.Epochs), Height - Bottom + 32, SKTextAlign.Center);
            Text(plot.Title, Width / 2f, 36, SKTextAlign.Center);
            Text(plot.XAxis, (Left + Width - Right) / 2, Height - 18, SKTextAlign.Center);
            Text(plot.YAxis, Left - 14, Top - 24, SKTextAlign.Right);
        }

        private void Line(PlotSeries series, SKColor color)
        {
            using var stroke = new SKPaint { Color = color, StrokeWidth = 4, IsAntialias = true, Style = SKPaintStyle.Stroke, StrokeJoin = SKStrokeJoin.Round };
            using var fill = new SKPaint { Color = color, IsAntialias = true };
            using var path = new SKPath();
            for (var epoch = 0; epoch < series.Values.Count; epoch++)
            {
                if (!double.IsFinite(series.Values[epoch]))
                    continue;
                var point = new SKPoint(X(epoch, plot.Epochs), Y(series.Values[epoch]));
                if (path.PointCount == 0)
                    path.MoveTo(point);
                else
                    path.LineTo(point);
                canvas.DrawCircle(point, 6, fill);
            }

            canvas.DrawPath(path, stroke);
        }

        private void Legend(PlotSeries series, SKColor color, int index)
        {
            const float Step = 275;
            using var stroke = new SKPaint { Color = color, StrokeWidth = 5 };
            var x = Left + (index % 4 * Step);
            var y = 62 + (index / 4 * 28);
            canvas.DrawLine(x, y, x + 36, y, stroke);
            Text(series.Name, x + 46, y + 8, SKTextAlign.Left);
        }

        private void Text(string text, float x, float y, SKTextAlign align)
        {
            using var paint = new SKPaint { Color = Ink, TextSize = TextSize, TextAlign = align, Typeface = Font, IsAntialias = true };
            canvas.DrawText(text, x, y, paint);
        }
    }
}
