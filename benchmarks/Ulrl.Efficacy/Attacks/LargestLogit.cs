using Ulrl.Training.Autodiff;

namespace Ulrl.Efficacy.Attacks;

/// <summary>Minus the mean of one logit: its descent makes that logit large.</summary>
/// <param name="Neuron">Number of the logit.</param>
internal sealed record LargestLogit(int Neuron) : IObjective
{
    public ObjectiveTerms Emit(ObjectiveContext context)
    {
        var b = context.B;
        var count = b.Op("Cast", [b.Op("Size", [context.Labels])], ("to", 1L));
        var row = new float[context.Classes];
        row[Neuron] = -1f;
        var weights = b.Floats(row, 1, context.Classes) / count;
        var loss = b.Op("ReduceSum", [context.Logits * weights], ("keepdims", 0L));

        // [batch, classes] whatever the batch.
        var gradient = (context.Logits * 0f) + weights;
        return new ObjectiveTerms(loss, loss, gradient, new Dictionary<string, Value>());
    }
}
