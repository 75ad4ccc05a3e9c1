using Google.Protobuf;
using Ulrl.Training.Onnx;
using Ulrl.Training.Onnx.Proto;

namespace Ulrl.Training.Tests.Onnx;

/// <summary>Real models with seeded damage: loading succeeds or ends in one error of this library, and takes memory in proportion.</summary>
public class MutatedModelTests
{
    private const int FactorOfSize = 24;
    private const int Slack = 1 << 20;

    [Fact]
    public void Every_truncation_of_a_model_is_refused()
    {
        byte[] bytes = File.ReadAllBytes(TestFiles.ZooModel("attention_mlp"));
        for (int length = 0; length < bytes.Length; length += length < 2000 || length > bytes.Length - 200 ? 1 : 37)
            Assert.False(Loads(bytes.AsMemory(0, length), $"first {length} bytes"));
    }

    [Theory]
    [InlineData("attention_mlp", 3000)]
    [InlineData("vgg_slim", 1000)]
    [InlineData("densenet", 500)]
    [InlineData("vit", 500)]
    public void Damaged_bytes_load_or_are_refused(string name, int rounds)
    {
        byte[] bytes = File.ReadAllBytes(TestFiles.ZooModel(name));
        int loaded = 0;
        for (int seed = 0; seed < rounds; seed++)
        {
            var random = new Random(seed);
            loaded += Loads(Damage(bytes, random), $"{name}, seed {seed}") ? 1 : 0;
        }

        // Damage to weights alone is no fault of the structure; damage to the structure must be found.
        Assert.InRange(loaded, 1, rounds - 1);
    }

    [Fact]
    public void Damaged_structure_loads_or_is_refused()
    {
        // A model without weights to speak of: nearly every byte is structure.
        byte[] bytes = SmallModel.Create().ToByteArray();
        int loaded = 0;
        for (int seed = 0; seed < 4_000; seed++)
        {
            var random = new Random(seed);
            loaded += Loads(Damage(bytes, random), $"small model, seed {seed}") ? 1 : 0;
        }

        Assert.InRange(loaded, 1, 3_999);
    }

    [Fact]
    public void Models_of_exchanged_parts_load_or_are_refused()
    {
        ModelProto original = OnnxModel.Load(TestFiles.ZooModel("vit")).Proto;
        int loaded = 0;
        for (int seed = 0; seed < 500; seed++)
        {
            var random = new Random(seed);
            ModelProto model = original.Clone();
            for (int i = random.Next(1, 4); i > 0; i--)
                Exchange(model.Graph, random);
            loaded += Loads(model.ToByteArray(), $"vit exchanged, seed {seed}") ? 1 : 0;
        }

        Assert.InRange(loaded, 1, 499);
    }

    private static void Exchange(GraphProto graph, Random random)
    {
        NodeProto node = graph.Node[random.Next(graph.Node.Count)];
        NodeProto other = graph.Node[random.Next(graph.Node.Count)];
        TensorProto tensor = graph.Initializer[random.Next(graph.Initializer.Count)];
        switch (random.Next(8))
        {
            case 0 when node.Input.Count > 0 && other.Output.Count > 0:
                node.Input[random.Next(node.Input.Count)] = other.Output[0];
                break;
            case 1 when node.Output.Count > 0:
                node.Output[0] = other.Output.Count > 0 ? other.Output[0] : "";
                break;
            case 2:
                graph.Node.Remove(node);
                break;
            case 3:
                graph.Node.Add(node.Clone());
                break;
            case 4 when tensor.Dims.Count > 0:
                tensor.Dims[random.Next(tensor.Dims.Count)] = random.NextInt64(-2, long.MaxValue);
                break;
            case 5:
                tensor.DataType = random.Next(-1, 30);
                break;
            case 6:
                tensor.DataLocation = TensorProto.Types.DataLocation.External;
                break;
            default:
                tensor.Name = graph.Initializer[random.Next(graph.Initializer.Count)].Name;
                break;
        }
    }

    private static byte[] Damage(byte[] original, Random random)
    {
        var bytes = new List<byte>(original);
        for (int i = random.Next(1, 6); i > 0; i--)
        {
            int at = random.Next(bytes.Count);
            int length = Math.Min(random.Next(1, 64), bytes.Count - at);
            switch (random.Next(6))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 2:
                    bytes.RemoveRange(at, Math.Min(length, bytes.Count - 1));
                    break;
                case 3:
                    bytes.InsertRange(random.Next(bytes.Count), bytes.GetRange(at, length));
                    break;
                case 4:
                    for (int k = 0; k < length; k++)
                        bytes[at + k] = 0xFF;
                    break;
                default:
                    bytes.RemoveRange(at, Math.Min(bytes.Count - at, bytes.Count - 1));
                    break;
            }
        }

        return [.. bytes];
    }

    private static bool Loads(ReadOnlyMemory<byte> bytes, string what)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        bool loaded = true;
        try
        {
            OnnxModel model = OnnxModel.Load(bytes);
            // What is described and saved must not fail either.
            Assert.NotNull(string.Join(' ', model.Inputs) + string.Join(' ', model.Outputs) + string.Join(' ', model.Initializers) + model.Opsets.Count);
        }
        catch (InvalidModelException e)
        {
            loaded = false;
            Assert.DoesNotContain('\n', e.Message);
        }

        long taken = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(taken <= ((long)FactorOfSize * bytes.Length) + Slack, $"{what}: {bytes.Length} bytes took {taken}");
        return loaded;
    }
}
