using System.Text.Json;
using Ulrl.Training;

namespace Ulrl.Efficacy.Campaign;

/// <summary>Results of finished runs, one line of JSON each: a campaign that was cut off goes on after the last one.</summary>
internal sealed class ResultFile
{
    private readonly string path;
    private readonly Dictionary<(string Model, string Method, string Settings, string CleanSet, int Seed), Result> results = [];

    /// <summary>Opens a file; it need not exist.</summary>
    /// <exception cref="UlrlException">A line is no result.</exception>
    public ResultFile(string path)
    {
        this.path = path;
        if (!File.Exists(path)) return;
        var number = 0;
        foreach (var line in File.ReadLines(path))
        {
            number++;
            try
            {
                Keep(JsonSerializer.Deserialize<Result>(line) ?? throw new JsonException("null"));
            }
            catch (JsonException e)
            {
                throw new UlrlException($"'{path}', line {number} is no result ({e.Message}); remove the line.", e);
            }
        }
    }

    /// <summary>All results.</summary>
    public IReadOnlyCollection<Result> Results => results.Values;

    /// <summary>The result of a run; null where it has not been finished.</summary>
    public Result? Find(string model, string method, string settings, string cleanSet, int seed) =>
        results.GetValueOrDefault((model, method, settings, cleanSet, seed));

    /// <summary>Adds a result to the file.</summary>
    public void Add(Result result)
    {
        File.AppendAllText(path, JsonSerializer.Serialize(result) + "\n");
        Keep(result);
    }

    private void Keep(Result result) => results[(result.Model, result.Method, result.Settings, result.CleanSet, result.Seed)] = result;
}
