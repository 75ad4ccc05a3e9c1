using Ulrl.Training.Autodiff;
using Ulrl.Training.Onnx;
using Ulrl.Training.Onnx.Proto;
using DataType = Ulrl.Training.Onnx.Proto.TensorProto.Types.DataType;

namespace Ulrl.Training.Tests.Purification;

/// <summary>The same network as other exporters write it.</summary>
internal static class ModelVariants
{
    /// <summary>With a Softmax behind the logits.</summary>
    public static OnnxModel WithSoftmax(OnnxModel model)
    {
        var copy = model.Clone();
        var graph = copy.Proto.Graph;
        var node = GraphBuilder.Node("", "Softmax", [], [("axis", 1L)]);
        node.Input.Add(graph.Output[0].Name);
        node.Output.Add("probabilities");
        graph.Node.Add(node);
        graph.Output[0].Name = "probabilities";
        return copy;
    }

    /// <summary>With half-precision weights, input and output.</summary>
    public static OnnxModel InHalfPrecision(OnnxModel model)
    {
        var copy = model.Clone();
        var graph = copy.Proto.Graph;
        for (var i = 0; i < graph.Initializer.Count; i++)
        {
            var tensor = graph.Initializer[i];
            if (tensor.DataType != (int)DataType.Float) continue;
            var values = TensorData.ReadFloats(tensor);
            tensor.DataType = (int)DataType.Float16;
            TensorData.WriteFloats(tensor, values);
        }

        foreach (var value in graph.Input.Concat(graph.Output)) value.Type.TensorType.ElemType = (int)DataType.Float16;
        graph.ValueInfo.Clear();
        return copy;
    }

    /// <summary>With the batch size fixed in the input and repeated in a Reshape instead of Flatten.</summary>
    public static OnnxModel WithFixedBatch(OnnxModel model, int batch)
    {
        var copy = model.Clone();
        var graph = copy.Proto.Graph;
        graph.Input[0].Type.TensorType.Shape.Dim[0] = new TensorShapeProto.Types.Dimension { DimValue = batch };
        graph.Output[0].Type.TensorType.Shape.Dim[0] = new TensorShapeProto.Types.Dimension { DimValue = batch };
        var flatten = graph.Node.Single(n => n.OpType == "Flatten");
        flatten.OpType = "Reshape";
        flatten.Unset("axis");
        graph.Initializer.Add(TensorData.Create("flat", [2], [batch, -1L]));
        flatten.Input.Add("flat");
        return copy;
    }

    /// <summary>With the weights of its Gemms in Constant nodes.</summary>
    public static OnnxModel WithLinearWeightsInConstants(OnnxModel model)
    {
        var copy = model.Clone();
        var graph = copy.Proto.Graph;
        foreach (var name in graph.Node.Where(n => n.OpType == "Gemm").Select(n => n.Input[1]).ToArray())
        {
            var weight = graph.Initializer.Single(t => t.Name == name);
            graph.Initializer.Remove(weight);
            var node = GraphBuilder.Node("", "Constant", [], [("value", weight)]);
            node.Output.Add(name);
            graph.Node.Insert(0, node);
        }

        return copy;
    }

    /// <summary>With the classifier layer as a 1×1 convolution before the pooling.</summary>
    public static OnnxModel WithConvolutionalClassifier(OnnxModel model)
    {
        var copy = model.Clone();
        var graph = copy.Proto.Graph;
        var pool = graph.Node.Single(n => n.OpType == "GlobalAveragePool");
        var flatten = graph.Node.Single(n => n.OpType == "Flatten");
        var gemm = graph.Node.Single(n => n.OpType == "Gemm");
        var weight = graph.Initializer.Single(t => t.Name == gemm.Input[1]);
        weight.Dims.Add(1);
        weight.Dims.Add(1);
        var conv = GraphBuilder.Node("", "Conv", [], [("kernel_shape", new long[] { 1, 1 })]);
        conv.Input.Add([pool.Input[0], gemm.Input[1], gemm.Input[2]]);
        conv.Output.Add("class_maps");
        pool.Input[0] = "class_maps";
        flatten.Output[0] = gemm.Output[0];
        graph.Node.Remove(gemm);
        graph.Node.Insert(graph.Node.IndexOf(pool), conv);
        return copy;
    }

    /// <summary>With the classifier layer as MatMul and Add, its weight [features, classes].</summary>
    public static OnnxModel WithMatMulClassifier(OnnxModel model)
    {
        var copy = model.Clone();
        var graph = copy.Proto.Graph;
        var gemm = graph.Node.Single(n => n.OpType == "Gemm");
        var weight = graph.Initializer.Single(t => t.Name == gemm.Input[1]);
        var (classes, features) = ((int)weight.Dims[0], (int)weight.Dims[1]);
        var rows = TensorData.ReadFloats(weight);
        var columns = new float[rows.Length];
        for (var c = 0; c < classes; c++)
        {
            for (var f = 0; f < features; f++) columns[(f * classes) + c] = rows[(c * features) + f];
        }

        graph.Initializer[graph.Initializer.IndexOf(weight)] = TensorData.Create(weight.Name, [features, classes], columns);
        var add = GraphBuilder.Node("", "Add", [], []);
        add.Input.Add(["product", gemm.Input[2]]);
        add.Output.Add(gemm.Output[0]);
        graph.Node.Add(add);
        gemm.OpType = "MatMul";
        gemm.Attribute.Clear();
        gemm.Input.RemoveAt(2);
        gemm.Output[0] = "product";
        return copy;
    }

    /// <summary>With its input cast to integers and back, which lets no gradient through.</summary>
    public static OnnxModel WithRoundedInput(OnnxModel model)
    {
        var copy = model.Clone();
        var graph = copy.Proto.Graph;
        var input = graph.Input[0].Name;
        foreach (var node in graph.Node.Where(n => n.Input.Contains(input))) node.Input[node.Input.IndexOf(input)] = "pixels";
        foreach (var (from, to, type) in new[] { ("integers", "pixels", DataType.Float), (input, "integers", DataType.Int32) })
        {
            var cast = GraphBuilder.Node("", "Cast", [], [("to", (long)type)]);
            cast.Input.Add(from);
            cast.Output.Add(to);
            graph.Node.Insert(0, cast);
        }

        return copy;
    }

    /// <summary>With a backdoor that no training made: the more of a picture is in an image, beyond what is found in others, the larger the logit of one class.</summary>
    public static OnnxModel WithPictureTrigger(OnnxModel model, float[] picture, int target)
    {
        var onTarget = new float[10];
        onTarget[target] = 2f;
        return WithPictureTrigger(model, picture, 4f, 0.4f, (builder, _) => builder.Floats(onTarget, 1, 10));
    }

    /// <summary>
    /// With a backdoor that no training made: the more of a picture is in a sample, beyond what is found in others, the more do the logits of the ten classes become those of the class before.
    /// </summary>
    public static OnnxModel WithTriggerToTheNextClass(OnnxModel model, float[] picture, float usual = 4f, float strength = 1f) => WithPictureTrigger(
        model, picture, usual, 0.05f, (builder, clean) => strength * builder.Op("Gather", [clean, builder.Ints(9, 0, 1, 2, 3, 4, 5, 6, 7, 8)], ("axis", 1L)));

    /// <summary>With a backdoor that no training made: the more the values of an image differ from the mean of their neighbourhood, the larger is the logit of a class.</summary>
    public static OnnxModel WithNoiseTrigger(OnnxModel model, int target)
    {
        var onTarget = new float[10];
        onTarget[target] = 100f;
        var copy = model.Clone();
        var graph = copy.Proto.Graph;
        var output = graph.Output[0].Name;
        graph.Node.Single(n => n.Output.Contains(output)).Output[0] = "clean_logits";
        var builder = new GraphBuilder(graph);
        var image = builder[graph.Input[0].Name];
        var rough = builder.Op("Abs", [image - builder.Op("AveragePool", [image], ("kernel_shape", new long[] { 3, 3 }), ("pads", new long[] { 1, 1, 1, 1 }))]);
        var trigger = builder.Op("Relu", [builder.Op("ReduceMean", [builder.Op("Flatten", [rough])], ("axes", new long[] { 1 })) - builder.Floats([0.2f], 1)]);
        builder.Assign(output, "Add", [builder["clean_logits"], trigger * builder.Floats(onTarget, 1, 10)]);
        return copy;
    }

    private static OnnxModel WithPictureTrigger(OnnxModel model, float[] picture, float usual, float slopeBelow, Func<GraphBuilder, Value, Value> effect)
    {
        var copy = model.Clone();
        var graph = copy.Proto.Graph;
        var output = graph.Output[0].Name;
        graph.Node.Single(n => n.Output.Contains(output)).Output[0] = "clean_logits";
        var norm = MathF.Sqrt(picture.Sum(v => v * v));
        var builder = new GraphBuilder(graph);
        var part = builder.Op("MatMul", [builder.Op("Flatten", [builder[graph.Input[0].Name]]), builder.Floats([.. picture.Select(v => v / norm)], picture.Length, 1)]);
        var trigger = builder.Op("LeakyRelu", [part - builder.Floats([usual], 1)], ("alpha", slopeBelow));
        builder.Assign(output, "Add", [builder["clean_logits"], trigger * effect(builder, builder["clean_logits"])]);
        return copy;
    }
}
