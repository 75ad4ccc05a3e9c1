using static Ulrl.Training.Tests.Autodiff.Gradients.Operand;

namespace Ulrl.Training.Tests.Autodiff.Gradients;

public sealed class ConvolutionGradientTests
{
    private static readonly long[] Two = [2, 2];

    internal static readonly GradientCases Cases = Table();

    public static TheoryData<string> Names => Cases.Names;

    [Theory]
    [MemberData(nameof(Names))]
    public void Gradient_equals_finite_differences(string name) => Cases.Check(name);

    private static GradientCases Table()
    {
        var cases = new GradientCases().At(7, 11, 22)
            .Op("padded 3×3", "Conv", [Batch(2, 4, 4), Param(3, 2, 3, 3), Param(3)], ("pads", new long[] { 1, 1, 1, 1 }), ("kernel_shape", new long[] { 3, 3 }))
            .Op("everything at once", "Conv", [Batch(4, 6, 7), Param(4, 2, 2, 3), Param(4)], ("pads", new long[] { 1, 0, 2, 1 }), ("strides", new long[] { 2, 3 }), ("dilations", new long[] { 2, 1 }), ("group", 2L))
            .Op("everything at once", "ConvTranspose", [Batch(4, 3, 2), Param(4, 2, 2, 3), Param(4)], ("pads", new long[] { 1, 0, 0, 1 }), ("strides", new long[] { 2, 3 }), ("dilations", new long[] { 2, 1 }), ("group", 2L), ("output_padding", new long[] { 1, 2 }));

        cases.At(11)
            .Op("no attributes, no bias", "Conv", [Batch(2, 3, 4), Param(3, 2, 2, 2)])
            .Op("1×1", "Conv", [Batch(2, 2, 3), Param(3, 2, 1, 1), Param(3)])
            .Op("1×1 by strides of two", "Conv", [Batch(2, 4, 5), Param(3, 2, 1, 1), Param(3)], ("strides", Two))
            .Op("strides", "Conv", [Batch(2, 5, 6), Param(2, 2, 3, 3), Param(2)], ("strides", Two), ("pads", new long[] { 1, 1, 1, 1 }))
            .Op("strides that leave rows over", "Conv", [Batch(1, 6, 7), Param(2, 1, 3, 2)], ("strides", new long[] { 2, 3 }))
            .Op("strides longer than the kernel", "Conv", [Batch(1, 7, 7), Param(2, 1, 2, 2)], ("strides", new long[] { 3, 3 }))
            .Op("dilations", "Conv", [Batch(1, 6, 6), Param(2, 1, 3, 2)], ("dilations", new long[] { 2, 3 }), ("pads", new long[] { 1, 1, 1, 1 }))
            .Op("groups", "Conv", [Batch(4, 3, 3), Param(6, 2, 2, 2), Param(6)], ("group", 2L), ("pads", new long[] { 1, 1, 0, 0 }))
            .Op("depthwise", "Conv", [Batch(3, 4, 4), Param(3, 1, 3, 3), Param(3)], ("group", 3L), ("pads", new long[] { 1, 1, 1, 1 }))
            .Op("depthwise by strides", "Conv", [Batch(3, 5, 4), Param(3, 1, 3, 3)], ("group", 3L), ("pads", new long[] { 1, 1, 1, 1 }), ("strides", Two))
            .Op("depthwise, two filters per channel", "Conv", [Batch(3, 3, 3), Param(6, 1, 2, 2)], ("group", 3L))
            .Op("asymmetric pads", "Conv", [Batch(1, 4, 4), Param(2, 1, 3, 3)], ("pads", new long[] { 0, 2, 1, 0 }))
            .Op("pads wider than the kernel", "Conv", [Batch(1, 2, 2), Param(2, 1, 2, 2)], ("pads", new long[] { 2, 3, 1, 2 }))
            .Op("kernel as large as the input", "Conv", [Batch(2, 3, 4), Param(3, 2, 3, 4), Param(3)])
            .Op("SAME_UPPER", "Conv", [Batch(1, 5, 4), Param(2, 1, 2, 4)], ("auto_pad", "SAME_UPPER"))
            .Op("SAME_UPPER by strides", "Conv", [Batch(1, 5, 6), Param(2, 1, 3, 4)], ("auto_pad", "SAME_UPPER"), ("strides", Two))
            .Op("SAME_LOWER", "Conv", [Batch(1, 5, 4), Param(2, 1, 2, 4)], ("auto_pad", "SAME_LOWER"))
            .Op("SAME_LOWER by strides", "Conv", [Batch(1, 5, 6), Param(2, 1, 3, 4)], ("auto_pad", "SAME_LOWER"), ("strides", Two))
            .Op("VALID", "Conv", [Batch(1, 5, 4), Param(2, 1, 2, 3)], ("auto_pad", "VALID"), ("strides", Two))
            .Op("one dimension", "Conv", [Batch(2, 6), Param(3, 2, 3), Param(3)], ("pads", new long[] { 1, 1 }))
            .Op("one dimension, everything at once", "Conv", [Batch(4, 9), Param(4, 2, 3), Param(4)], ("pads", new long[] { 2, 1 }), ("strides", new long[] { 2 }), ("dilations", new long[] { 2 }), ("group", 2L))
            .Op("one dimension, SAME_UPPER by strides", "Conv", [Batch(1, 7), Param(2, 1, 4)], ("auto_pad", "SAME_UPPER"), ("strides", new long[] { 2 }))
            .Op("one dimension, depthwise", "Conv", [Batch(3, 6), Param(3, 1, 3), Param(3)], ("group", 3L))
            .Op("three dimensions", "Conv", [Batch(1, 3, 3, 3), Param(2, 1, 2, 2, 2), Param(2)], ("pads", new long[] { 1, 0, 0, 0, 1, 0 }))
            .Op("three dimensions, everything at once", "Conv", [Batch(2, 3, 4, 4), Param(2, 1, 2, 1, 2), Param(2)], ("strides", new long[] { 1, 2, 2 }), ("dilations", new long[] { 2, 1, 2 }), ("group", 2L), ("pads", new long[] { 0, 1, 0, 1, 0, 1 }))
            .Op("parameter for an image", "Conv", [Param(1, 2, 4, 4), Param(3, 2, 2, 2)])

            .Op("no attributes, no bias", "ConvTranspose", [Batch(2, 2, 3), Param(2, 3, 2, 2)])
            .Op("padded 3×3", "ConvTranspose", [Batch(2, 3, 3), Param(2, 3, 3, 3), Param(3)], ("pads", new long[] { 1, 1, 1, 1 }))
            .Op("upsampling by two", "ConvTranspose", [Batch(2, 3, 2), Param(2, 3, 2, 2), Param(3)], ("strides", Two))
            .Op("strides with gaps", "ConvTranspose", [Batch(1, 2, 3), Param(1, 2, 2, 2)], ("strides", new long[] { 3, 3 }))
            .Op("output padding", "ConvTranspose", [Batch(1, 3, 2), Param(1, 2, 3, 3), Param(2)], ("strides", Two), ("pads", new long[] { 1, 1, 1, 1 }), ("output_padding", new long[] { 1, 1 }))
            .Op("output padding without pads", "ConvTranspose", [Batch(1, 3, 2), Param(1, 2, 3, 3), Param(2)], ("strides", Two), ("output_padding", new long[] { 1, 0 }))
            .Op("dilations", "ConvTranspose", [Batch(1, 3, 3), Param(1, 2, 2, 3)], ("dilations", new long[] { 2, 1 }))
            .Op("groups", "ConvTranspose", [Batch(4, 2, 2), Param(4, 3, 2, 2), Param(6)], ("group", 2L))
            .Op("depthwise", "ConvTranspose", [Batch(3, 2, 3), Param(3, 1, 3, 2), Param(3)], ("group", 3L), ("strides", Two))
            .Op("asymmetric pads", "ConvTranspose", [Batch(1, 3, 3), Param(1, 2, 3, 3)], ("pads", new long[] { 0, 2, 1, 0 }), ("strides", Two))
            .Op("SAME_UPPER", "ConvTranspose", [Batch(1, 3, 2), Param(1, 2, 3, 4)], ("auto_pad", "SAME_UPPER"), ("strides", Two))
            .Op("SAME_LOWER", "ConvTranspose", [Batch(1, 3, 2), Param(1, 2, 3, 4)], ("auto_pad", "SAME_LOWER"), ("strides", Two))
            .Op("SAME_UPPER at stride one", "ConvTranspose", [Batch(1, 3, 2), Param(1, 2, 3, 2)], ("auto_pad", "SAME_UPPER"))
            .Op("VALID", "ConvTranspose", [Batch(1, 3, 2), Param(1, 2, 3, 2)], ("auto_pad", "VALID"), ("strides", Two))
            .Op("output shape", "ConvTranspose", [Batch(1, 3, 2), Param(1, 2, 3, 4)], ("output_shape", new long[] { 6, 5 }), ("strides", Two))
            .Op("output shape, SAME_UPPER", "ConvTranspose", [Batch(1, 3, 2), Param(1, 2, 4, 4)], ("output_shape", new long[] { 5, 5 }), ("auto_pad", "SAME_UPPER"), ("strides", Two))
            .Op("output shape, SAME_LOWER", "ConvTranspose", [Batch(1, 3, 2), Param(1, 2, 4, 4)], ("output_shape", new long[] { 5, 5 }), ("auto_pad", "SAME_LOWER"), ("strides", Two))
            .Op("one dimension", "ConvTranspose", [Batch(2, 4), Param(2, 3, 3), Param(3)], ("strides", new long[] { 2 }), ("pads", new long[] { 1, 0 }), ("output_padding", new long[] { 1 }))
            .Op("three dimensions", "ConvTranspose", [Batch(1, 2, 2, 2), Param(1, 2, 2, 3, 2), Param(2)], ("strides", new long[] { 2, 1, 2 }), ("pads", new long[] { 1, 1, 0, 0, 1, 1 }))
            .Op("parameter for an image", "ConvTranspose", [Param(1, 2, 3, 3), Param(2, 2, 2, 2)]);
        return cases;
    }
}
