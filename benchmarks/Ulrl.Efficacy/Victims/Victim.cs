using System.Globalization;
using Ulrl.Efficacy.Attacks;
using Ulrl.Training;

namespace Ulrl.Efficacy.Victims;

/// <summary>A backdoored model: its network, the attack, what it leads to and how much of the training data is poisoned.</summary>
/// <param name="Network">Name of the network.</param>
/// <param name="Attack">Name of the attack.</param>
/// <param name="Target">The class that the trigger leads to; null for all-to-all.</param>
/// <param name="Rate">Share of poisoned samples.</param>
internal sealed record Victim(string Network, string Attack, int? Target, double Rate)
{
    /// <summary>Name of the model and of its files, such as <c>preact_badnets_t0_10</c> (per cent) or <c>preact_badnets_all_10</c>.</summary>
    public string Name => string.Create(CultureInfo.InvariantCulture, $"{Network}_{Attack}_{(Target is { } t ? $"t{t}" : "all")}_{Rate * 100:0.##}");

    /// <summary>Reads a name.</summary>
    /// <exception cref="UlrlException">It is no such name.</exception>
    public static Victim Parse(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        var parts = name.Split('_');
        var isAll = parts.Length == 4 && parts[2] == "all";
        var target = 0;
        if (parts.Length != 4
            || !(isAll || (parts[2].StartsWith('t') && int.TryParse(parts[2][1..], NumberStyles.None, CultureInfo.InvariantCulture, out target) && target < VictimNetwork.Classes))
            || !double.TryParse(parts[3], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var percent)
            || percent is not (> 0 and <= 100)
            || !VictimNetwork.Names.Contains(parts[0])
            || !AttackCatalog.Names.Contains(parts[1]))
        {
            throw new UlrlException(
                $"'{name}' is no model; write NETWORK_ATTACK_tTARGET_PERCENT or NETWORK_ATTACK_all_PERCENT, such as preact_badnets_t0_10, with a network of {string.Join(", ", VictimNetwork.Names)} and an attack of {string.Join(", ", AttackCatalog.Names)}.");
        }

        return new Victim(parts[0], parts[1], isAll ? null : target, percent / 100);
    }
}
