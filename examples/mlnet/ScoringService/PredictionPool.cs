using Microsoft.Extensions.ObjectPool;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace ScoringService;

/// <summary>Prediction engines for many requests at once: an engine serves one thread at a time, the model behind them is shared.</summary>
internal sealed class PredictionPool : IDisposable
{
    private readonly MLContext context = new();
    private readonly ITransformer pipeline;
    private readonly ObjectPool<PredictionEngine<ImageInput, ImagePrediction>> engines;

    public PredictionPool(string path)
    {
        pipeline = context.Model.Load(path, out _);
        engines = new DefaultObjectPoolProvider().Create(new Policy(this));
        using var engine = Create();
        VBuffer<ReadOnlyMemory<char>> names = default;
        engine.OutputSchema["Probability"].GetSlotNames(ref names);
        ClassNames = [.. names.DenseValues().Select(n => n.ToString())];
    }

    public IReadOnlyList<string> ClassNames { get; }

    public ImagePrediction Predict(MLImage image)
    {
        var engine = engines.Get();
        try
        {
            return engine.Predict(new ImageInput { Image = image });
        }
        finally
        {
            engines.Return(engine);
        }
    }

    public void Dispose()
    {
        (engines as IDisposable)?.Dispose();
        (pipeline as IDisposable)?.Dispose();
    }

    private PredictionEngine<ImageInput, ImagePrediction> Create() =>
        context.Model.CreatePredictionEngine<ImageInput, ImagePrediction>(pipeline, new PredictionEngineOptions { OwnsTransformer = false });

    private sealed class Policy(PredictionPool pool) : PooledObjectPolicy<PredictionEngine<ImageInput, ImagePrediction>>
    {
        public override PredictionEngine<ImageInput, ImagePrediction> Create() => pool.Create();

        public override bool Return(PredictionEngine<ImageInput, ImagePrediction> obj) => true;
    }
}
