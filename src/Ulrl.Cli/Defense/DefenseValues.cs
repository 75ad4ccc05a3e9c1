using System.Globalization;
using System.Numerics;

namespace Ulrl.Cli.Defense;

/// <summary>The values of the defence's keys as text: the command line beats the YAML file, and an empty value is unset.</summary>
/// <param name="commandLine">Options that were given.</param>
/// <param name="yaml">Keys of the file.</param>
/// <param name="yamlPath">The file; null for none.</param>
internal sealed class DefenseValues(IReadOnlyDictionary<string, string> commandLine, IReadOnlyDictionary<string, string> yaml, string? yamlPath)
{
    /// <summary>Keys of the file that the defence does not have, in the order of the file.</summary>
    public IEnumerable<string> Unknown => yaml.Keys.Where(key => !DefenseKey.All.Any(known => known.Name == key));

    /// <summary>The value; null where it is unset.</summary>
    public string? Text(string key) => Given(key).Value is { Length: > 0 } value ? value : null;

    /// <summary>A number within a range.</summary>
    public T Number<T>(string key, T otherwise, T least, T most)
        where T : struct, INumber<T> => Text(key) switch
    {
        null => otherwise,
        { } text when T.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most => number,
        { } text => throw Error(key, string.Create(CultureInfo.InvariantCulture, $"takes a number from {least} to {most}, not '{text}'")),
    };

    /// <summary>A truth value, as YAML and Python write them.</summary>
    public bool Truth(string key, bool otherwise) => Text(key)?.ToUpperInvariant() switch
    {
        null => otherwise,
        "TRUE" or "YES" or "ON" or "1" => true,
        "FALSE" or "NO" or "OFF" or "0" => false,
        _ => throw Error(key, $"takes true or false, not '{Text(key)}'"),
    };

    /// <summary>A list of numbers of 0 or more.</summary>
    public IReadOnlyList<int> Integers(string key, IReadOnlyList<int> otherwise) => Text(key) is not { } text
        ? otherwise
        : [.. text.Split([' ', ','], StringSplitOptions.RemoveEmptyEntries).Select(item => int.TryParse(item, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw Error(key, $"takes integers such as 10 20, not '{text}'"))];

    /// <summary>One of a few values.</summary>
    public void Only(string key, params ReadOnlySpan<string> allowed)
    {
        if (Text(key) is { } text && !allowed.Contains(text))
            throw Error(key, $"is '{text}'; {string.Join(" or ", allowed.ToArray())} is what the defence has here");
    }

    /// <summary>An error that names the key where it was set.</summary>
    public UsageException Error(string key, string what) =>
        new($"{(Given(key).IsOption ? "--" + key : yamlPath is null ? key : $"'{yamlPath}': {key}")} {what}.");

    private (string? Value, bool IsOption) Given(string key) =>
        commandLine.TryGetValue(key, out var option) ? (option, true) : (yaml.GetValueOrDefault(key), false);
}
