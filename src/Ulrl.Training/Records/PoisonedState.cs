using Ulrl.Training.Data;

namespace Ulrl.Training.Records;

/// <summary>Reads what <c>prepro_cls_DatasetBD_v2.retrieve_state</c> saves, as the restricted pickle reader gives it.</summary>
/// <param name="folder">The record's folder.</param>
/// <param name="name">File and entry, for errors.</param>
internal sealed class PoisonedState(ContainedFolder folder, string name)
{
    private const int MostParts = 8;

    /// <summary>The poisoned data set.</summary>
    /// <param name="state">The state.</param>
    /// <param name="imagesFolder">BackdoorBench's name of the folder with its images, where the state names no other.</param>
    /// <param name="classes">Number of classes.</param>
    public PoisonedImages Read(object? state, string imagesFolder, int classes)
    {
        if (state is not IReadOnlyDictionary<object, object?> set)
            throw Malformed("is no saved data set");
        var order = Integers(Item(set, "original_index_array"), "original_index_array");
        var indicator = Integers(Item(set, "poison_indicator"), "poison_indicator");
        if (Item(set, "bd_data_container") is not IReadOnlyDictionary<object, object?> container || Item(container, "data_dict") is not IReadOnlyDictionary<object, object?> stored)
            throw Malformed("has no bd_data_container with a data_dict");
        if (order.Length > indicator.Length)
            throw Malformed($"lists {order.Length} samples of a data set of {indicator.Length}");
        var saved = (Item(container, "save_folder_path") as string ?? Item(set, "save_folder_path") as string)?.Split('/', '\\').LastOrDefault(part => part.Length > 0);
        var images = new PoisonedImage[order.Length];
        for (var i = 0; i < images.Length; i++)
        {
            if (order[i] < 0 || order[i] >= indicator.Length)
                throw Malformed($"lists sample {order[i]} of a data set of {indicator.Length}");
            var index = (int)order[i];
            images[i] = indicator[index] switch
            {
                0 => new PoisonedImage(index, null, null, null),
                1 => Stored(stored, index, saved ?? imagesFolder, classes),
                _ => throw Malformed($"marks sample {index} by {indicator[index]} instead of 0 or 1"),
            };
        }

        return new PoisonedImages(folder, images, indicator.Length);
    }

    private PoisonedImage Stored(IReadOnlyDictionary<object, object?> stored, int index, string imagesFolder, int classes)
    {
        if (!stored.TryGetValue((long)index, out var value))
            throw Malformed($"has no stored image of sample {index}");
        if (value is not IReadOnlyDictionary<object, object?> entry || Item(entry, "path") is not string path || Item(entry, "other_info") is not IReadOnlyList<object?> { Count: >= 2 } labels)
            throw Malformed($"stores sample {index} without the path of its image and its two labels");
        return new PoisonedImage(index, Class(labels[0], index, classes), Class(labels[1], index, classes), Root(path, imagesFolder, index));
    }

    private int Class(object? label, int index, int classes)
    {
        // AllToAll attacks and data sets with tensors for labels store them as arrays of one number.
        var number = label switch
        {
            long value => value,
            double value when value == Math.Floor(value) => (long)value,
            NpyArray { IsInteger: true, Shape: [] or [1] } array => array.ToInt64s()[0],
            Checkpoints.CheckpointTensor { ElementCount: 1 } tensor when tensor.ElementType is not (Onnx.OnnxElementType.Float or Onnx.OnnxElementType.Double) => tensor.ToInt64s()[0],
            _ => -1L,
        };
        return number >= 0 && number < classes ? (int)number : throw Malformed($"gives sample {index} a label that is not 0 to {classes - 1}");
    }

    // Paths are those of the machine that made the record; what counts is the part from the folder of images on.
    private string[] Root(string path, string imagesFolder, int index)
    {
        var parts = path.Split('/', '\\');
        var start = Array.LastIndexOf(parts, imagesFolder);
        var inside = start < 0 ? [] : parts[start..];
        return inside.Length is >= 2 and <= MostParts && inside.All(ContainedFolder.IsPlainName)
            ? inside
            : throw Malformed($"stores the image of sample {index} at a path that does not lie in {imagesFolder}");
    }

    private long[] Integers(object? value, string key)
    {
        switch (value)
        {
            case NpyArray { Shape.Length: 1 } array when array.IsInteger:
                return array.ToInt64s();
            case NpyArray { Shape.Length: 1 } array:
                return Array.ConvertAll(array.ToSingles(), number => number == MathF.Floor(number) && MathF.Abs(number) < int.MaxValue ? (long)number : throw Malformed($"has a number in {key} that is no integer"));
            case IReadOnlyList<object?> list:
                return [.. list.Select(item => item switch
                {
                    long number => number,
                    bool truth => truth ? 1 : 0,
                    double number when number == Math.Floor(number) && Math.Abs(number) < int.MaxValue => (long)number,
                    _ => throw Malformed($"has something in {key} that is no integer"),
                })];
            default:
                throw Malformed($"has no list of numbers {key}");
        }
    }

    private static object? Item(IReadOnlyDictionary<object, object?> dictionary, string key) => dictionary.TryGetValue(key, out var value) ? value : null;

    private RecordException Malformed(string what) => new($"{name} {what}; the record is damaged, or was saved by another program than BackdoorBench");
}
