using Ulrl.Cli;

MemoryLimit.Apply();
var terminal = Terminal.OfProcess();
using var interruption = new Interruption(terminal);
return UlrlCommand.Run(args, terminal, interruption.Token);
