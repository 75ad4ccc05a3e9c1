using Microsoft.ML.OnnxRuntime;
using Ulrl.Training.Data;
using Ulrl.Training.Onnx;
using Ulrl.Training.Runtime;
using DataType = Ulrl.Training.Onnx.Proto.TensorProto.Types.DataType;

namespace Ulrl.Training.Evaluation;

/// <summary>
/// Measures a classifier on labelled samples, in batches, as it will serve: its own graph on ONNX Runtime. A final Softmax
/// is left out, since it changes no prediction; half and double precision inputs are converted; a fixed batch is padded.
/// </summary>
public sealed class Evaluator : IDisposable
{
    private readonly InferenceSession session;
    private readonly EvaluationForm form;
    private readonly string label;
    private readonly int batchSize;

    /// <summary>Opens a model.</summary>
    /// <param name="model">The classifier: one floating-point input, batch first; its first output is [batch, classes].</param>
    /// <param name="device">Where to compute; the CPU by default.</param>
    /// <param name="threads">CPU threads; 0, the default, for one per core.</param>
    /// <param name="batchSize">Samples per run, 1 or more; where the model fixes its batch, that counts. Default 128.</param>
    /// <param name="notice">Told in one line why <c>auto</c> took the CPU.</param>
    /// <param name="outputName">Output that holds the logits or probabilities; null, the default, for the first.</param>
    /// <exception cref="InvalidModelException">The model is no such classifier, or ONNX Runtime refuses it.</exception>
    /// <exception cref="DeviceException">The device cannot be used.</exception>
    public Evaluator(OnnxModel model, Device? device = null, int threads = 0, int batchSize = 128, Action<string>? notice = null, string? outputName = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        ArgumentOutOfRangeException.ThrowIfLessThan(batchSize, 1);
        label = model.Label;
        form = EvaluationForm.Of(model, outputName);
        this.batchSize = (int)(form.Io.FixedBatch ?? batchSize);
        var settled = OrtSessions.Resolve(device ?? Device.Cpu, notice);
        try
        {
            session = OrtSessions.Open(form.Model.ToBytes(), settled, threads);
        }
        catch (OnnxRuntimeException e)
        {
            throw new InvalidModelException($"{label}: ONNX Runtime does not accept the model ({OrtSessions.FirstLine(e.Message)}); export it anew.", e);
        }
    }

    /// <summary>Measures clean samples, and triggered ones where there are some.</summary>
    /// <param name="clean">Clean samples, normalised as the model expects.</param>
    /// <param name="triggered">Samples that carry the trigger, with their true labels.</param>
    /// <param name="target">The class that the trigger leads to; null for <see cref="LabeledSamples.Target"/>.</param>
    /// <param name="cancellationToken">Stops between and inside batches.</param>
    /// <exception cref="DataSetException">The samples do not fit the model, or the target is not known.</exception>
    /// <exception cref="InvalidModelException">The model fails on the samples.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public EvaluationResult Evaluate(
        LabeledSamples clean, LabeledSamples? triggered = null, int? target = null, CancellationToken cancellationToken = default)
    {
        var measured = EvaluateClean(clean, cancellationToken);
        return new EvaluationResult(measured, triggered is null ? null : EvaluateTriggered(triggered, target, cancellationToken));
    }

    /// <summary>Measures clean samples.</summary>
    /// <param name="samples">Clean samples, normalised as the model expects.</param>
    /// <param name="cancellationToken">Stops between and inside batches.</param>
    /// <exception cref="DataSetException">The samples do not fit the model.</exception>
    /// <exception cref="InvalidModelException">The model fails on the samples.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public CleanResult EvaluateClean(LabeledSamples samples, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(samples);
        var answers = Predict(samples, cancellationToken);
        var count = new int[answers.Classes];
        var correct = new int[answers.Classes];
        for (var i = 0; i < samples.Count; i++)
        {
            count[samples.Labels[i]]++;
            if (answers.Predicted[i] == samples.Labels[i])
                correct[samples.Labels[i]]++;
        }

        var classes = count.Select((n, c) => new ClassResult(c, n, correct[c])).ToArray();
        return new CleanResult(samples.Count, correct.Sum(), answers.CrossEntropy, classes, answers.Predicted);
    }

    /// <summary>Measures triggered samples.</summary>
    /// <param name="samples">Samples that carry the trigger, with their true labels, normalised as the model expects.</param>
    /// <param name="target">The class that the trigger leads to; null for <see cref="LabeledSamples.Target"/>.</param>
    /// <param name="cancellationToken">Stops between and inside batches.</param>
    /// <exception cref="DataSetException">The samples do not fit the model, the target is not known, or all samples are of the target's class.</exception>
    /// <exception cref="InvalidModelException">The model fails on the samples.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public AttackResult EvaluateTriggered(LabeledSamples samples, int? target = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(samples);
        var goal = target ?? samples.Target
            ?? throw new DataSetException($"{samples.Source}: no target is known; give the class that the trigger leads to");
        var others = samples.Labels.Count(l => l != goal);
        if (others == 0)
            throw new DataSetException($"{samples.Source}: all samples are of class {goal}, the target; triggered samples of other classes are needed");
        var answers = Predict(samples, cancellationToken);
        if (goal < 0 || goal >= answers.Classes)
            throw new DataSetException($"{samples.Source}: target is {goal}, the model has {answers.Classes} classes; it must be 0 to {answers.Classes - 1}");
        int toTarget = 0, toTrueClass = 0;
        for (var i = 0; i < samples.Count; i++)
        {
            if (samples.Labels[i] == goal)
                continue;
            if (answers.Predicted[i] == goal)
                toTarget++;
            else if (answers.Predicted[i] == samples.Labels[i])
                toTrueClass++;
        }

        return new AttackResult(goal, others, samples.Count - others, toTarget, toTrueClass, answers.Predicted);
    }

    /// <inheritdoc/>
    public void Dispose() => session.Dispose();

    /// <summary>The logits of every sample, [samples, classes].</summary>
    /// <param name="samples">Samples, normalised as the model expects.</param>
    /// <param name="cancellationToken">Stops between and inside batches.</param>
    /// <exception cref="DataSetException">The samples do not fit the model.</exception>
    /// <exception cref="InvalidModelException">The model fails on the samples.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    internal float[] Logits(LabeledSamples samples, CancellationToken cancellationToken = default)
    {
        var logits = new List<float>();
        Predict(samples, cancellationToken, logits.AddRange);
        return [.. logits];
    }

    private Answers Predict(LabeledSamples samples, CancellationToken cancellationToken, Action<ReadOnlySpan<float>>? batchDone = null)
    {
        CheckShape(samples);
        var predicted = new int[samples.Count];
        var crossEntropy = 0.0;
        var classes = 0;
        using var options = new RunOptions();
        using var registration = cancellationToken.Register(() => options.Terminate = true);
        for (var start = 0; start < samples.Count; start += batchSize)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var count = Math.Min(batchSize, samples.Count - start);
            var (logits, width) = Run(samples, start, count, options, cancellationToken);
            if (classes == 0)
            {
                classes = width;
                samples.CheckLabels(classes);
            }

            batchDone?.Invoke(logits.AsSpan(0, count * classes));
            for (var i = 0; i < count; i++)
            {
                var row = logits.AsSpan(i * classes, classes);
                predicted[start + i] = Largest(row, samples.Source, start + i);
                crossEntropy += CrossEntropy(row, row[predicted[start + i]], row[samples.Labels[start + i]]);
            }
        }

        return new Answers(predicted, crossEntropy / samples.Count, classes);
    }

    private (float[] Logits, int Classes) Run(LabeledSamples samples, int start, int count, RunOptions options, CancellationToken cancellationToken)
    {
        using var batch = Batch(samples, start, count, form.Io.FixedBatch is null ? count : batchSize);
        try
        {
            using var results = session.Run(options, [form.Io.InputName], [batch], [form.Io.Logits]);
            var shape = results[0].IsTensor ? results[0].GetTensorTypeAndShape().Shape : [];
            if (shape.Length != 2 || shape[0] < count || shape[1] < 2)
                throw new InvalidModelException($"{label}: output '{form.Io.OutputName}' answers {count} samples with shape [{string.Join(", ", shape)}]; a classifier's [batch, classes] is expected.");
            return (TensorValues.ReadFloats(results[0], form.Io.OutputName), (int)shape[1]);
        }
        catch (OnnxRuntimeException e)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw new InvalidModelException($"{label}: the model fails on {samples.Source} ({OrtSessions.FirstLine(e.Message)}).", e);
        }
    }

    // Full batches read the samples where they lie; a partial one of a fixed batch is padded with zeros.
    private OrtValue Batch(LabeledSamples samples, int start, int count, int rows)
    {
        var values = samples.Values.AsMemory(start * samples.SampleLength, count * samples.SampleLength);
        if (rows > count)
        {
            var padded = new float[checked(rows * samples.SampleLength)];
            values.Span.CopyTo(padded);
            values = padded;
        }

        return TensorValues.Create(values, [rows, .. samples.SampleShape.Select(d => (long)d)], form.Io.InputType);
    }

    private void CheckShape(LabeledSamples samples)
    {
        var expected = form.Io.SampleShape;
        var fits = expected.Count == samples.SampleShape.Length;
        for (var i = 0; fits && i < expected.Count; i++)
            fits = expected[i] < 0 || expected[i] == samples.SampleShape[i];
        if (!fits)
            throw new DataSetException($"{samples.Source}: samples have shape [{string.Join(", ", samples.SampleShape)}], input '{form.Io.InputName}' of the model takes [{string.Join(", ", expected.Select(d => d < 0 ? "?" : $"{d}"))}]; give samples of that shape");
    }

    private int Largest(ReadOnlySpan<float> row, string source, int sample)
    {
        var best = 0;
        for (var c = 0; c < row.Length; c++)
        {
            if (float.IsNaN(row[c]))
                throw new InvalidModelException($"{label}: the answer to sample {sample} of {source} is not a number; the model is broken, or the samples are far from what it expects.");
            if (row[c] > row[best])
                best = c;
        }

        return best;
    }

    private static double CrossEntropy(ReadOnlySpan<float> row, float largest, float right)
    {
        var sum = 0.0;
        foreach (var logit in row)
            sum += Math.Exp(logit - (double)largest);
        return Math.Log(sum) + largest - right;
    }

    private readonly record struct Answers(int[] Predicted, double CrossEntropy, int Classes);
}
