using Google.Protobuf.Collections;
using Ulrl.Training.Onnx.Proto;

namespace Ulrl.Training.Autodiff;

/// <summary>
/// A second copy of a network in the training graph: in inference form whatever the mode of training, its weights constants. The
/// runtime folds and lays these out at will. It reads an input of its own, so that it can be asked about other samples than the network trains on.
/// </summary>
internal static class GivenModel
{
    /// <summary>Begins the name of every tensor of the copy.</summary>
    public const string Prefix = "ulrl/given/";

    /// <summary>Name of the graph input that the copy reads, as the network's own in shape.</summary>
    public const string Values = "ulrl/given_values";

    /// <summary>Adds the copy to a training graph.</summary>
    /// <param name="b">Builder of the training graph.</param>
    /// <param name="forward">The network.</param>
    /// <param name="probe">Shapes of its tensors.</param>
    /// <returns>Logits of the copy.</returns>
    public static Value Emit(GraphBuilder b, ForwardGraph forward, Probe probe)
    {
        var copy = forward.Graph.Clone();
        CeilPools.Apply(copy, probe);
        var input = copy.Input.Single(i => i.Name == forward.Io.InputName);
        input.Name = Values;
        b.Graph.Input.Add(input);
        foreach (var tensor in copy.Initializer) tensor.Name = Prefix + tensor.Name;
        b.Graph.Initializer.AddRange(copy.Initializer);
        foreach (var node in copy.Node)
        {
            node.Name = "";
            Rename(node.Input, forward.Io.InputName);
            Rename(node.Output, forward.Io.InputName);
        }

        b.Graph.Node.AddRange(copy.Node);
        return b[Prefix + forward.Logits];
    }

    private static void Rename(RepeatedField<string> tensors, string input)
    {
        for (var i = 0; i < tensors.Count; i++)
        {
            if (tensors[i].Length > 0) tensors[i] = tensors[i] == input ? Values : Prefix + tensors[i];
        }
    }
}
