namespace Ulrl.Cli.Tests;

public class MutatedModelTests
{
    private const int Mutations = 40;

    // PyTorch writes the nodes first and the weights behind them: changes there change the graph.
    private const int NodesLength = 9000;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_mutated_model_ends_in_a_result_or_in_one_line_about_the_model(int seed)
    {
        using var folder = new ScratchFolder();
        var given = File.ReadAllBytes(Tool.Example("preact_badnet_t0.onnx"));
        var random = new Random(seed);
        var refused = 0;
        for (var i = 0; i < Mutations; i++)
        {
            var bytes = (byte[])given.Clone();
            for (var changes = random.Next(1, 4); changes > 0; changes--)
                bytes[random.Next(NodesLength)] = (byte)random.Next(256);

            var run = Tool.Run("inspect", folder.Write("mutated.onnx", bytes));

            Assert.True(run.Code is ExitCode.Success or ExitCode.Model, $"mutation {i} ended in exit code {run.Code}: {run.Error}");
            if (run.Output.Length == 0)
                Assert.StartsWith("ulrl: ", run.ErrorLine, StringComparison.Ordinal);
            refused += run.Code == ExitCode.Model ? 1 : 0;
        }

        Assert.InRange(refused, 1, Mutations - 1);
    }
}
