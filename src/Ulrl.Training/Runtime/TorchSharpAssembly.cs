using System.Reflection;

namespace Ulrl.Training.Runtime;

/// <summary>Finds the engine of <c>Ulrl.TorchSharp</c> where an application ships that assembly, which this one does not reference.</summary>
internal static class TorchSharpAssembly
{
    private const string Name = "Ulrl.TorchSharp";
    private const string Engine = "Ulrl.TorchSharp.Engine.TorchSharpEngine";

    /// <summary>The engine; null where the application does not have it.</summary>
    public static TrainingEngine? FindEngine()
    {
        try
        {
            var type = Assembly.Load(new AssemblyName(Name)).GetType(Engine, throwOnError: true)!;
            return (TrainingEngine)type.GetProperty("Instance", BindingFlags.Public | BindingFlags.Static)!.GetValue(null)!;
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }
}
