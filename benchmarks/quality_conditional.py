"""Toys whose parameters depend on each other: what one says is wrong where another one rules.

Each kind of model has parameters of its own, and is as good as its own floor and its distance
from its own best setting. The least value, 0, is known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from quality_problems import Problem, category, real, whole


@dataclass(frozen=True)
class Toy:
    """A toy before the seed has chosen its best setting."""

    build: Callable
    sizes: tuple[int, ...]
    development: bool = False


def make(name: str, seed: int) -> Problem:
    """Return the toy of a name, as a seed places its best setting."""
    toy = TOYS[name.split("/", 1)[1]]
    rng = np.random.default_rng([seed, *name.encode()])
    space, function = toy.build(rng, *toy.sizes)
    return Problem(name, "conditional", space, function, best=0.0, instance=seed)


def floors_of(n, rng):
    """Return how good each of n branches can be, the best of them 0, in an order drawn."""
    return rng.permutation(np.linspace(0.0, 0.5, n))


def branches(rng, n, d):
    """n kinds, each with d floats of its own."""
    kinds = [f"kind{i}" for i in range(n)]
    floors, places = floors_of(n, rng), rng.uniform(0.1, 0.9, (n, d))
    space = [category("kind", kinds)]
    space += [
        real(f"{kind}_{j}", 0.0, 1.0, when=["kind", [kind]]) for kind in kinds for j in range(d)
    ]

    def value(params):
        i = kinds.index(params["kind"])
        z = np.array([params[f"{kinds[i]}_{j}"] for j in range(d)]) - places[i]
        return floors[i] + 4 * (z @ z) / np.sqrt(d)

    return space, value


def decoy(rng, n, d):
    """As `branches`, but the best kind is the worst one unless it is set with care."""
    space, plain = branches(rng, n, d)
    kinds = space[0]["values"]
    floors, places = floors_of(n, rng), rng.uniform(0.2, 0.8, (n, d))
    best = int(np.argmin(floors))

    def value(params):
        i = kinds.index(params["kind"])
        if i != best:
            return 0.2 + plain(params)
        z = np.array([params[f"{kinds[i]}_{j}"] for j in range(d)]) - places[i]
        return 1.5 * (1 - np.exp(-12 * (z @ z)))

    return space, value


def shared(rng, n, d):
    """n kinds with a learning rate in common, whose best value depends on the kind."""
    kinds = [f"kind{i}" for i in range(n)]
    floors = floors_of(n, rng)
    rates, places = rng.uniform(-5, -1, n), rng.uniform(0.1, 0.9, (n, d))
    space = [category("kind", kinds), real("rate", 1e-6, 1.0, log=True)]
    space += [
        real(f"{kind}_{j}", 0.0, 1.0, when=["kind", [kind]]) for kind in kinds for j in range(d)
    ]

    def value(params):
        i = kinds.index(params["kind"])
        z = np.array([params[f"{kinds[i]}_{j}"] for j in range(d)]) - places[i]
        return floors[i] + 0.3 * abs(np.log10(params["rate"]) - rates[i]) + z @ z

    return space, value


def layers(rng, deepest):
    """A number of layers, each with a width and a rate of its own."""
    best = int(rng.integers(2, deepest + 1))
    widths, rates = rng.integers(8, 200, deepest), rng.uniform(0.05, 0.6, deepest)
    depths = list(range(1, deepest + 1))
    space = [category("layers", depths)]
    for i in range(deepest):
        when = ["layers", depths[i:]] if i else None
        space.append(whole(f"width{i}", 4, 256, log=True, when=when))
        space.append(real(f"rate{i}", 0.0, 0.8, when=when))

    def value(params):
        total = 0.4 * abs(params["layers"] - best)
        for i in range(params["layers"]):
            total += 0.3 * abs(np.log2(params[f"width{i}"] / widths[i])) / params["layers"]
            total += 3 * (params[f"rate{i}"] - rates[i]) ** 2 / params["layers"]
        return total

    return space, value


def tree(rng, n):
    """n kinds that open n choices each, and each of those a float."""
    kinds = [f"kind{i}" for i in range(n)]
    modes = [f"mode{i}" for i in range(n)]
    outer, places = floors_of(n, rng), rng.uniform(0.1, 0.9, (n, n))
    inner = np.array([floors_of(n, rng) for _ in kinds])
    space = [category("kind", kinds)]
    for kind in kinds:
        space.append(category(f"{kind}_mode", modes, when=["kind", [kind]]))
        space += [
            real(f"{kind}_{mode}", -2.0, 2.0, when=[f"{kind}_mode", [mode]]) for mode in modes
        ]

    def value(params):
        i = kinds.index(params["kind"])
        j = modes.index(params[f"{kinds[i]}_mode"])
        place = (params[f"{kinds[i]}_{modes[j]}"] + 2) / 4
        return outer[i] + inner[i, j] + 3 * (place - places[i, j]) ** 2

    return space, value


def switches(rng, n):
    """n parts that can be left out, each with a strength where it is not."""
    useful = rng.permutation(np.arange(n) % 2 == 0)
    places, weights = rng.uniform(0.1, 0.9, n), rng.uniform(0.5, 1.5, n)
    space = []
    for i in range(n):
        space.append(category(f"part{i}", ["off", "on"]))
        space.append(real(f"strength{i}", 1e-3, 1e3, log=True, when=[f"part{i}", ["on"]]))

    def value(params):
        total = 0.0
        for i in range(n):
            if params[f"part{i}"] == "off":
                total += weights[i] * 0.5 * useful[i]
                continue
            place = (np.log10(params[f"strength{i}"]) + 3) / 6
            total += weights[i] * (2 * (place - places[i]) ** 2 + (0.0 if useful[i] else 0.3))
        return total

    return space, value


TOYS = {
    "branches 4 of 2": Toy(branches, (4, 2)),
    "layers 4": Toy(layers, (4,)),
    "decoy 3 of 3": Toy(decoy, (3, 3)),
    "switches 5": Toy(switches, (5,)),
    "shared 3 of 2": Toy(shared, (3, 2)),
    "tree 3": Toy(tree, (3,)),
    "branches 8 of 1": Toy(branches, (8, 1)),
    "shared 6 of 1": Toy(shared, (6, 1)),
    "branches 3 of 3": Toy(branches, (3, 3), True),
    "decoy 4 of 2": Toy(decoy, (4, 2), True),
    "layers 3": Toy(layers, (3,), True),
    "shared 4 of 1": Toy(shared, (4, 1), True),
}
