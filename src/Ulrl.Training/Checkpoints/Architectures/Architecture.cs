using System.Collections.Concurrent;
using System.Globalization;
using Ulrl.Training.Onnx;
using Ulrl.Training.Onnx.Proto;

namespace Ulrl.Training.Checkpoints.Architectures;

/// <summary>
/// A network as an ONNX graph whose weights carry PyTorch's state-dict names, so that a checkpoint's weights can be
/// bound to it, and what training makes of them can go back into the checkpoint.
/// </summary>
/// <remarks>
/// The networks are those that BackdoorBench trains: its pre-activation ResNets, and torchvision's with the last
/// layer replaced by one for the number of classes. Batch-norm and dropout stay nodes of their own, so that they train as
/// in PyTorch; stochastic depth (EfficientNet, ConvNeXt) is off, as in PyTorch's evaluation mode. The graph's input is
/// <c>input</c>, float32 [batch, channels, height, width]; its output <c>logits</c>, [batch, classes].
/// </remarks>
public sealed class Architecture
{
    private static readonly ConcurrentDictionary<string, (NetworkDefinition Definition, int[] InputShape)> Definitions = Known();

    // What wrappers put in front of the names: DataParallel, and BackdoorBench's Sequential(Resize, network).
    private static readonly string[] Prefixes = ["", "module.", "1.", "module.1."];

    private readonly NetworkBuilder network;

    private Architecture(string name, int classes, IReadOnlyList<int> inputShape, NetworkBuilder network)
    {
        Name = name;
        Classes = classes;
        InputShape = inputShape;
        this.network = network;
    }

    /// <summary>Names that <see cref="Create"/> knows, in alphabetical order.</summary>
    public static IReadOnlyList<string> Names => [.. Definitions.Keys.Order(StringComparer.Ordinal)];

    /// <summary>Name of the architecture, e.g. <c>preactresnet18</c>.</summary>
    public string Name { get; }

    /// <summary>Number of classes.</summary>
    public int Classes { get; }

    /// <summary>Shape of one input image: [channels, height, width].</summary>
    public IReadOnlyList<int> InputShape { get; }

    /// <summary>The state-dict entries that <see cref="Build"/> needs, in the order the network uses them.</summary>
    public IReadOnlyList<ArchitectureParameter> Parameters => network.Parameters;

    /// <summary>Prepares an architecture.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="classes">Number of classes, at least 2.</param>
    /// <param name="inputShape">Shape of one image, [channels, height, width]; the architecture's own (3×32×32, CIFAR's) when null.</param>
    /// <exception cref="ArchitectureException">The name is not known, or the network does not fit an image of that shape.</exception>
    public static Architecture Create(string name, int classes, IReadOnlyList<int>? inputShape = null)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (!Definitions.TryGetValue(name, out var known))
            throw new ArchitectureException($"architecture '{name}' is not known; choose one of {string.Join(", ", Names)}, or register it.");
        var shape = inputShape ?? known.InputShape;
        if (classes < 2)
            throw new ArchitectureException($"{name}: {classes} is no number of classes; give at least 2.");
        if (shape.Count != 3 || shape.Any(d => d is < 1 or > 4096))
            throw new ArchitectureException($"{name}: [{string.Join(',', shape)}] is no shape of an image; give channels, height and width, each from 1 to 4096.");
        var builder = new NetworkBuilder(name, shape);
        builder.Finish(known.Definition(builder, builder.Input, classes), classes);
        return new Architecture(name, classes, [.. shape], builder);
    }

    /// <summary>Adds an architecture of one's own, or replaces the one of that name.</summary>
    /// <param name="name">Name that <see cref="Create"/> will know it by.</param>
    /// <param name="definition">Writes its layers.</param>
    /// <param name="inputShape">Shape of an image where <see cref="Create"/> is given none; [3, 32, 32] when null.</param>
    public static void Register(string name, NetworkDefinition definition, IReadOnlyList<int>? inputShape = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(definition);
        Definitions[name] = (definition, inputShape is null ? [3, 32, 32] : [.. inputShape]);
    }

    /// <summary>Binds weights to the network.</summary>
    /// <param name="stateDict">
    /// Shape and row-major values of every entry. Batch counters (<c>num_batches_tracked</c>) are left out of the
    /// graph. All names may begin with <c>module.</c> or with <c>1.</c>, as DataParallel and BackdoorBench's resizing wrapper write them.
    /// </param>
    /// <returns>The model; its initializers are the entries of <paramref name="stateDict"/>, under the same names.</returns>
    /// <exception cref="ArchitectureException">Entries are missing, unexpected or of another shape; the message names them.</exception>
    public OnnxModel Build(IReadOnlyDictionary<string, (long[] Shape, float[] Values)> stateDict)
    {
        ArgumentNullException.ThrowIfNull(stateDict);
        var names = StateDictNames.Bind(this, network, Prefixes, stateDict);
        var graph = network.Graph.Clone();
        foreach (var node in graph.Node)
        {
            for (var i = 0; i < node.Input.Count; i++)
            {
                if (names.TryGetValue(node.Input[i], out var found)) node.Input[i] = found;
            }
        }

        foreach (var parameter in Parameters)
        {
            var (shape, values) = stateDict[names[parameter.Name]];
            graph.Initializer.Add(TensorData.Create(names[parameter.Name], shape, values.AsSpan()));
        }

        // IR version 8 came with opset 15 to 18, version 9 with 19 and 20.
        var proto = new ModelProto { IrVersion = network.Opset > 18 ? 9 : 8, ProducerName = "ulrl", Graph = graph };
        proto.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = network.Opset });
        return new OnnxModel(proto);
    }

    /// <inheritdoc/>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Name} with {Classes} classes for images of {string.Join('×', InputShape)}");

    private static ConcurrentDictionary<string, (NetworkDefinition, int[])> Known()
    {
        int[] cifar = [3, 32, 32];
        var known = new ConcurrentDictionary<string, (NetworkDefinition, int[])>(StringComparer.Ordinal);
        foreach (var (name, definition) in new (string, NetworkDefinition)[]
        {
            ("preactresnet18", PreActivationResNet.Basic(2, 2, 2, 2)),
            ("preactresnet34", PreActivationResNet.Basic(3, 4, 6, 3)),
            ("preactresnet50", PreActivationResNet.Bottleneck(3, 4, 6, 3)),
            ("resnet18", ResNet.Basic(2, 2, 2, 2)),
            ("resnet34", ResNet.Basic(3, 4, 6, 3)),
            ("resnet50", ResNet.Bottleneck(3, 4, 6, 3)),
            ("vgg19_bn", Vgg.BatchNorm(2, 2, 4, 4, 4)),
            ("vit_b_16", VisionTransformer.Base16),
            ("efficientnet_b3", EfficientNet.Scaled(1.2, 1.4, 0.3f)),
            ("mobilenet_v3_large", MobileNetV3.Large),
            ("densenet161", DenseNet.Of(96, 48, 6, 12, 36, 24)),
            ("convnext_tiny", ConvNext.Of([96, 192, 384, 768], [3, 3, 9, 3])),
        })
        {
            known[name] = (definition, cifar);
        }

        return known;
    }
}
