namespace Ulrl.Training.Autodiff;

/// <summary>
/// Mean cross-entropy of the labels (<c>torch.nn.functional.cross_entropy</c>), descended or, for unlearning,
/// ascended. A sample of label −1 has no label and no part in it; the mean is that of the whole batch all the same.
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

    /// <summary>The mean cross-entropy and its gradient by the logits, (softmax − one-hot) / batch; 0 for samples without a label.</summary>
    internal static (Value Loss, Value Gradient) Mean(ObjectiveContext context)
    {
        var b = context.B;
        var count = b.Op("Cast", [b.Op("Size", [context.Labels])], ("to", 1L));

        // OneHot counts a label of −1 from the end.
        var labelled = b.Op("Cast", [b.Op("GreaterOrEqual", [b.Op("Unsqueeze", [context.Labels, b.Ints(1)]), b.Scalar(0L)])], ("to", 1L));
        var oneHot = b.Op("OneHot", [context.Labels, b.Ints(context.Classes), b.Floats([0f, 1f], 2)]) * labelled;
        var log = b.Op("LogSoftmax", [context.Logits], ("axis", 1L));
        var loss = -(b.Op("ReduceSum", [oneHot * log], ("keepdims", 0L)) / count);
        return (loss, ((b.Op("Exp", [log]) * labelled) - oneHot) / count);
    }
}
