using static Ulrl.Training.Tests.Autodiff.Gradients.Operand;

namespace Ulrl.Training.Tests.Autodiff.Gradients;

public sealed class ResizeGradientTests
{
    private static readonly string[] Coordinates = ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"];
    private static readonly string[] Roundings = ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"];

    private static readonly Operand NoRoi = Floats([0]);
    private static readonly Operand NoScales = Floats([0]);

    internal static readonly GradientCases Cases = Table();

    public static TheoryData<string> Names => Cases.Names;

    [Theory]
    [MemberData(nameof(Names))]
    public void Gradient_equals_finite_differences(string name) => Cases.Check(name);

    private static GradientCases Table()
    {
        var cases = new GradientCases().At(7, 8)
            .Op("nearest", "Upsample", [Batch(1, 2, 3)], ("scales", new[] { 1f, 1f, 2f, 3f }))
            .Op("linear", "Upsample", [Batch(1, 2, 3)], ("scales", new[] { 1f, 1f, 2f, 2f }), ("mode", "linear"));
        cases.At(9)
            .Op("nearest", "Upsample", [Batch(1, 2, 3), Scales(1, 1, 2, 3)])
            .Op("linear", "Upsample", [Batch(1, 2, 3), Scales(1, 1, 2, 1.5f)], ("mode", "linear"));
        cases.At(10)
            .Op("nearest", "Resize", [Batch(1, 4, 3), Scales(1, 1, 0.5f, 2)])
            .Op("linear", "Resize", [Batch(1, 4, 3), Scales(1, 1, 0.6f, 2)], ("mode", "linear"));
        cases.At(11, 19);
        foreach (var coordinates in Coordinates)
        {
            cases.Op($"linear, {coordinates}", "Resize", [Batch(1, 4, 3), NoRoi, Scales(1, 1, 0.6f, 2)], ("mode", "linear"), ("coordinate_transformation_mode", coordinates))
                .Op($"linear to sizes, {coordinates}", "Resize", [Param(1, 1, 4, 3), NoRoi, NoScales, Ints(1, 1, 7, 1)], ("mode", "linear"), ("coordinate_transformation_mode", coordinates));
        }

        cases.At(11, 18);
        foreach (var coordinates in Coordinates)
        {
            foreach (var rounding in Roundings)
            {
                cases.Op($"nearest, {coordinates}, {rounding}", "Resize", [Batch(1, 4, 3), NoRoi, Scales(1, 1, 0.6f, 2)], ("coordinate_transformation_mode", coordinates), ("nearest_mode", rounding))
                    .Op($"nearest to sizes, {coordinates}, {rounding}", "Resize", [Param(1, 1, 5, 4), NoRoi, NoScales, Ints(1, 1, 7, 3)], ("coordinate_transformation_mode", coordinates), ("nearest_mode", rounding));
            }
        }

        cases.At(13, 18, 23)
            .Op("nearest by default", "Resize", [Batch(1, 2, 3), Absent, Scales(1, 1, 2, 2)])
            .Op("one dimension, linear", "Resize", [Batch(2, 5), Absent, Scales(1, 1, 1.7f)], ("mode", "linear"))
            .Op("three dimensions, linear", "Resize", [Batch(1, 2, 2, 3), Absent, Scales(1, 1, 2, 1.5f, 2)], ("mode", "linear"));
        cases.At(18, 19, 23)
            .Op("given axes", "Resize", [Batch(1, 4, 3), Absent, Scales(2, 1.5f)], ("axes", new long[] { 3, 2 }), ("mode", "linear"))
            .Op("sizes of given axes", "Resize", [Batch(1, 4, 3), Absent, Absent, Ints(6, 5)], ("axes", new long[] { 2, 3 }))
            .Op("not larger", "Resize", [Batch(1, 4, 3), Absent, Absent, Ints(6, 6)], ("axes", new long[] { 2, 3 }), ("mode", "linear"), ("keep_aspect_ratio_policy", "not_larger"))
            .Op("not smaller", "Resize", [Batch(1, 4, 3), Absent, Absent, Ints(6, 6)], ("axes", new long[] { 2, 3 }), ("mode", "linear"), ("keep_aspect_ratio_policy", "not_smaller"));
        return cases.At(19, 23)
            .Op("linear, half_pixel_symmetric", "Resize", [Batch(1, 4, 3), Absent, Scales(1, 1, 0.6f, 2)], ("mode", "linear"), ("coordinate_transformation_mode", "half_pixel_symmetric"))
            .Op("nearest, half_pixel_symmetric", "Resize", [Batch(1, 4, 3), Absent, Scales(1, 1, 0.6f, 2)], ("coordinate_transformation_mode", "half_pixel_symmetric"));
    }

    private static Operand Scales(params float[] scales) => Floats([scales.Length], scales);
}
