using Google.Protobuf.Collections;
using Ulrl.Training.Onnx.Proto;

namespace Ulrl.Training.Onnx;

/// <summary>
/// Checks the structure of a model whose external data have been read: opsets, graphs, local functions and tensors, as
/// the ONNX specification (IR.md) demands. Nothing in the model is changed.
/// </summary>
internal static class ModelChecker
{
    /// <summary>Oldest opset of the standard domain that is accepted.</summary>
    public const long OldestOpset = 7;

    /// <summary>Newest opset of the standard domain that is accepted.</summary>
    public const long NewestOpset = 23;

    /// <summary>The standard domain has two names; the empty one is used here.</summary>
    public static string Domain(string domain) => domain == "ai.onnx" ? "" : domain;

    /// <summary>Checks a model.</summary>
    /// <exception cref="InvalidModelException">The first fault that was found.</exception>
    public static void Check(ModelProto model)
    {
        if (model.IrVersion < 1)
            throw new InvalidModelException("it has no IR version; it is not an ONNX model or was exported wrongly.");
        if (model.Graph is null || model.Graph.Node.Count == 0)
            throw new InvalidModelException("its graph has no nodes; export the model again.");

        Dictionary<string, long> opsets = Opsets(model.OpsetImport, "the model");
        FunctionCalls.Check(model);
        foreach (FunctionProto function in model.Functions)
        {
            string owner = $"function '{function.Name}'";
            new GraphChecker(Opsets(function.OpsetImport, owner), owner).CheckFunction(function);
        }

        new GraphChecker(opsets, "the graph").CheckMain(model.Graph);
    }

    private static Dictionary<string, long> Opsets(RepeatedField<OperatorSetIdProto> imports, string owner)
    {
        var opsets = new Dictionary<string, long>(imports.Count, StringComparer.Ordinal);
        foreach (OperatorSetIdProto import in imports)
        {
            string domain = Domain(import.Domain);
            if (import.Version < 1)
                throw new InvalidModelException($"{owner} imports opset {import.Version} of domain '{domain}', which does not exist; export the model again.");
            if (!opsets.TryAdd(domain, import.Version) && opsets[domain] != import.Version)
                throw new InvalidModelException($"{owner} imports both opset {opsets[domain]} and {import.Version} of domain '{domain}'; export the model again.");
        }

        return opsets;
    }
}
