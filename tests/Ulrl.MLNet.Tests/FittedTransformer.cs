using Microsoft.ML;

namespace Ulrl.MLNet.Tests;

/// <summary>One transformer with every column, for all the tests that only score.</summary>
public sealed class FittedTransformer : IDisposable
{
    public FittedTransformer()
    {
        Context = new MLContext(seed: 1);
        Estimator = Context.Transforms.PurifyBackdoor(Example.QuickOptions(o =>
        {
            o.ProbabilityColumnName = "Probability";
            o.PredictedLabelColumnName = "PredictedLabel";
            o.ClassNames = Example.ClassNames;
            o.ScoringBatchSize = 7;
        }));
        Clean = Example.View(Context, Example.Clean.Take(100));
        Test = Example.View(Context, Example.Test.Take(40));
        Transformer = Estimator.Fit(Clean);
        Scored = Transformer.Transform(Test);
    }

    public MLContext Context { get; }

    public PurifyBackdoorEstimator Estimator { get; }

    public PurifyBackdoorTransformer Transformer { get; }

    public IDataView Clean { get; }

    /// <summary>40 test samples, no multiple of the scoring batch size.</summary>
    public IDataView Test { get; }

    public IDataView Scored { get; }

    public void Dispose() => Transformer.Dispose();
}
