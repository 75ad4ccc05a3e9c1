using Ulrl.Training.Autodiff;
using Ulrl.Training.Data;

namespace Ulrl.Training.Purification;

/// <summary>Checks that clean samples fit a model before anything runs.</summary>
internal static class SampleFit
{
    public static void Check(LabeledSamples samples, ModelInterface io, ClassifierLayer layer)
    {
        var fits = samples.SampleShape.Length == io.SampleShape.Count
            && samples.SampleShape.Zip(io.SampleShape).All(p => p.Second < 0 || p.First == p.Second);
        if (!fits)
        {
            throw new DataSetException($"{samples.Source}: the samples are shaped [{string.Join(", ", samples.SampleShape)}], the model's input '{io.InputName}' takes [{string.Join(", ", io.SampleShape.Select(d => d < 0 ? "?" : d.ToString(System.Globalization.CultureInfo.InvariantCulture)))}].");
        }

        samples.CheckLabels(layer.Classes);
        if (samples.Count < 2) throw new DataSetException($"{samples.Source}: one sample is not enough to train on; give at least two, better some of every class.");
        if (samples.ClassesPresent().Length < 2) throw new DataSetException($"{samples.Source}: every sample has label {samples.Labels[0]}; give clean samples of every class.");
    }
}
