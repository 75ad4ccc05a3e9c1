using Ulrl.Training.Autodiff;

namespace Ulrl.Efficacy.Methods;

/// <summary>Mean cross-entropy to softened labels: 1 − smoothing on the class, smoothing / (classes − 1) on every other.</summary>
/// <param name="Smoothing">What the class gives away, from 0 to below 1.</param>
internal sealed record SmoothedCrossEntropy(float Smoothing) : IObjective
{
    public ObjectiveTerms Emit(ObjectiveContext context)
    {
        var b = context.B;
        var count = b.Op("Cast", [b.Op("Size", [context.Labels])], ("to", 1L));
        var other = Smoothing / (context.Classes - 1);
        var target = b.Op("OneHot", [context.Labels, b.Ints(context.Classes), b.Floats([other, 1f - Smoothing], 2)]);
        var log = b.Op("LogSoftmax", [context.Logits], ("axis", 1L));
        var loss = -(b.Op("ReduceSum", [target * log], ("keepdims", 0L)) / count);
        return new ObjectiveTerms(loss, loss, (b.Op("Exp", [log]) - target) / count, new Dictionary<string, Value>());
    }
}
