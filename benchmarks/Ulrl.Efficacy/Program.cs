using System.CommandLine;
using Ulrl.Efficacy;
using Ulrl.Training;

try
{
    return await CampaignCommand.Create().Parse(args).InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
}
catch (UlrlException e)
{
    await Console.Error.WriteLineAsync(e.Message);
    return 1;
}
catch (OperationCanceledException)
{
    await Console.Error.WriteLineAsync("cancelled; what is finished is kept, and the same command goes on from there.");
    return 130;
}
