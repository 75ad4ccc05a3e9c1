using Ulrl.Training.Onnx.Proto;

namespace Ulrl.Training.Autodiff;

/// <summary>Attribute access by name, with the operator's default.</summary>
internal static class NodeAttributes
{
    public static AttributeProto? Find(this NodeProto node, string name)
    {
        foreach (var attribute in node.Attribute)
        {
            if (attribute.Name == name) return attribute;
        }

        return null;
    }

    public static long Int(this NodeProto node, string name, long otherwise) => node.Find(name)?.I ?? otherwise;

    public static float Float(this NodeProto node, string name, float otherwise) => node.Find(name)?.F ?? otherwise;

    public static string Text(this NodeProto node, string name, string otherwise) => node.Find(name)?.S.ToStringUtf8() ?? otherwise;

    public static long[]? Ints(this NodeProto node, string name) => node.Find(name) is { } found ? [.. found.Ints] : null;

    public static void Set(this NodeProto node, string name, object value)
    {
        node.Unset(name);
        node.Attribute.Add(GraphBuilder.Attribute(name, value));
    }

    public static void Unset(this NodeProto node, string name)
    {
        if (node.Find(name) is { } found) node.Attribute.Remove(found);
    }

    /// <summary>The node's name, or its first output's where it has none.</summary>
    public static string Label(this NodeProto node) =>
        node.Name.Length > 0 ? node.Name : node.Output.Count > 0 ? node.Output[0] : node.OpType;

    public static bool IsStandard(this NodeProto node) => node.Domain is "" or "ai.onnx";
}
