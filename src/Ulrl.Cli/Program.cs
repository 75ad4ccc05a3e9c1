using Ulrl.Cli;

using var interruption = new Interruption();
return UlrlCommand.Run(args, Terminal.OfProcess(), interruption.Token);
