using System.Globalization;
using Ulrl.Training.Autodiff;

namespace Ulrl.Training.Tests.Autodiff.Gradients;

/// <summary>A table of cases, each at every opset named last.</summary>
internal sealed class GradientCases
{
    private readonly Dictionary<string, GradientCase> cases = new(StringComparer.Ordinal);
    private long[] opsets = [18];

    public TheoryData<string> Names => [.. cases.Keys];

    public GradientCase this[string name] => cases[name];

    /// <summary>The opsets of the cases that follow.</summary>
    public GradientCases At(params long[] versions)
    {
        opsets = versions;
        return this;
    }

    /// <summary>One node with one output.</summary>
    public GradientCases Op(string note, string type, Operand[] operands, params (string Name, object Value)[] attributes) =>
        Ops(note, type, 1, operands, attributes);

    /// <summary>One node with several outputs, all of which flow to the loss.</summary>
    public GradientCases Ops(string note, string type, int outputs, Operand[] operands, params (string Name, object Value)[] attributes) =>
        Graph(note.Length == 0 ? type : $"{type}, {note}", g => g.Op(type, outputs, [.. operands.Select(g.Add)], attributes));

    /// <summary>Several nodes.</summary>
    public GradientCases Graph(string name, Func<CaseGraph, Value> build) => Graph(name, g => [build(g)]);

    public GradientCases Graph(string name, Func<CaseGraph, Value[]> build)
    {
        foreach (var opset in opsets) Add(new GradientCase(name, opset, build));
        return this;
    }

    /// <summary>A node whose training form is checked against a formula of elementary operators.</summary>
    public GradientCases Train(string name, Func<CaseGraph, Value> build, Func<CaseGraph, Value> reference)
    {
        foreach (var opset in opsets) Add(new GradientCase(name, opset, g => [build(g)]) { Reference = g => [reference(g)], Mode = NetworkMode.Train });
        return this;
    }

    /// <summary>Says which parameters of the last case must have a gradient of zero.</summary>
    public GradientCases WithZero(params string[] parameters)
    {
        foreach (var opset in opsets)
        {
            var last = cases.Keys.Last(k => k.EndsWith(Suffix(opset), StringComparison.Ordinal));
            cases[last] = cases[last] with { Zero = parameters };
        }

        return this;
    }

    public void Check(string name) => GradientCheck.Run(cases[name]);

    private static string Suffix(long opset) => string.Create(CultureInfo.InvariantCulture, $" (opset {opset})");

    private void Add(GradientCase added)
    {
        var name = added.Name + Suffix(added.Opset);
        cases.Add(name, added with { Name = name });
    }
}
