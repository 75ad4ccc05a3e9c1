using Ulrl.Training;
using Ulrl.Training.Data;
using Ulrl.Training.Purification;
using Ulrl.Training.Runtime;

namespace Ulrl.Cli.Defense;

/// <summary>The settings of a defence.</summary>
/// <param name="Record">The record's folder below the folder of records, part by part.</param>
/// <param name="DataSet">The data set.</param>
/// <param name="DataFolder">Its folder.</param>
/// <param name="Model">Architecture asked for; null for the record's.</param>
/// <param name="LinearName">Layer whose rows are the neurons; null to find it.</param>
/// <param name="Index">File with the numbers of the clean samples; null for a random share.</param>
/// <param name="Ratio">That share.</param>
/// <param name="FrequencySave">Epochs between state dicts that are kept; 0 for none.</param>
/// <param name="Purification">The settings of the purification.</param>
internal sealed record DefenseSettings(
    string[] Record, BenchmarkDataSet DataSet, string DataFolder, string? Model, string? LinearName, string? Index, double Ratio, int FrequencySave, PurificationOptions Purification)
{
    // Keys of relearning as published; where another preset is asked for, those of the YAML file do not count.
    private static readonly string[] Relearning = ["relearn_epochs", "relearn_lr", "relearn_alpha", "init"];

    /// <summary>Reads the settings.</summary>
    /// <param name="commandLine">Options that were given.</param>
    /// <param name="yaml">Keys of the YAML file.</param>
    /// <param name="yamlPath">The file; null for none.</param>
    /// <param name="preset">Settings to start from.</param>
    /// <exception cref="UsageException">Names the setting that is missing or wrong.</exception>
    public static DefenseSettings Read(IReadOnlyDictionary<string, string> commandLine, IReadOnlyDictionary<string, string> yaml, string? yamlPath, PurificationPreset preset)
    {
        var counted = preset == PurificationPreset.Published ? yaml : yaml.Where(key => !Relearning.Contains(key.Key)).ToDictionary(StringComparer.Ordinal);
        var values = new DefenseValues(commandLine, counted, yamlPath);
        values.Only("lr_scheduler", "MultiStepLR");
        values.Only("client_optimizer", "sgd");
        var record = values.Text("result_file") ?? throw new UsageException("which record to defend is not said; give --result_file the name of its folder below record/.");
        var parts = record.Split('/', '\\');
        if (parts.Any(part => part is "" or "." or "..") || Path.IsPathRooted(record))
            throw values.Error("result_file", $"is '{record}'; it names a folder below record/, such as badnet_0_1");
        var dataSet = ReadDataSet(values);
        return new DefenseSettings(
            parts,
            dataSet,
            Path.Combine(values.Text("dataset_path") ?? "data", dataSet.Name),
            values.Text("model"),
            values.Text("linear_name"),
            values.Text("index"),
            values.Number("ratio", 0.01, 0, 1),
            values.Number("frequency_save", 0, 0, int.MaxValue),
            ReadPurification(values, PurificationOptions.Preset(preset, dataSet.Name)));
    }

    private static BenchmarkDataSet ReadDataSet(DefenseValues values)
    {
        var name = values.Text("dataset") ?? throw new UsageException($"the data set is not said; give --dataset one of {string.Join(", ", BenchmarkDataSet.Names)}.");
        return BenchmarkDataSet.Names.Contains(name)
            ? BenchmarkDataSet.FromName(name)
            : throw values.Error("dataset", $"is '{name}'; it is one of {string.Join(", ", BenchmarkDataSet.Names)}");
    }

    private static PurificationOptions ReadPurification(DefenseValues values, PurificationOptions start)
    {
        try
        {
            var settings = start with
            {
                BatchSize = values.Number("batch_size", start.BatchSize, 2, 65536),
                UnlearningEpochs = values.Number("unlearning_epochs", start.UnlearningEpochs, 1, 100_000),
                UnlearningLearningRate = values.Number("unlearning_lr", start.UnlearningLearningRate, 0, float.MaxValue),
                UnlearningGamma = values.Number("steplr_gamma", start.UnlearningGamma, 0, 1),
                UnlearningMilestones = values.Integers("steplr_milestones", start.UnlearningMilestones),
                UnlearningWeightDecay = values.Number("wd", start.UnlearningWeightDecay, 0, float.MaxValue),
                CleanThreshold = values.Number("clean_threshold", start.CleanThreshold, 0, 1),
                Momentum = values.Number("sgd_momentum", start.Momentum, 0, 1),
                Reinitialize = values.Truth("init", start.Reinitialize),
                RelearningEpochs = values.Number("relearn_epochs", start.RelearningEpochs, 1, 100_000),
                RelearningLearningRate = values.Number("relearn_lr", start.RelearningLearningRate, 0, float.MaxValue),
                Alpha = values.Number("relearn_alpha", start.Alpha, float.MinValue, float.MaxValue),
                Seed = values.Number("random_seed", 0, 0, int.MaxValue),
                Device = Device.Parse(values.Text("device") ?? "auto"),
            };
            settings.Validate();
            return settings;
        }
        catch (UlrlException e) when (e is not UsageException)
        {
            throw new UsageException(e.Message);
        }
    }
}
