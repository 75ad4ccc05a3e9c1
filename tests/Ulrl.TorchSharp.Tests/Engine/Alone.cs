namespace Ulrl.TorchSharp.Tests.Engine;

/// <summary>Tests that measure the process.</summary>
[CollectionDefinition("alone", DisableParallelization = true)]
public sealed class Alone;
