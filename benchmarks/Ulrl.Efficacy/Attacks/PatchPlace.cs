namespace Ulrl.Efficacy.Attacks;

/// <summary>Where a patch lies.</summary>
internal enum PatchPlace
{
    UpperLeft,
    UpperRight,
    LowerLeft,
    LowerRight,
    Centre,
}
