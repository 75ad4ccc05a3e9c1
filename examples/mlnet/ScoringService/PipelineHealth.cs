using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.ML.Data;

namespace ScoringService;

/// <summary>Healthy while the model answers with probabilities.</summary>
internal sealed class PipelineHealth(PredictionPool pool) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        using var black = MLImage.CreateFromPixels(32, 32, MLPixelFormat.Rgba32, new byte[32 * 32 * 4]);
        var sum = pool.Predict(black).Probability.Sum();
        return Task.FromResult(Math.Abs(sum - 1f) < 1e-3f
            ? HealthCheckResult.Healthy("the model answers")
            : HealthCheckResult.Unhealthy($"the probabilities add up to {sum}"));
    }
}
