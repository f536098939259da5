"""Turns the runs of `quality.py` into scores, a table, JSON, and a picture for each budget."""

from __future__ import annotations

import json
from collections import defaultdict

import numpy as np
from quality_problems import FAMILIES

BUDGETS = (20, 50, 100, 200)
MOST = 2.0
"""Regret above this counts as this."""
OURS = "tunesmith"
N_BOOTSTRAP = 2000


def report(records, folder, machine):
    """Print tables; write `summary.json`, and `quality_BUDGET.png` where matplotlib is there."""
    summary = {"machine": machine, "versions": versions(records), "budgets": {}}
    for budget in BUDGETS:
        regrets = regrets_at(records, budget)
        if not any(OURS in by_optimizer for by_optimizer in regrets.values()):
            continue
        summary["budgets"][budget] = found = scores(regrets)
        show(budget, found)
        draw(budget, found, folder)
    (folder / "summary.json").write_text(json.dumps(summary, indent=2))


def versions(records):
    return {record["optimizer"]: record["version"] for record in records}


def regrets_at(records, budget):
    """Return normalised regrets: {problem: {optimiser: {seed: regret}}}."""
    best, random = bests(records), random_means(records, budget)
    found = defaultdict(lambda: defaultdict(dict))
    for record in records:
        problem, seed = record["problem"], record["seed"]
        for name, n in served(record, budget):
            instance = seed if (problem, seed) in random else None
            low, high = best[problem, instance], random.get((problem, instance), np.nan)
            if high - low > 1e-12:
                regret = (record["trace"][n - 1] - low) / (high - low)
                found[problem][name][seed] = float(np.clip(regret, 0.0, MOST))
    return found


def served(record, budget):
    """Yield the names under which a run counts at a budget, and after how many evaluations."""
    n = len(record["trace"])
    if record["optimizer"] == "random":
        pairs = [("random", budget), ("random × 2", 2 * budget), ("random × 4", 4 * budget)]
        yield from (pair for pair in pairs if pair[1] <= n)
    elif record["optimizer"] == "smac":  # it is told its budget
        yield from [("smac", budget)] * (n == budget)
    elif n >= budget:
        yield record["optimizer"], budget


def bests(records):
    """Return the least value that is known, of each problem and seed, or of the problem."""
    found = {}
    for record in records:
        known, least = record["best"], min(record["trace"])
        for place in ((record["problem"], record["seed"]), (record["problem"], None)):
            found[place] = known if known is not None else min(found.get(place, np.inf), least)
    return found


def random_means(records, budget):
    """Return what random search finds on average, by problem and seed, or problem and None."""
    found, real = {}, defaultdict(list)
    for record in records:
        if "mean of random" in record:
            found[record["problem"], record["seed"]] = record["mean of random"][budget - 1]
        elif record["optimizer"] == "random":
            real[record["problem"], None].append(record["trace"][budget - 1])
    return found | {place: float(np.mean(some)) for place, some in real.items() if some}


def scores(regrets):
    """Return everything that is said of one budget."""
    shared = {
        problem: {name: np.mean(list(seeds.values())) for name, seeds in by_optimizer.items()}
        for problem, by_optimizer in regrets.items()
        if OURS in by_optimizer
    }
    found = {"problems": shared, "optimizers": {}}
    ranks = ranked(shared)
    for name in dict.fromkeys(name for by in shared.values() for name in by):
        own = {p: by[name] for p, by in shared.items() if name in by}
        mean, low, high = bootstrap(own)
        entry = {"regret": mean, "interval": [low, high], "n_problems": len(own)}
        entry["rank"] = weighed({p: by[name] for p, by in ranks.items() if name in by})
        entry["families"] = {
            family: float(np.mean(some))
            for family in FAMILIES
            if (some := [value for p, value in own.items() if p.startswith(family)])
        }
        pairs = {p: worse(regrets[p][name], regrets[p][OURS]) for p in own}
        pairs = {p: value for p, value in pairs.items() if value is not None}
        entry["worse than ours by"] = list(bootstrap(pairs)) if pairs else [float("nan")] * 3
        found["optimizers"][name] = entry
    return found


def worse(theirs, ours):
    """Return by how much regrets are greater, on average over seeds that both have, if any."""
    both = [theirs[seed] - ours[seed] for seed in theirs if seed in ours]
    return np.mean(both) if both else None


def ranked(problems):
    """Return the rank of each optimiser on each problem, 1 for the best one, ties shared."""
    found = {}
    for problem, by_optimizer in problems.items():
        values = np.array(list(by_optimizer.values()))
        rank = [1 + (values < v).sum() + ((values == v).sum() - 1) / 2 for v in values]
        found[problem] = dict(zip(by_optimizer, map(float, rank), strict=True))
    return found


def weighed(values):
    """Return the mean over the families of the means over their problems."""
    means = []
    for family in FAMILIES:
        some = [value for problem, value in values.items() if problem.startswith(family)]
        if some:
            means.append(np.mean(some))
    return float(np.mean(means))


def bootstrap(values):
    """Return the weighed mean, and the ends of its interval of 95 %."""
    rng = np.random.default_rng(0)
    resampled = np.zeros(N_BOOTSTRAP)
    n_families = 0
    for family in FAMILIES:
        some = np.array([value for problem, value in values.items() if problem.startswith(family)])
        if len(some):
            drawn = rng.integers(len(some), size=(N_BOOTSTRAP, len(some)))
            resampled += some[drawn].mean(axis=1)
            n_families += 1
    low, high = np.quantile(resampled / n_families, [0.025, 0.975])
    return weighed(values), float(low), float(high)


def show(budget, found):
    """Print the table of a budget, and every problem."""
    entries = sorted(found["optimizers"].items(), key=lambda item: item[1]["regret"])
    families = "".join(f"{family:>12}" for family in FAMILIES)
    print(f"\n{budget} evaluations, {len(found['problems'])} problems")
    print(f"{'':14}{'regret':>8}{'interval':>16}{'rank':>6}{'problems':>10}", end="")
    print(f"{families}   worse than ours by")
    for name, entry in entries:
        low, high = entry["interval"]
        parts = "".join(f"{entry['families'].get(f, np.nan):12.3f}" for f in FAMILIES)
        mean, below, above = entry["worse than ours by"]
        apart = "" if name == OURS else f"   {mean:+.3f} [{below:+.3f}, {above:+.3f}]"
        print(
            f"{name:14}{entry['regret']:8.3f}   [{low:.3f}, {high:.3f}]{entry['rank']:6.2f}"
            f"{entry['n_problems']:10}{parts}{apart}"
        )
    order = [name for name, _ in entries]
    print(f"{'':36}" + "".join(f"{name:>14}" for name in order))
    for problem, by_optimizer in sorted(found["problems"].items()):
        values = "".join(f"{by_optimizer.get(name, np.nan):14.3f}" for name in order)
        print(f"{problem:36}{values}")


def draw(budget, found, folder):
    """Draw the regret of each optimiser, in all and by family."""
    try:
        import matplotlib
    except ImportError:
        return
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    entries = sorted(found["optimizers"].items(), key=lambda item: -item[1]["regret"])
    heights = np.arange(len(entries))
    figure, axes = plt.subplots(figsize=(8, 1.2 + 0.42 * len(entries)), layout="constrained")
    for family, marker in zip(FAMILIES, "osD^", strict=True):
        values = [entry["families"].get(family, np.nan) for _, entry in entries]
        axes.plot(values, heights, marker, ms=5, alpha=0.55, label=family, color="0.55")
    for height, (name, entry) in zip(heights, entries, strict=True):
        color = "C3" if name == OURS else "C0"
        axes.plot(entry["interval"], [height, height], color=color, lw=2.5)
        axes.plot(entry["regret"], height, "|", color=color, ms=16, mew=3)
    axes.set_yticks(heights, [name for name, _ in entries])
    axes.set_xlim(left=0)
    axes.axvline(1, color="0.8", lw=1, zorder=0)
    axes.set_xlabel("normalised regret: 0 is the best known, 1 is random search; mean and 95 %")
    axes.set_title(f"after {budget} evaluations, {len(found['problems'])} problems")
    axes.legend(loc="lower right", fontsize=8)
    figure.savefig(folder / f"quality_{budget}.png", dpi=140)
    plt.close(figure)
