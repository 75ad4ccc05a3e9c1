using System.CommandLine;
using Ulrl.Benchmarks;
using Ulrl.Training;

try
{
    var root = new RootCommand("Measures Ulrl beside PyTorch on the same machine, threads, model and data.")
    {
        SideBySideCommand.Create(), CrossCheckCommand.Create(), MeasureCommand.Create(),
    };
    return root.Parse(args).Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
}
catch (UlrlException e)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}
