using Microsoft.ML.OnnxRuntime;
using Ulrl.Training.Data;
using Ulrl.Training.Onnx;
using Ulrl.Training.Runtime;

namespace Ulrl.Training.Purification;

/// <summary>Counts right answers.</summary>
internal static class CleanCheck
{
    public static int[] CorrectPerClass(OnnxModel model, string output, LabeledSamples clean, int classes, Device device, int threads)
    {
        using var session = OrtSessions.Open(model.ToBytes(), device, threads);
        using var options = new RunOptions();
        var correct = new int[classes];
        const int Batch = 100;
        for (var start = 0; start < clean.Count; start += Batch)
        {
            var n = Math.Min(Batch, clean.Count - start);
            using var value = OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, clean.Values.AsMemory(start * clean.SampleLength, n * clean.SampleLength), [n, .. clean.SampleShape.Select(d => (long)d)]);
            using var results = session.Run(options, [session.InputNames[0]], [value], [output]);
            var logits = results[0].GetTensorDataAsSpan<float>();
            for (var i = 0; i < n; i++)
            {
                var row = logits.Slice(i * classes, classes);
                var best = 0;
                for (var c = 1; c < classes; c++) if (row[c] > row[best]) best = c;
                if (best == clean.Labels[start + i]) correct[best]++;
            }
        }

        return correct;
    }
}
