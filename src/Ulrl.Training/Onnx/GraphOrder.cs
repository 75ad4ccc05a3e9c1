using Google.Protobuf.Collections;
using Ulrl.Training.Onnx.Proto;

namespace Ulrl.Training.Onnx;

/// <summary>Tells why a node's input is not there yet: nobody produces it, the nodes are not sorted, or they form a cycle.</summary>
internal static class GraphOrder
{
    /// <summary>The error for an input that no graph input, initializer or earlier node produces.</summary>
    /// <param name="nodes">All nodes of the graph.</param>
    /// <param name="user">The node.</param>
    /// <param name="input">Its input.</param>
    public static InvalidModelException Explain(RepeatedField<NodeProto> nodes, NodeProto user, string input)
    {
        var producers = new Dictionary<string, NodeProto>(StringComparer.Ordinal);
        foreach (NodeProto node in nodes)
        {
            foreach (string output in node.Output)
                producers.TryAdd(output, node);
        }

        if (!producers.TryGetValue(input, out NodeProto? producer))
            return new InvalidModelException($"{GraphChecker.Label(user)} uses '{input}', which no input, initializer or node produces; export the model again.");
        return ReachesItself(user, producers)
            ? new InvalidModelException($"{GraphChecker.Label(user)} depends on its own output by way of '{input}'; a graph must not have cycles, export the model again.")
            : new InvalidModelException($"{GraphChecker.Label(user)} uses '{input}' before {GraphChecker.Label(producer)} produces it; the nodes must be in topological order, export the model again.");
    }

    private static bool ReachesItself(NodeProto user, Dictionary<string, NodeProto> producers)
    {
        var seen = new HashSet<NodeProto>(ReferenceEqualityComparer.Instance);
        var pending = new Stack<NodeProto>();
        pending.Push(user);
        while (pending.TryPop(out NodeProto? node))
        {
            foreach (string input in node.Input)
            {
                if (!producers.TryGetValue(input, out NodeProto? producer))
                    continue;
                if (ReferenceEquals(producer, user))
                    return true;
                if (seen.Add(producer))
                    pending.Push(producer);
            }
        }

        return false;
    }
}
