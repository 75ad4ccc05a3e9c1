namespace Ulrl.Training.Autodiff;

/// <summary>
/// Another objective plus the distance to the given model's softened answers, on the same batch or on the samples that a step gives it
/// in the batch's place:
/// weight · temperature² · mean KL(softmax(given / temperature) ‖ softmax(logits / temperature))
/// (Hinton et al., Distilling the Knowledge in a Neural Network, arXiv 1503.02531).
/// </summary>
/// <param name="Objective">What is minimised besides.</param>
/// <param name="Weight">Weight of the distance, above 0.</param>
/// <param name="Temperature">Temperature of both answers.</param>
/// <param name="Correction">
/// What is taken off the given model's logits, class by class, for samples that the network is given in another form than the given model; a sample's label is left
/// as it is. Null for nothing.
/// </param>
internal sealed record Distillation(IObjective Objective, float Weight, float Temperature, float[]? Correction = null) : IObjective
{
    public bool NeedsGivenLogits => true;

    public ObjectiveTerms Emit(ObjectiveContext context)
    {
        var terms = Objective.Emit(context);
        var b = context.B;
        var count = b.Op("Cast", [b.Op("Size", [context.Labels])], ("to", 1L));
        var given = b.Op("LogSoftmax", [Given(context) / Temperature], ("axis", 1L));
        var own = b.Op("LogSoftmax", [context.Logits / Temperature], ("axis", 1L));
        var target = b.Op("Exp", [given]);
        var distance = b.Op("ReduceSum", [target * (given - own)], ("keepdims", 0L)) / count;
        var gradient = (b.Op("Exp", [own]) - target) / count;
        return terms with
        {
            Loss = terms.Loss + (distance * (Weight * Temperature * Temperature)),
            LogitsGradient = terms.LogitsGradient + (gradient * (Weight * Temperature)),
        };
    }

    private Value Given(ObjectiveContext context)
    {
        if (Correction is null) return context.GivenLogits;
        var b = context.B;
        var change = b.Op("Abs", [b.Op("Flatten", [context.Samples - context.GivenSamples], ("axis", 1L))]);
        var isOther = b.Op("Sign", [b.Op("ReduceSum", [change, b.Ints(1)], ("keepdims", 1L))]);
        var notLabel = b.Op("OneHot", [context.Labels, b.Ints(context.Classes), b.Floats([1f, 0f], 2)]);
        return context.GivenLogits - (b.Floats(Correction, 1, Correction.Length) * isOther * notLabel);
    }
}
