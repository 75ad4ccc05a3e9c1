using System.Globalization;
using Microsoft.ML.OnnxRuntime;
using TorchSharp;
using TorchSharp.Modules;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Onnx;
using Ulrl.Training.Runtime;
using static TorchSharp.torch;
using Call = Ulrl.TorchSharp.Export.ModuleCall;
using DataType = Ulrl.Training.Onnx.Proto.TensorProto.Types.DataType;

namespace Ulrl.TorchSharp.Export;

/// <summary>
/// Compares what every module computes on the example with what its nodes compute. Forward hooks take the modules' outputs; a module
/// that its owner runs by <c>forward</c>, past the hooks, is run again on the input that its nodes had.
/// </summary>
internal static class LiveCheck
{
    /// <exception cref="OnnxExportException">The first module, in the order of the forward pass, that differs.</exception>
    public static void Run(nn.Module root, Tensor example, OnnxModel model, OnnxGraph graph)
    {
        var options = graph.Options;
        var hooks = new List<Action>();
        var outputs = new Dictionary<nn.Module, List<Tensor>>(ReferenceEqualityComparer.Instance);
        Tensor Keep(nn.Module module, Tensor output)
        {
            if (!outputs.TryGetValue(module, out var kept)) outputs[module] = kept = [];
            kept.Add(output.clone());
            return output;
        }

        Tensor result;
        try
        {
            foreach (var module in graph.Calls.Select(c => c.Module).Distinct())
            {
                if (Hook(module, Keep) is { } remove) hooks.Add(remove);
            }

            result = Forward(root, example);
        }
        finally
        {
            foreach (var remove in hooks) remove();
        }

        using var nodes = new GraphRun(model, graph, example);
        var taken = new Dictionary<nn.Module, int>(ReferenceEqualityComparer.Instance);
        foreach (var call in graph.Calls)
        {
            var turn = taken.GetValueOrDefault(call.Module);
            taken[call.Module] = turn + 1;
            var expected = outputs.TryGetValue(call.Module, out var kept) ? kept.ElementAtOrDefault(turn) ?? throw CalledMoreOften(call, kept.Count) : Again(call, nodes);
            if (expected is not null) Compare(Describe(call), expected, nodes.Values(call.Output.Value.Name), options);
        }

        Compare("the module", result, nodes.Values(options.OutputName), options);
    }

    private static Action? Hook(nn.Module module, Func<nn.Module, Tensor, Tensor> keep) => module switch
    {
        nn.Module<Tensor, Tensor> one => one.register_forward_hook((m, _, y) => keep(m, y)).remove,
        TransformerEncoder encoder => encoder.register_forward_hook((m, _, _, _, y) => keep(m, y)).remove,
        MultiheadAttention attention => attention.register_forward_hook((m, _, _, _, _, _, _, y) =>
        {
            keep(m, y.Item1);
            return y;
        }).remove,
        Bilinear bilinear => bilinear.register_forward_hook((m, _, _, y) => keep(m, y)).remove,
        _ => null,
    };

    private static Tensor Forward(nn.Module root, Tensor example) => root switch
    {
        nn.Module<Tensor, Tensor> one => one.call(example),
        TransformerEncoder encoder => encoder.call(example),
        _ => throw new OnnxExportException($"a {OnnxGraph.TypeName(root)} does not map one tensor to another; wrap it in a module of your own that does and implements IOnnxExportable."),
    };

    private static Tensor? Again(Call call, GraphRun nodes)
    {
        if (call.Inputs is [var input] && call.Module is nn.Module<Tensor, Tensor> module) return module.call(nodes.Tensor(input.Value.Name));
        return call.Module is TransformerEncoder encoder ? encoder.call(nodes.Tensor(call.Inputs[0].Value.Name)) : null;
    }

    private static void Compare(string what, Tensor expected, float[] actual, OnnxExportOptions options)
    {
        var live = ModuleState.Floats(expected);
        if (live.Length != actual.Length)
            throw new OnnxExportException($"{what} gives {live.Length} values on the example and its ONNX nodes {actual.Length}; correct how it is written.");
        for (var i = 0; i < live.Length; i++)
        {
            var same = live[i].Equals(actual[i]) || Math.Abs(live[i] - actual[i]) <= options.Tolerance * Math.Max(1, Math.Abs(live[i]));
            if (!same)
                throw new OnnxExportException(string.Create(CultureInfo.InvariantCulture, $"{what} gives {live[i]:G6} on the example where its ONNX nodes give {actual[i]:G6} (element {i}); correct how it is written, or what it is written with."));
        }
    }

    private static OnnxExportException CalledMoreOften(Call call, int count) =>
        new($"{Describe(call)} runs {count} times in the forward pass and more often in what is written; correct how the module around it is written.");

    private static string Describe(Call call) => call.Path.Length == 0 ? "the module" : $"module '{call.Path}' ({OnnxGraph.TypeName(call.Module)})";
}
