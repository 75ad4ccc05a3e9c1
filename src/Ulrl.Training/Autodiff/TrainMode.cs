using Ulrl.Training.Onnx.Proto;

namespace Ulrl.Training.Autodiff;

/// <summary>Turns the inference form of batch-norm and dropout into their training form.</summary>
internal static class TrainMode
{
    /// <summary>Rewrites the graph in place.</summary>
    /// <param name="builder">Builder over the graph.</param>
    /// <param name="probe">Shapes of the graph.</param>
    /// <param name="batch">Element counts that grow with the batch.</param>
    /// <param name="portable">Whether batch-norm is spelled out in elementary nodes, for providers whose kernel has no training mode.</param>
    /// <param name="dropoutSeed">Seed of the dropout masks; null leaves dropout off.</param>
    public static TrainForm Apply(GraphBuilder builder, Probe probe, BatchCount batch, bool portable, int? dropoutSeed)
    {
        var nodes = builder.Graph.Node.ToArray();
        builder.Graph.Node.Clear();
        var form = new TrainForm();
        foreach (var node in nodes)
        {
            builder.Graph.Node.Add(node);
            if (!node.IsStandard()) continue;
            if (node.OpType == "Dropout" && dropoutSeed is { } seed) TurnOn(node, builder, seed + builder.Graph.Node.Count);
            else if (node.OpType == "BatchNormalization") Normalize(form, node, builder, probe.Shape(node.Input[0]), batch, portable);
        }

        return form;
    }

    private static void TurnOn(NodeProto node, GraphBuilder builder, int seed)
    {
        if (node.Input.Count < 2) node.Input.Add("");
        node.Input.Add(builder.Add(GraphBuilder.Tensor(TensorProto.Types.DataType.Bool, [], [1])).Name);
        node.Output.Add(builder.Fresh("mask"));
        node.Set("seed", (long)seed);
    }

    private static void Normalize(TrainForm form, NodeProto node, GraphBuilder b, Dim[] shape, BatchCount batch, bool portable)
    {
        var (runningMean, runningVariance) = (b[node.Input[3]], b[node.Input[4]]);
        var momentum = node.Float("momentum", 0.9f);
        var (mean, variance) = portable ? Decompose(node, b, shape) : Fused(node, b);
        form.BatchStatistics.Add(node.Output[0], (mean, variance));

        var count = batch.PerChannel(b[node.Input[0]], shape);
        var unbiased = variance * (count / b.Op("Max", [count - 1f, b.Scalar(1f)]));
        Value Blend(Value running, Value current) => (running * momentum) + (current * (1f - momentum));
        form.RunningStatistics.Add(new RunningStatistic(runningMean.Name, Blend(runningMean, mean)));
        form.RunningStatistics.Add(new RunningStatistic(runningVariance.Name, Blend(runningVariance, unbiased)));
    }

    // With momentum 0 the node gives the batch's own mean and population variance. The runtime writes them over the
    // buffers of its running statistics, so each node gets fresh ones; made from statistics that no other node has, they
    // are not merged as common subexpressions.
    private static (Value Mean, Value Variance) Fused(NodeProto node, GraphBuilder b)
    {
        b.Graph.Node.RemoveAt(b.Graph.Node.Count - 1);
        node.Input[3] = (-b[node.Input[3]]).Name;
        node.Input[4] = (-b[node.Input[4]]).Name;
        b.Graph.Node.Add(node);
        node.Set("momentum", 0f);
        node.Set("training_mode", 1L);
        var (mean, variance) = (b[b.Fresh("batch_mean")], b[b.Fresh("batch_variance")]);
        node.Output.Add(mean.Name);
        node.Output.Add(variance.Name);
        return (mean, variance);
    }

    // Batch statistics by reductions, then the node in inference form on them.
    private static (Value Mean, Value Variance) Decompose(NodeProto node, GraphBuilder b, Dim[] shape)
    {
        b.Graph.Node.RemoveAt(b.Graph.Node.Count - 1);
        var x = b[node.Input[0]];
        var axes = b.Ints([0, .. Enumerable.Range(2, shape.Length - 2).Select(i => (long)i)]);
        var mean = b.Op("ReduceMean", [x, axes], ("keepdims", 1L));
        var centred = x - mean;
        var variance = b.Op("ReduceMean", [centred * centred, axes], ("keepdims", 0L));
        mean = b.Op("Reshape", [mean, b.Ints(-1)]);
        node.Input[3] = mean.Name;
        node.Input[4] = variance.Name;
        b.Graph.Node.Add(node);
        return (mean, variance);
    }
}
