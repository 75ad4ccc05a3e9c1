namespace Ulrl.Training.Autodiff;

/// <summary>
/// Mean cross-entropy of the labels (<c>torch.nn.functional.cross_entropy</c>), descended or, for unlearning,
/// ascended.
/// </summary>
/// <param name="sign">1 to descend, −1 to ascend.</param>
internal sealed class CrossEntropy(float sign = 1f) : IObjective
{
    public ObjectiveTerms Emit(ObjectiveContext context)
    {
        var (loss, gradient) = Mean(context);
        return sign == 1f
            ? new ObjectiveTerms(loss, loss, gradient, new Dictionary<string, Value>())
            : new ObjectiveTerms(loss * sign, loss, gradient * sign, new Dictionary<string, Value>());
    }

    /// <summary>The mean cross-entropy and its gradient by the logits, (softmax − one-hot) / batch.</summary>
    internal static (Value Loss, Value Gradient) Mean(ObjectiveContext context)
    {
        var b = context.B;
        var count = b.Op("Cast", [b.Op("Size", [context.Labels])], ("to", 1L));
        var oneHot = b.Op("OneHot", [context.Labels, b.Ints(context.Classes), b.Floats([0f, 1f], 2)]);
        var log = b.Op("LogSoftmax", [context.Logits], ("axis", 1L));
        var loss = -(b.Op("ReduceSum", [oneHot * log], ("keepdims", 0L)) / count);
        return (loss, (b.Op("Exp", [log]) - oneHot) / count);
    }
}
