namespace Ulrl.TorchSharp.Export;

/// <summary>Sizes per direction, which TorchSharp leaves out or gives once for all.</summary>
internal static class Sizes
{
    /// <summary>One size for each direction.</summary>
    public static long[] Of(long[]? given, int directions, long otherwise) => given switch
    {
        null or [] => Of(otherwise, directions),
        [var one] when directions > 1 => Of(one, directions),
        _ => given,
    };

    /// <summary>The sizes given, or else others.</summary>
    public static long[] Of(long[]? given, long[] otherwise) => given is null or [] ? otherwise : Of(given, otherwise.Length, 0);

    public static long[] Of(long size, int directions)
    {
        var sizes = new long[directions];
        Array.Fill(sizes, size);
        return sizes;
    }
}
