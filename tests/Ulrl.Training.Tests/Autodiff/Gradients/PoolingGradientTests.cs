using static Ulrl.Training.Tests.Autodiff.Gradients.Operand;

namespace Ulrl.Training.Tests.Autodiff.Gradients;

public sealed class PoolingGradientTests
{
    private static readonly long[] Two = [2, 2];
    private static readonly long[] Three = [3, 3];
    private static readonly long[] Around = [1, 1, 1, 1];

    internal static readonly GradientCases Cases = Table();

    public static TheoryData<string> Names => Cases.Names;

    [Theory]
    [MemberData(nameof(Names))]
    public void Gradient_equals_finite_differences(string name) => Cases.Check(name);

    private static GradientCases Table()
    {
        var cases = new GradientCases().At(7, 22);
        foreach (var op in new[] { "MaxPool", "AveragePool" })
        {
            cases.Op("tiles", op, [Batch(2, 4, 4)], ("kernel_shape", Two), ("strides", Two))
                .Op("overlapping", op, [Batch(2, 4, 4)], ("kernel_shape", Three))
                .Op("overlapping by strides, padded", op, [Batch(1, 5, 6)], ("kernel_shape", Three), ("strides", Two), ("pads", Around))
                .Op("rows left over", op, [Batch(1, 5, 6)], ("kernel_shape", Two), ("strides", new long[] { 2, 4 }))
                .Op("asymmetric pads", op, [Batch(1, 4, 4)], ("kernel_shape", Three), ("pads", new long[] { 0, 2, 1, 1 }))
                .Op("padded at stride one", op, [Batch(1, 4, 3)], ("kernel_shape", Three), ("pads", Around))
                .Op("SAME_UPPER", op, [Batch(1, 5, 4)], ("kernel_shape", new long[] { 2, 3 }), ("strides", Two), ("auto_pad", "SAME_UPPER"))
                .Op("SAME_LOWER", op, [Batch(1, 5, 4)], ("kernel_shape", new long[] { 2, 3 }), ("strides", Two), ("auto_pad", "SAME_LOWER"))
                .Op("SAME_UPPER at stride one", op, [Batch(1, 5, 4)], ("kernel_shape", new long[] { 2, 4 }), ("auto_pad", "SAME_UPPER"))
                .Op("VALID", op, [Batch(1, 5, 4)], ("kernel_shape", Two), ("strides", Two), ("auto_pad", "VALID"))
                .Op("one dimension", op, [Batch(2, 7)], ("kernel_shape", new long[] { 3 }), ("strides", new long[] { 2 }), ("pads", new long[] { 1, 1 }))
                .Op("three dimensions", op, [Batch(1, 3, 4, 3)], ("kernel_shape", new long[] { 2, 2, 2 }), ("strides", new long[] { 1, 2, 1 }))
                .Op("window over the whole input", op, [Batch(2, 3, 3)], ("kernel_shape", Three));
        }

        cases.Op("padding counted", "AveragePool", [Batch(1, 5, 6)], ("kernel_shape", Three), ("strides", Two), ("pads", Around), ("count_include_pad", 1L))
            .Op("padding counted at stride one", "AveragePool", [Batch(1, 4, 3)], ("kernel_shape", Three), ("pads", new long[] { 1, 0, 2, 1 }), ("count_include_pad", 1L))
            .Op("", "GlobalAveragePool", [Batch(2, 3, 4)])
            .Op("", "GlobalMaxPool", [Batch(2, 3, 4)])
            .Op("one dimension", "GlobalAveragePool", [Batch(2, 5)])
            .Op("three dimensions", "GlobalMaxPool", [Batch(2, 2, 2, 2)]);
        cases.At(10, 19);
        foreach (var op in new[] { "MaxPool", "AveragePool" })
        {
            cases.Op("rounded up", op, [Batch(1, 5, 6)], ("kernel_shape", Two), ("strides", new long[] { 2, 4 }), ("ceil_mode", 1L))
                .Op("rounded up, overlapping", op, [Batch(1, 6, 5)], ("kernel_shape", Three), ("strides", Two), ("ceil_mode", 1L))
                .Op("rounded up, padded", op, [Batch(1, 6, 7)], ("kernel_shape", Three), ("strides", Two), ("pads", Around), ("ceil_mode", 1L));
        }

        cases.Graph("MaxPool, rounded up, without the window that lies in the padding", g => g.Op("Tanh", [g.Op("MaxPool", [g.Add(Batch(1, 3, 5))], ("kernel_shape", Two), ("strides", Two), ("pads", Around), ("ceil_mode", 1L))]))
            .Graph("AveragePool, rounded up, without the window that lies in the padding", g => g.Op("Tanh", [g.Op("AveragePool", [g.Add(Batch(1, 3, 5))], ("kernel_shape", Two), ("strides", Two), ("pads", Around), ("ceil_mode", 1L))]));
        cases.Op("rounded up, padding counted", "AveragePool", [Batch(1, 6, 7)], ("kernel_shape", Three), ("strides", Two), ("pads", Around), ("ceil_mode", 1L), ("count_include_pad", 1L))
            .Op("dilations", "MaxPool", [Batch(1, 6, 5)], ("kernel_shape", Two), ("dilations", new long[] { 2, 3 }))
            .Op("dilations by strides, padded", "MaxPool", [Batch(1, 6, 6)], ("kernel_shape", Three), ("dilations", Two), ("strides", Two), ("pads", Around))
            .Ops("indices asked for as well", "MaxPool", 1, [Batch(1, 4, 4)], ("kernel_shape", Two), ("strides", Two));
        return cases.At(19, 22)
            .Op("dilations", "AveragePool", [Batch(1, 6, 5)], ("kernel_shape", Two), ("dilations", new long[] { 2, 3 }))
            .Op("dilations by strides, padded", "AveragePool", [Batch(1, 6, 6)], ("kernel_shape", Three), ("dilations", Two), ("strides", Two), ("pads", Around))
            .Op("dilations, padding counted, rounded up", "AveragePool", [Batch(1, 6, 7)], ("kernel_shape", Two), ("dilations", Two), ("strides", Two), ("pads", Around), ("count_include_pad", 1L), ("ceil_mode", 1L));
    }
}
