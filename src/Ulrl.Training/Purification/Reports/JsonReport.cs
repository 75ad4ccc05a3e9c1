using System.Text;
using System.Text.Json;
using Ulrl.Training.Evaluation;

namespace Ulrl.Training.Purification.Reports;

/// <summary>The report as JSON.</summary>
internal sealed class JsonReport
{
    /// <summary>Says how to read the document; counts up when a field changes its meaning.</summary>
    public const string Format = "ulrl-purification-report/1";

    private readonly Utf8JsonWriter json;

    private JsonReport(Utf8JsonWriter json) => this.json = json;

    public static string Write(PurificationReport report, EvaluationComparison? measured)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true }))
            new JsonReport(writer).Write(report, measured, report.Options);
        return Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length) + "\n";
    }

    private void Write(PurificationReport report, EvaluationComparison? measured, PurificationOptions options)
    {
        json.WriteStartObject();
        json.WriteString("format", Format);
        json.WriteString("model", report.Model);
        json.WriteString("cleanSamples", report.CleanSamples);
        json.WriteNumber("sampleCount", report.SampleCount);
        json.WriteString("engine", report.Engine);
        json.WriteString("device", report.Device);
        Object("classifier", () =>
        {
            json.WriteString("weight", report.Classifier.Weight);
            json.WriteString("bias", report.Classifier.Bias);
            json.WriteString("operator", report.Classifier.Operator);
            json.WriteString("node", report.Classifier.Node);
            json.WriteNumber("neurons", report.Classifier.Classes);
            json.WriteNumber("features", report.Classifier.Features);
        });
        json.WriteNumber("trainedInitializers", report.Parameters.Tensors);
        json.WriteNumber("trainedParameters", report.Parameters.Values);
        Array("suspiciousNeurons", report.SuspiciousNeurons, n => json.WriteNumberValue(n));
        Object("detection", () =>
        {
            Number("confidence", report.Detection.Confidence);
            json.WriteBoolean("backdoored", report.Detection.IsBackdoored);
            Array("neurons", report.Detection.Neurons, n => json.WriteNumberValue(n));
            Number("meanDominance", report.Detection.MeanDominance);
            Array("runs", report.Detection.Runs, r => Object(null, () =>
            {
                json.WriteNumber("neuron", r.Neuron);
                Number("weightChange", r.WeightChange);
                Number("medianChange", r.MedianChange);
                Number("dominance", r.Dominance);
            }));
            Array("reach", report.Detection.Reach, r => Object(null, () =>
            {
                json.WriteNumber("class", r.Class);
                Number("share", r.Share);
                json.WriteString("kind", r.Kind.ToString());
            }));
            if (report.Detection.ToNext is { } next)
            {
                Object("toNext", () =>
                {
                    Number("share", next.Share);
                    json.WriteString("kind", next.Kind.ToString());
                });
            }

            json.WriteBoolean("allToAll", report.Detection.IsAllToAll);
            if (report.Detection.Withheld is { } withheld)
            {
                Object("withheld", () =>
                {
                    json.WriteNumber("class", withheld.Class);
                    json.WriteNumber("missed", withheld.Missed);
                    json.WriteNumber("mistaken", withheld.Mistaken);
                    if (withheld.PeriodicReach is { } periodic) Number("periodicReach", periodic);
                });
            }
        });
        Number("cleanAccuracyBefore", report.AccuracyBefore);
        Number("cleanAccuracyAfter", report.AccuracyAfter);
        Array("warnings", report.Warnings, json.WriteStringValue);
        Measured(measured);
        Array("classes", report.Classes, c => Object(null, () =>
        {
            json.WriteNumber("class", c.Class);
            json.WriteNumber("samples", c.Samples);
            Number("accuracyBefore", c.Before);
            Number("accuracyAfter", c.After);
        }));
        Array("neurons", report.Neurons, n => Object(null, () =>
        {
            json.WriteNumber("neuron", n.Neuron);
            Number("weightChange", n.WeightChange);
            Number("zScore", n.ZScore);
            json.WriteBoolean("suspicious", n.IsSuspicious);
        }));
        Object("seconds", () =>
        {
            Number("preparation", report.PreparationSeconds);
            Number("unlearning", report.Unlearning.Seconds);
            Number("detection", report.DetectionSeconds);
            Number("relearning", report.Relearning.Seconds);
            Number("evaluation", report.EvaluationSeconds);
        });
        Phase("unlearning", report.Unlearning);
        Phase("relearning", report.Relearning);
        json.WriteNumber("perturbations", report.Perturbations);
        Number("perturbed", report.PerturbedShare);
        Number("displaced", report.DisplacedShare);
        Array("targetCorrections", report.TargetCorrections, c => Object(null, () =>
        {
            json.WriteNumber("class", c.Class);
            Number("logit", c.Logit);
        }));
        Object("settings", () => Settings(options));
        json.WriteEndObject();
    }

    private void Measured(EvaluationComparison? measured)
    {
        if (measured is null)
        {
            json.WriteNull("measured");
            return;
        }

        Object("measured", () =>
        {
            json.WriteString("cleanSamples", measured.CleanSamples);
            Evaluation("before", measured.Before);
            Evaluation("after", measured.After);
            Number("defenseEffectivenessRating", measured.Rating);
        });
    }

    private void Evaluation(string name, EvaluationResult result) => Object(name, () =>
    {
        json.WriteNumber("samples", result.Clean.Count);
        Number("cleanAccuracy", result.Clean.Accuracy);
        Number("meanCrossEntropy", result.Clean.MeanCrossEntropy);
        Array("classes", result.Clean.Classes, c => Object(null, () =>
        {
            json.WriteNumber("class", c.Class);
            json.WriteNumber("samples", c.Count);
            Number("accuracy", c.Accuracy);
        }));
        if (result.Attack is not { } attack)
            return;
        if (attack.Target is { } target)
            json.WriteNumber("target", target);
        else
            json.WriteNull("target");
        json.WriteNumber("triggeredSamples", attack.Count);
        Number("attackSuccessRate", attack.AttackSuccessRate);
        Number("robustAccuracy", attack.RobustAccuracy);
    });

    private void Phase(string name, PhaseReport phase) => Object(name, () => Array("epochs", phase.Epochs, e => Object(null, () =>
    {
        json.WriteNumber("epoch", e.Epoch);
        Number("learningRate", e.LearningRate);
        Number("accuracy", e.Accuracy);
        Array("losses", e.Losses, l => Number(null, l));
        Array("crossEntropies", e.CrossEntropies, l => Number(null, l));
    })));

    private void Settings(PurificationOptions options)
    {
        json.WriteNumber("batchSize", options.BatchSize);
        json.WriteNumber("unlearningRuns", options.UnlearningRuns);
        json.WriteBoolean("restoreBatchNorm", options.RestoreBatchNorm);
        json.WriteNumber("unlearningEpochs", options.UnlearningEpochs);
        Number("unlearningLearningRate", options.UnlearningLearningRate);
        Array("unlearningMilestones", options.UnlearningMilestones, json.WriteNumberValue);
        Number("unlearningGamma", options.UnlearningGamma);
        Number("unlearningWeightDecay", options.UnlearningWeightDecay);
        Number("unlearningClipNorm", options.UnlearningClipNorm);
        Number("cleanThreshold", options.CleanThreshold);
        Number("suspicionThreshold", options.SuspicionThreshold);
        json.WriteNumber("maxSuspiciousNeurons", options.MaxSuspiciousNeurons);
        json.WriteNumber("relearningEpochs", options.RelearningEpochs);
        json.WriteNumber("relearningBatches", options.RelearningBatches);
        Number("relearningLearningRate", options.RelearningLearningRate);
        Number("alpha", options.Alpha);
        json.WriteBoolean("reinitialize", options.Reinitialize);
        Number("perturbedShare", options.PerturbedShare);
        Number("mixedShare", options.MixedShare);
        Number("displacedShare", options.DisplacedShare);
        json.WriteBoolean("reflect", options.Reflect);
        Number("distillationWeight", options.DistillationWeight);
        Number("distillationTemperature", options.DistillationTemperature);
        Number("targetCorrection", options.TargetCorrection);
        Number("momentum", options.Momentum);
        json.WriteNumber("cropPadding", options.CropPadding);
        json.WriteBoolean("horizontalFlip", options.HorizontalFlip);
        json.WriteNumber("seed", options.Seed);
        json.WriteString("engine", options.Engine.Name);
        json.WriteString("device", options.Device.ToString());
        json.WriteNumber("threads", options.Threads);
        json.WriteString("classifier", options.Classifier);
        json.WriteString("outputName", options.OutputName);
    }

    private void Object(string? name, Action content)
    {
        if (name is null)
            json.WriteStartObject();
        else
            json.WriteStartObject(name);
        content();
        json.WriteEndObject();
    }

    private void Array<T>(string name, IEnumerable<T> items, Action<T> write)
    {
        json.WriteStartArray(name);
        foreach (var item in items)
            write(item);
        json.WriteEndArray();
    }

    private void Number(string? name, double? value)
    {
        if (name is not null)
            json.WritePropertyName(name);
        if (value is { } number && double.IsFinite(number))
            json.WriteNumberValue(number);
        else
            json.WriteNullValue();
    }

    // A float keeps its own shortest digits.
    private void Number(string? name, float value)
    {
        if (name is not null)
            json.WritePropertyName(name);
        if (float.IsFinite(value))
            json.WriteNumberValue(value);
        else
            json.WriteNullValue();
    }
}
