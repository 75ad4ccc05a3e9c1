using Ulrl.Training.Evaluation;

namespace Ulrl.Training.Tests.Evaluation;

public class DefenseEffectivenessRatingTests
{
    [Theory]
    [InlineData(.8, .8, .9, .9, .5)]
    [InlineData(.8, .8, 1, 0, 1)]
    [InlineData(.8, .9, .9, .95, .5)]
    [InlineData(.803, .725, .946, 0, .934)]
    [InlineData(1, 0, .5, .5, 0)]
    public void It_weighs_the_attack_taken_away_against_the_accuracy_lost(double caBefore, double caAfter, double asrBefore, double asrAfter, double expected) =>
        Assert.Equal(expected, DefenseEffectivenessRating.Of(caBefore, caAfter, asrBefore, asrAfter), 9);
}
