namespace Ulrl.Training;

/// <summary>An operator stands where a gradient must flow and has no gradient rule.</summary>
public sealed class UnsupportedOperatorException : InvalidModelException
{
    /// <summary>Creates the error for one node.</summary>
    /// <param name="nodeName">Name of the node, or of its first output where it has none.</param>
    /// <param name="operatorType">ONNX operator, for example <c>GridSample</c>.</param>
    /// <param name="domain">Operator domain; empty for the standard one.</param>
    /// <param name="opset">Opset version the model imports for that domain.</param>
    /// <param name="reason">Why it is refused and what to do, one clause.</param>
    public UnsupportedOperatorException(string nodeName, string operatorType, string domain, long opset, string reason)
        : base($"node '{nodeName}': operator {operatorType} (domain '{(domain.Length == 0 ? "ai.onnx" : domain)}', opset {opset}) cannot be trained through: {reason}")
    {
        NodeName = nodeName;
        OperatorType = operatorType;
        Domain = domain;
        Opset = opset;
    }

    /// <summary>Name of the refused node.</summary>
    public string NodeName { get; }

    /// <summary>ONNX operator type.</summary>
    public string OperatorType { get; }

    /// <summary>Operator domain; empty for the standard one.</summary>
    public string Domain { get; }

    /// <summary>Opset version the model imports for that domain.</summary>
    public long Opset { get; }
}
