using Ulrl.Efficacy.Methods;

namespace Ulrl.Efficacy.Campaign;

/// <summary>A run to be made.</summary>
/// <param name="Subject">The model.</param>
/// <param name="Method">The method.</param>
/// <param name="CleanSet">Name of the clean samples.</param>
/// <param name="Seed">Seed of the run.</param>
internal sealed record Case(Subject Subject, IMethod Method, string CleanSet, int Seed);
