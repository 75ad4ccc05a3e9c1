using System.Diagnostics;
using TorchSharp;
using Ulrl.TorchSharp.Engine;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Data;
using Ulrl.Training.Onnx;
using Ulrl.Training.Runtime;
using Ulrl.Training.Tests;

namespace Ulrl.TorchSharp.Tests.Engine;

/// <summary>The process's memory while a session trains; no other test runs beside it.</summary>
[Collection("alone")]
public sealed class MemoryTests
{
    private const int Steps = 500;
    private const double MostMebibytes = 16;

    [Fact]
    public void Memory_does_not_grow_over_500_steps()
    {
        using var npz = NpzFile.Open(TestFiles.ZooReference("vit"));
        var input = npz.Read("input");
        var (values, labels) = (input.ToSingles(), npz.Read("labels").ToInt64s());
        var forward = ForwardGraph.Create(OnnxModel.Load(TestFiles.ZooModel("vit")));
        var options = new TrainingGraphOptions { Objective = new CrossEntropy(), DropoutSeed = 1 };
        var setup = new TrainingSetup(forward, Prober.Run(forward, input.Shape[1..]), input.Shape[1..], options, Device.Cpu, 1);
        using var session = TorchSharpEngine.Instance.Open(setup, new SgdOptions(0.9f, 5e-4f, 20f));
        for (var i = 0; i < Steps / 5; i++) session.Step(values, labels, 1e-3f);
        var (resident, live) = (Resident(), LiveTensors);

        for (var i = 0; i < Steps; i++) session.Step(values, labels, 1e-3f);

        Assert.Equal(live, LiveTensors);
        var grown = (Resident() - resident) / 1048576.0;
        Assert.True(grown < MostMebibytes, $"the process grew by {grown:0.0} MiB");
    }

    // Every tensor that this thread made by TorchSharp and has not disposed.
    private static long LiveTensors => DisposeScopeManager.Statistics.ThreadTotalLiveCount;

    private static long Resident()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        using var process = Process.GetCurrentProcess();
        return process.WorkingSet64;
    }
}
