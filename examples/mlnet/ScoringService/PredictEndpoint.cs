using Microsoft.ML.Data;

namespace ScoringService;

internal static class PredictEndpoint
{
    private const int MaxBytes = 4 << 20;

    public static async Task<IResult> Run(HttpRequest request, PredictionPool pool, CancellationToken cancellation)
    {
        if (request.ContentLength is null or 0 or > MaxBytes)
            return Results.Problem($"send an image file of at most {MaxBytes} bytes as the body", statusCode: StatusCodes.Status400BadRequest);
        var bytes = new byte[request.ContentLength.Value];
        await request.Body.ReadExactlyAsync(bytes, cancellation);
        using var stream = new MemoryStream(bytes);
        MLImage image;
        try
        {
            image = MLImage.CreateFromStream(stream);
        }
        catch (ArgumentException)
        {
            return Results.Problem("the body is no image file that can be read", statusCode: StatusCodes.Status400BadRequest);
        }

        using (image)
        {
            var prediction = pool.Predict(image);
            return Results.Ok(new
            {
                Class = prediction.PredictedClass,
                Probabilities = pool.ClassNames.Zip(prediction.Probability).ToDictionary(p => p.First, p => p.Second),
            });
        }
    }
}
