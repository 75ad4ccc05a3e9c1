using System.Numerics.Tensors;
using Microsoft.ML.OnnxRuntime;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Data;
using Ulrl.Training.Onnx;
using Ulrl.Training.Onnx.Proto;
using Ulrl.Training.Runtime;
using DataType = Ulrl.Training.Onnx.Proto.TensorProto.Types.DataType;

namespace Ulrl.Training.Purification;

/// <summary>
/// Gives convolutions a batch-norm for the time of the training. Exporters fold batch-norm into the convolution before it, and the
/// network that remains unlearns by other ways than the one its owner trained. The batch-norm starts from the mean and deviation of
/// each channel on the clean samples and changes nothing then; after the training it is folded again, so that the user's graph stays.
/// </summary>
internal sealed class BatchNormRestoration
{
    private const string Prefix = "ulrl/restored/";
    private const float Epsilon = 1e-5f;

    // What normalises by itself, and what no batch-norm stood before: token layouts, normalisations and attention written out.
    private static readonly HashSet<string> Excluding = new(StringComparer.Ordinal)
    {
        "BatchNormalization", "DepthToSpace", "Flatten", "GroupNormalization", "InstanceNormalization", "LayerNormalization", "LogSoftmax", "LRN", "Pow", "ReduceMean",
        "Reshape", "Softmax", "Squeeze", "Sub", "Transpose", "Unsqueeze",
    };

    private readonly IReadOnlyList<Convolution> convolutions;

    private BatchNormRestoration(OnnxModel given, IReadOnlyList<Convolution> convolutions, Statistics[] statistics)
    {
        this.convolutions = convolutions;
        Model = given.Clone();
        for (var i = 0; i < convolutions.Count; i++) Insert(convolutions[i], statistics[i]);
    }

    /// <summary>The model to train.</summary>
    public OnnxModel Model { get; }

    /// <summary>Restores what was folded.</summary>
    /// <param name="model">The model.</param>
    /// <param name="forward">The network in it.</param>
    /// <param name="probe">Shapes of its tensors.</param>
    /// <param name="layer">The classifier layer, which gets none.</param>
    /// <param name="clean">Samples to take the statistics from.</param>
    /// <param name="loader">Gives them as training sees them, augmented.</param>
    /// <param name="options">Batch size, threads.</param>
    /// <param name="device">Where to run the model.</param>
    /// <param name="cancellation">Stops between batches.</param>
    /// <returns>Null where no convolution lacks a batch-norm.</returns>
    public static BatchNormRestoration? Of(
        OnnxModel model, ForwardGraph forward, Probe probe, ClassifierLayer layer, LabeledSamples clean, BatchLoader loader, PurificationOptions options, Device device, CancellationToken cancellation)
    {
        var convolutions = Find(model, forward, probe, layer);
        return convolutions.Count == 0
            ? null
            : new BatchNormRestoration(model, convolutions, Measure(forward, probe, convolutions, clean, loader, options, device, cancellation));
    }

    /// <summary>A trained model in the form of the given one, its batch-norms folded.</summary>
    /// <param name="trained"><see cref="Model"/> with other values.</param>
    public OnnxModel Fold(OnnxModel trained)
    {
        var copy = trained.Clone();
        var graph = copy.Proto.Graph;
        var stored = graph.Initializer.ToDictionary(t => t.Name, StringComparer.Ordinal);
        var producers = graph.Node.SelectMany(n => n.Output.Select(o => (Output: o, Node: n))).ToDictionary(p => p.Output, p => p.Node, StringComparer.Ordinal);
        foreach (var convolution in convolutions)
        {
            float[] Take(string role)
            {
                var tensor = stored[convolution.Name(role)];
                graph.Initializer.Remove(tensor);
                return TensorData.ReadFloats(tensor);
            }

            var (scale, shift, mean, variance) = (Take("scale"), Take("shift"), Take("mean"), Take("variance"));
            var (weight, bias) = (TensorData.ReadFloats(stored[convolution.Weight]), TensorData.ReadFloats(stored[convolution.Bias]));
            var length = weight.Length / bias.Length;
            for (var c = 0; c < bias.Length; c++)
            {
                var factor = scale[c] / MathF.Sqrt(variance[c] + Epsilon);
                for (var k = 0; k < length; k++) weight[(c * length) + k] *= factor;
                bias[c] = ((bias[c] - mean[c]) * factor) + shift[c];
            }

            TensorData.WriteFloats(stored[convolution.Weight], weight);
            TensorData.WriteFloats(stored[convolution.Bias], bias);
            graph.Node.Remove(producers[convolution.Output]);
            producers[convolution.Name("convolution")].Output[0] = convolution.Output;
        }

        return copy;
    }

    private static List<Convolution> Find(OnnxModel model, ForwardGraph forward, Probe probe, ClassifierLayer layer)
    {
        var stored = model.Proto.Graph.Initializer.Where(t => t.DataType == (int)DataType.Float).Select(t => t.Name).ToHashSet(StringComparer.Ordinal);
        var readers = forward.Graph.Node
            .SelectMany(n => n.Input.Select(i => (Input: i, Node: n)))
            .ToLookup(u => u.Input, u => u.Node, StringComparer.Ordinal);
        bool IsOwn(string name) => stored.Contains(name) && forward.Trainable.Contains(name) && readers[name].Count() == 1;
        var outputs = model.Proto.Graph.Output.Select(o => o.Name).ToHashSet(StringComparer.Ordinal);
        var found = new List<Convolution>();
        foreach (var node in forward.Graph.Node.Where(n => n.OpType == "Conv" && n.IsStandard() && n.Input.Count == 3))
        {
            var (weight, bias, output) = (node.Input[1], node.Input[2], node.Output[0]);
            if (weight == layer.Weight || !IsOwn(weight) || !IsOwn(bias) || outputs.Contains(output)) continue;
            if (!readers[output].Any() || readers[output].Any(n => Excluding.Contains(n.OpType))) continue;

            // One value per sample, as in squeeze-and-excitation, is too little for the statistics of a batch.
            var shape = probe.Shape(output);
            if (shape[2..].All(d => d.IsFixed && d.Size == 1)) continue;
            found.Add(new Convolution(weight, bias, output, shape.Length));
        }

        return found;
    }

    private static Statistics[] Measure(
        ForwardGraph forward, Probe probe, List<Convolution> convolutions, LabeledSamples clean, BatchLoader loader, PurificationOptions options, Device device, CancellationToken cancellation)
    {
        var graph = forward.Graph.Clone();
        var b = new GraphBuilder(graph);
        TrainMode.Apply(b, probe, new BatchCount(b, forward.Io.InputName), portable: true, dropoutSeed: null);
        var names = new List<string>();
        foreach (var convolution in convolutions)
        {
            var x = b[convolution.Output];
            var axes = b.Ints([0, .. Enumerable.Range(2, convolution.Rank - 2).Select(a => (long)a)]);
            var mean = b.Op("ReduceMean", [x, axes], ("keepdims", 1L));
            var centred = x - mean;
            names.Add(b.Op("Reshape", [mean, b.Ints(-1)]).Name);
            names.Add(b.Op("ReduceMean", [centred * centred, axes], ("keepdims", 0L)).Name);
        }

        foreach (var name in names) b.Output(name, DataType.Float, -1);
        using var session = OrtSessions.Open(forward.ToModel(graph).ToBytes(), device, options.Threads);
        using var run = new RunOptions();
        var sums = convolutions.Select(_ => new Sums()).ToArray();
        foreach (var numbers in Enumerable.Range(0, clean.Count).Chunk(options.BatchSize))
        {
            cancellation.ThrowIfCancellationRequested();
            using var batch = OrtValue.CreateTensorValueFromMemory(
                OrtMemoryInfo.DefaultInstance, loader.Load(numbers).Values, [numbers.Length, .. clean.SampleShape.Select(d => (long)d)]);
            using var results = session.Run(run, [forward.Io.InputName], [batch], names);
            for (var i = 0; i < sums.Length; i++) sums[i].Add(results[2 * i].GetTensorDataAsSpan<float>(), results[(2 * i) + 1].GetTensorDataAsSpan<float>(), numbers.Length);
        }

        return [.. sums.Select(s => s.Total())];
    }

    // Behind a batch-norm the length of a channel's weights does not matter to the output, but the larger they are, the slower they train. What
    // folding has put into them goes back: length 1, about what training with weight decay leaves.
    private void Insert(Convolution convolution, Statistics statistics)
    {
        var graph = Model.Proto.Graph;
        var (weight, bias) = (Stored(graph, convolution.Weight), Stored(graph, convolution.Bias));
        var (weights, biases) = (TensorData.ReadFloats(weight), TensorData.ReadFloats(bias));
        var length = weights.Length / biases.Length;
        var (mean, variance, scale) = (new float[biases.Length], new float[biases.Length], new float[biases.Length]);
        for (var c = 0; c < biases.Length; c++)
        {
            var channel = weights.AsSpan(c * length, length);
            var norm = TensorPrimitives.Norm<float>(channel);
            if (!(norm > 0)) norm = 1f;
            TensorPrimitives.Divide(channel, norm, channel);
            biases[c] /= norm;
            mean[c] = statistics.Mean[c] / norm;
            variance[c] = statistics.Variance[c] / (norm * norm);
            scale[c] = norm * MathF.Sqrt(variance[c] + Epsilon);
        }

        TensorData.WriteFloats(weight, weights);
        TensorData.WriteFloats(bias, biases);

        var position = graph.Node.ToList().FindIndex(n => n.Output.Contains(convolution.Output));
        graph.Node[position].Output[0] = convolution.Name("convolution");
        var node = new NodeProto { OpType = "BatchNormalization", Name = convolution.Name("batch-norm") };
        node.Input.Add(convolution.Name("convolution"));
        node.Output.Add(convolution.Output);
        node.Set("epsilon", Epsilon);
        void Add(string role, float[] values)
        {
            graph.Initializer.Add(TensorData.Create(convolution.Name(role), [values.Length], values));
            node.Input.Add(convolution.Name(role));
        }

        Add("scale", scale);
        Add("shift", statistics.Mean);
        Add("mean", mean);
        Add("variance", variance);
        graph.Node.Insert(position + 1, node);
    }

    private static TensorProto Stored(GraphProto graph, string name) => graph.Initializer.First(t => t.Name == name);

    private sealed record Convolution(string Weight, string Bias, string Output, int Rank)
    {
        public string Name(string role) => $"{Prefix}{Output}/{role}";
    }

    private sealed record Statistics(float[] Mean, float[] Variance);

    // Mean and variance of all batches from those of each, in double precision.
    private sealed class Sums
    {
        private double[] mean = [];
        private double[] square = [];
        private int samples;

        public void Add(ReadOnlySpan<float> batchMean, ReadOnlySpan<float> batchVariance, int count)
        {
            if (samples == 0) (mean, square) = (new double[batchMean.Length], new double[batchMean.Length]);
            for (var c = 0; c < mean.Length; c++)
            {
                mean[c] += count * (double)batchMean[c];
                square[c] += count * (batchVariance[c] + ((double)batchMean[c] * batchMean[c]));
            }

            samples += count;
        }

        public Statistics Total() => new(
            [.. mean.Select(m => (float)(m / samples))],
            [.. mean.Zip(square, (m, s) => (float)Math.Max(0, (s / samples) - (m / samples * (m / samples))))]);
    }
}
