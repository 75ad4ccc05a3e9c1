using Microsoft.ML.OnnxRuntime;
using PurifyModule;
using TorchSharp;
using Ulrl.Training.Data;
using Ulrl.Training.Onnx;
using Ulrl.Training.Purification;
using Ulrl.TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

var (folder, output) = (args[0], Directory.CreateDirectory(args[1]).FullName);
const long Target = 0;
LabeledSamples Read(string name) => DataSetReader.Read(Path.Combine(folder, name)).Normalize(ChannelNormalization.Cifar10);
var (clean, test, triggered) = (Read("clean500.npz"), Read("test1000.npz"), Read("triggered.npz"));

// A classifier in TorchSharp, with the backdoored weights of the bundled example, whose names it shares.
using var classifier = Sequential(
    ("conv1", Conv2d(3, 16, 3, padding: 1, bias: false)),
    ("layers", Sequential(
        ("0", new PreActivationBlock(16, 16, 1)), ("1", new PreActivationBlock(16, 32, 2)),
        ("2", new PreActivationBlock(32, 64, 2)), ("3", new PreActivationBlock(64, 128, 2)))),
    ("pool", AdaptiveAvgPool2d(1)),
    ("flatten", Flatten()),
    ("linear", Linear(128, 10)));
classifier.LoadFrom(OnnxModel.Load(Path.Combine(folder, "preact_badnet_t0.onnx")));
Report("given");

// Export, purify, and the tuned weights back into the live module.
var result = Purifier.Purify(classifier.ToOnnx([1, 3, 32, 32]), clean);
classifier.LoadFrom(result.Model);
Report("purified");

classifier.save(Path.Combine(output, "purified.dat"));
result.Model.Save(Path.Combine(output, "purified.onnx"));
Console.WriteLine($"flagged: {string.Join(", ", result.Report.SuspiciousNeurons)}");
Console.WriteLine($"largest difference of a logit between the module and the ONNX model: {Difference():0.0e+0}");

void Report(string what)
{
    var right = Predict(test).Zip(test.Labels).Count(p => p.First == p.Second);
    var hit = Predict(triggered).Count(p => p == Target);
    Console.WriteLine(FormattableString.Invariant($"{what}: clean accuracy {(double)right / test.Count:0.000}, attack success {(double)hit / triggered.Count:0.000}"));
}

long[] Predict(LabeledSamples samples)
{
    using var scope = NewDisposeScope();
    return Logits(samples).argmax(1).data<long>().ToArray();
}

Tensor Logits(LabeledSamples samples)
{
    classifier.eval();
    using var noGradients = no_grad();
    return classifier.call(tensor(Values(samples), samples.Count, 3, 32, 32));
}

double Difference()
{
    using var scope = NewDisposeScope();
    using var session = new InferenceSession(result.Model.ToBytes());
    using var input = OrtValue.CreateTensorValueFromMemory(Values(test), [test.Count, 3, 32, 32]);
    using var options = new RunOptions();
    using var outputs = session.Run(options, ["input"], [input], ["logits"]);
    return (Logits(test) - tensor(outputs[0].GetTensorDataAsSpan<float>().ToArray(), test.Count, 10)).abs().max().ToDouble();
}

static float[] Values(LabeledSamples samples) => [.. Enumerable.Range(0, samples.Count).SelectMany(i => samples.Sample(i).ToArray())];
