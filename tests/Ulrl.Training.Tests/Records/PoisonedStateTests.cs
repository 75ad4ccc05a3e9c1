using Ulrl.Training.Data;
using Ulrl.Training.Pickle;
using Ulrl.Training.Records;

namespace Ulrl.Training.Tests.Records;

/// <summary>States of poisoned data sets, as the pickle reader gives them.</summary>
public sealed class PoisonedStateTests
{
    [Fact]
    public void Lists_and_arrays_of_any_number_type_are_read()
    {
        var fromArrays = Read(State(new NpyArray(new long[] { 2, 0 }, 2), new NpyArray(new double[] { 0, 0, 1 }, 3)));
        var fromLists = Read(State(new List<object?> { 2L, 0L }, new List<object?> { false, 0.0, 1L }));
        Assert.Equal([(2, true), (0, false)], fromArrays.Images.Select(i => (i.Index, i.IsPoisoned)));
        Assert.Equal([(2, true), (0, false)], fromLists.Images.Select(i => (i.Index, i.IsPoisoned)));
        Assert.Equal(3, fromLists.CleanCount);
        Assert.Equal(["bd_test_dataset", "1", "2.png"], fromLists.Images[0].File);
    }

    [Fact]
    public void Paths_of_Windows_and_other_folder_names_are_read()
    {
        var state = State(new List<object?> { 2L }, Indicator(), path: @"C:\runs\record\a\poisoned\1\2.png");
        ((OrderedDictionary<object, object?>)state["bd_data_container"]!)["save_folder_path"] = @"C:\runs\record\a\poisoned";
        Assert.Equal(["poisoned", "1", "2.png"], Read(state).Images[0].File);
    }

    [Theory]
    [InlineData(-1L)]
    [InlineData(3L)]
    [InlineData(long.MaxValue)]
    public void Samples_outside_the_data_set_are_refused(long index) =>
        Assert.Contains($"lists sample {index} of a data set of 3", Refused(State(new List<object?> { index }, Indicator())), StringComparison.Ordinal);

    [Fact]
    public void Malformed_states_are_refused()
    {
        Assert.Contains("is no saved data set", Refused(5L), StringComparison.Ordinal);
        Assert.Contains("lists 4 samples of a data set of 3", Refused(State(new List<object?> { 0L, 1L, 0L, 1L }, Indicator())), StringComparison.Ordinal);
        Assert.Contains("has no stored image of sample 1", Refused(State(new List<object?> { 1L }, new List<object?> { 0L, 1L, 1L })), StringComparison.Ordinal);
        Assert.Contains("marks sample 0 by 7", Refused(State(new List<object?> { 0L }, new List<object?> { 7L, 1L, 1L })), StringComparison.Ordinal);
        Assert.Contains("no integer", Refused(State(new List<object?> { 0.5 }, Indicator())), StringComparison.Ordinal);
        Assert.Contains("no integer", Refused(State(new NpyArray(new[] { double.NaN }, 1), Indicator())), StringComparison.Ordinal);
        Assert.Contains("no integer", Refused(State(new List<object?> { "0" }, Indicator())), StringComparison.Ordinal);
        Assert.Contains("label that is not 0 to 9", Refused(State(new List<object?> { 2L }, Indicator(), label: 10L)), StringComparison.Ordinal);
        Assert.Contains("label that is not 0 to 9", Refused(State(new List<object?> { 2L }, Indicator(), label: "0")), StringComparison.Ordinal);
        Assert.Contains("does not lie in", Refused(State(new List<object?> { 2L }, Indicator(), path: "bd_test_dataset")), StringComparison.Ordinal);
        Assert.Contains("does not lie in", Refused(State(new List<object?> { 2L }, Indicator(), path: "bd_test_dataset/" + string.Join('/', Enumerable.Repeat("a", 1000)))), StringComparison.Ordinal);
    }

    private static List<object?> Indicator() => [0L, 0L, 1L];

    private static OrderedDictionary<object, object?> State(object order, object indicator, object? label = null, string path = "/elsewhere/record/a/bd_test_dataset/1/2.png")
    {
        var entry = Dictionary(("path", path), ("other_info", new List<object?> { label ?? 0L, 1L }));
        var container = Dictionary(("save_folder_path", null), ("data_dict", Dictionary((2L, entry))), ("save_file_format", ".png"));
        return Dictionary(("bd_data_container", container), ("original_index_array", order), ("poison_indicator", indicator));
    }

    private static OrderedDictionary<object, object?> Dictionary(params (object Key, object? Value)[] items)
    {
        var dictionary = PickleReader.NewDictionary();
        foreach (var (key, value) in items)
            dictionary.Add(key, value);
        return dictionary;
    }

    private static PoisonedImages Read(object state) =>
        new PoisonedState(new ContainedFolder("record", message => new RecordException(message)), "'a.pt', bd_test,").Read(state, "bd_test_dataset", 10);

    private static string Refused(object state)
    {
        var message = Assert.Throws<RecordException>(() => Read(state)).Message;
        Assert.StartsWith("'a.pt', bd_test,", message, StringComparison.Ordinal);
        return message;
    }
}
