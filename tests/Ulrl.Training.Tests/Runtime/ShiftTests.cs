using Ulrl.Training.Runtime;

namespace Ulrl.Training.Tests.Runtime;

/// <summary>Steps at displaced weights by ONNX Runtime.</summary>
public sealed class ShiftTests
{
    [Fact]
    public void A_shift_and_its_opposite_leave_the_next_steps_as_they_are() => SessionShift.AssertUndone(TrainingEngine.OnnxRuntime);

    [Fact]
    public void A_shift_leaves_momenta_and_running_statistics() => SessionShift.AssertMomentaStay(TrainingEngine.OnnxRuntime);

    [Fact]
    public void A_displaced_step_moves_the_other_weights_by_the_gradient_at_the_displaced_ones() =>
        SessionShift.AssertStepsWhereDisplaced(TrainingEngine.OnnxRuntime);
}
