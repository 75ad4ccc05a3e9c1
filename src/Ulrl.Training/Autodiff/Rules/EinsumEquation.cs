namespace Ulrl.Training.Autodiff.Rules;

/// <summary>The equation of an Einsum node with its ellipses written out as indices and its output explicit.</summary>
/// <param name="Terms">Indices of every operand.</param>
/// <param name="Output">Indices of the result.</param>
internal sealed record EinsumEquation(string[] Terms, string Output)
{
    private const string Ellipsis = "...";

    public static EinsumEquation Of(GradientContext g)
    {
        var text = g.Text("equation", "").Replace(" ", "", StringComparison.Ordinal);
        var arrow = text.Split("->");
        var terms = arrow[0].Split(',');
        if (terms.Length != g.Inputs) throw g.Refuse($"its equation '{text}' does not name {g.Inputs} operands");
        var output = arrow.Length > 1 ? arrow[1] : Implicit(arrow[0]);
        if (text.Contains('.', StringComparison.Ordinal))
        {
            // Dimensions under an ellipsis line up from the right, as in numpy.
            var free = string.Concat("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".Where(c => !text.Contains(c, StringComparison.Ordinal)));
            var hidden = terms.Select((t, i) => t.Contains(Ellipsis, StringComparison.Ordinal) ? g.Rank(i) - (t.Length - Ellipsis.Length) : 0).ToArray();
            var names = free[..hidden.Max()];
            terms = [.. terms.Select((t, i) => t.Replace(Ellipsis, names[(names.Length - hidden[i])..], StringComparison.Ordinal))];
            output = output.Replace(Ellipsis, names, StringComparison.Ordinal);
        }

        return new EinsumEquation(terms, output);
    }

    /// <summary>Whether an index has a size other than one in any operand.</summary>
    public bool IsStretched(GradientContext g, char index) =>
        Terms.Where((term, i) => term.Select((c, axis) => c == index && !g.Shape(i)[axis].IsOne).Any(found => found)).Any();

    // Without an arrow: the ellipsis, then the indices that occur once in alphabetical order.
    private static string Implicit(string operands)
    {
        var once = operands.Where(char.IsLetter).GroupBy(c => c).Where(c => c.Count() == 1).Select(c => c.Key).Order();
        return (operands.Contains(Ellipsis, StringComparison.Ordinal) ? Ellipsis : "") + string.Concat(once);
    }
}
