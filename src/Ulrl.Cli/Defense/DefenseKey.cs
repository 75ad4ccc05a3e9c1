namespace Ulrl.Cli.Defense;

/// <summary>A setting of the published defence: a key of its YAML files and an option of its command line.</summary>
/// <param name="Name">Its name in both.</param>
/// <param name="Help">What the option takes.</param>
/// <param name="Description">What it means.</param>
/// <param name="IsUsed">Whether it changes anything here; the others are accepted, as published files have them.</param>
internal sealed record DefenseKey(string Name, string Help, string Description, bool IsUsed = true)
{
    /// <summary>All of them, in the order of the published files.</summary>
    public static IReadOnlyList<DefenseKey> All { get; } =
    [
        new("result_file", "NAME", "The record: its folder below record/."),
        new("dataset", "NAME", "The data set: cifar10, cifar100, gtsrb, mnist or tiny."),
        new("dataset_path", "FOLDER", "Folder with a folder for each data set; default data."),
        new("device", "DEVICE", "Where to compute: auto, cpu, cuda or cuda:N; default auto."),
        new("unlearning_epochs", "N", "Most epochs of unlearning; default 20."),
        new("unlearning_lr", "X", "Learning rate of unlearning; default 0.01."),
        new("lr_scheduler", "NAME", "Schedule of the unlearning rate: MultiStepLR, the only one."),
        new("steplr_gamma", "X", "Factor of the unlearning rate at each milestone; default 0.1."),
        new("steplr_milestones", "N N", "Epochs before which the unlearning rate is multiplied; default 10 20."),
        new("clean_threshold", "X", "Unlearning ends at this accuracy; default 0.2."),
        new("client_optimizer", "NAME", "Optimizer of unlearning: sgd, the only one."),
        new("sgd_momentum", "X", "Momentum of unlearning and relearning; default 0.9."),
        new("wd", "X", "Weight decay of unlearning; default 0.0005."),
        new("batch_size", "N", "Samples per batch; default 128."),
        new("frequency_save", "N", "Keep the model's state dict every so many epochs; 0, the default, for never."),
        new("model", "NAME", "Architecture of the record's model; by default the one that the record names."),
        new("linear_name", "NAME", "Layer whose rows are the neurons; found by itself when left empty."),
        new("random_seed", "N", "Seed of every random number; default 0."),
        new("index", "FILE", "Numbers of the clean training samples to use, instead of a random share."),
        new("ratio", "X", "Share of the clean training samples to use; default 0.01."),
        new("init", "true|false", "Whether suspicious neurons start relearning from random weights; default true."),
        new("relearn_epochs", "N", "Epochs of relearning; default 20."),
        new("relearn_lr", "X", "Learning rate of relearning, annealed to 0; default as published for the data set."),
        new("relearn_alpha", "X", "Weight of the cosine term of relearning; default as published for the data set."),
        new("num_classes", "N", "Accepted; the data set says it.", IsUsed: false),
        new("input_height", "N", "Accepted; the data set says it.", IsUsed: false),
        new("input_width", "N", "Accepted; the data set says it.", IsUsed: false),
        new("input_channel", "N", "Accepted; the data set says it.", IsUsed: false),
        new("amp", "true|false", "Accepted; training is in float32.", IsUsed: false),
        new("num_workers", "N", "Accepted; data are in memory.", IsUsed: false),
        new("pin_memory", "true|false", "Accepted; data are in memory.", IsUsed: false),
        new("non_blocking", "true|false", "Accepted; data are in memory.", IsUsed: false),
        new("prefetch", "true|false", "Accepted; data are in memory.", IsUsed: false),
        new("attack", "NAME", "Accepted; the record says it.", IsUsed: false),
        new("poison_rate", "X", "Accepted; the record says it.", IsUsed: false),
        new("target_type", "NAME", "Accepted; the record says it.", IsUsed: false),
        new("target_label", "N", "Accepted; the record says it.", IsUsed: false),
        new("trigger_type", "NAME", "Accepted; the record says it.", IsUsed: false),
    ];
}
