namespace Ulrl.Training.Data;

/// <summary>
/// How much memory a file may ask for: a compressed file that expands far beyond what image data compress to
/// is an attack or damage, not data.
/// </summary>
internal static class MemoryBudget
{
    private const long Floor = 64L << 20;
    private const long Factor = 128;

    // Deflate cannot expand by more than 1032:1 (a match of 258 bytes takes at least 2 bits).
    private const long MaxDeflateRatio = 1032;

    /// <summary>Checks that decoding stays in proportion to the file.</summary>
    /// <param name="where">File, and entry, for the error.</param>
    /// <param name="elements">Number of values to decode.</param>
    /// <param name="storedBytes">Bytes per value once decompressed.</param>
    /// <param name="memoryBytes">Bytes per value in memory.</param>
    /// <param name="fileLength">Length of the file on disk, in bytes.</param>
    /// <exception cref="DataSetException">The data would be too large, or cannot be in the file.</exception>
    public static void Check(string where, long elements, int storedBytes, int memoryBytes, long fileLength)
    {
        if (elements > Array.MaxLength)
            throw new DataSetException($"{where}: {elements} values are more than one array can hold; use fewer samples");
        if (elements * storedBytes > fileLength * MaxDeflateRatio)
            throw new DataSetException($"{where}: the header asks for {elements * storedBytes} bytes, more than the file's {fileLength} can hold; the file is damaged");
        if (elements * memoryBytes > Floor + (Factor * fileLength))
            throw new DataSetException($"{where}: the header asks for {elements * memoryBytes} bytes of memory, out of proportion to the file's {fileLength}; store the data uncompressed if they are genuine");
    }
}
