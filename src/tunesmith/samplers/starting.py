"""Trials that are known to be worth a try, before those of a sampler."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.random import Generator

from tunesmith.exceptions import SpaceError
from tunesmith.samplers import Sampler, Suggestion
from tunesmith.samplers.distinct import DistinctSampler
from tunesmith.samplers.grid import GridSampler
from tunesmith.space import Space
from tunesmith.trial import History


@dataclass(frozen=True)
class StartingSampler:
    """Suggests given points first, then what another sampler suggests.

    Parameters
    ----------
    sampler : Sampler
        Suggests what comes after.
    initial : sequence of mapping of str to object
        The points. What one leaves out is drawn at random.

    Examples
    --------
    >>> import numpy as np
    >>> from tunesmith.samplers.random import RandomSampler
    >>> from tunesmith.samplers.starting import StartingSampler
    >>> from tunesmith.space import Float, Space
    >>> from tunesmith.trial import History
    >>> space = Space.read({"x": Float(0, 1), "kind": ["a", "b"]})
    >>> nothing = np.empty((0, 2))
    >>> history = History(0, (), nothing, nothing, np.empty(0, dtype=bool))
    >>> sampler = StartingSampler(RandomSampler(), ({"x": 0.25, "kind": "b"},))
    >>> sampler.suggest(space, history, np.random.default_rng(0)).params
    {'kind': 'b', 'x': 0.25}
    """

    sampler: Sampler
    initial: Sequence[Mapping[str, Any]]

    @property
    def adaptive(self) -> bool:
        """As the sampler."""
        return self.sampler.adaptive

    def suggest(self, space: Space, history: History, rng: Generator) -> Suggestion:
        """Return a given point, or what the sampler suggests.

        Parameters
        ----------
        space : Space
            The space to search.
        history : History
            What is known.
        rng : numpy.random.Generator
            Where all randomness comes from.

        Returns
        -------
        Suggestion
            The point.
        """
        first = len(self.initial)
        if history.number < first:
            return Suggestion(space.complete(self.initial[history.number], rng))
        if not self.sampler.adaptive:
            # Its sequence starts here.
            history = replace(history, number=history.number - first)
        return self.sampler.suggest(space, history, rng)


def started(
    sampler: Sampler, space: Space, initial: Any = (), warm_start: Any = (), defaults: Any = ()
) -> Sampler:
    """Return a sampler that starts with what is known to be worth a try, and repeats no point.

    Parameters
    ----------
    sampler : Sampler
        What suggests all after.
    space : Space
        The space that is searched.
    initial : sequence of mapping
        Points of the user; they come first.
    warm_start : object or sequence of objects
        Earlier searches, studies or results, over a space that has parameters in common with
        this one. The best points of each follow.
    defaults : sequence of mapping
        Values that are used where nobody searches. What is not in the space is left out, and
        nothing is done where nothing is left.

    Returns
    -------
    Sampler

    Raises
    ------
    SpaceError
        If a point is not in the space; names the parameter.

    References
    ----------
    M. Feurer, J. T. Springenberg, F. Hutter, "Initializing Bayesian hyperparameter optimization
    via meta-learning", AAAI 2015 (starting from the best of other studies).
    """
    points = _initial(space, initial)
    earlier = [_best_of(source) for source in _listed(warm_start)]
    rounds = max(map(len, earlier), default=0)
    known = [best[place] for place in range(rounds) for best in earlier if place < len(best)]
    for params in [*known, *defaults]:
        inside = _inside(space, params)
        if inside and inside not in points:
            points.append(inside)
    new = sampler if isinstance(sampler, GridSampler) else DistinctSampler(sampler)
    return StartingSampler(new, tuple(points)) if points else new


_BEST = 5
"""Points that are taken from each earlier study."""


def _initial(space: Space, initial: Any) -> list[dict[str, Any]]:
    if isinstance(initial, Mapping):
        initial = [initial]
    if isinstance(initial, str) or not isinstance(initial, Iterable):
        raise SpaceError(f"initial has to be a list of dicts of parameters, got {initial!r}")
    points = []
    for number, point in enumerate(initial):
        if not isinstance(point, Mapping):
            raise SpaceError(f"initial has to be a list of dicts, but point {number} is {point!r}")
        try:
            space.complete(point, np.random.default_rng(0))
        except SpaceError as error:
            raise SpaceError(f"initial: point {number}: {error}") from None
        points.append(dict(point))
    return points


def _listed(given: Any) -> list[Any]:
    return list(given) if isinstance(given, list | tuple) else [] if given is None else [given]


def _best_of(source: Any) -> list[Mapping[str, Any]]:
    """Return the parameters of the best trials of a search, study or result, the best first."""
    results = getattr(source, "cv_results_", None)
    if results is not None:
        ranks = [name for name in results if name.startswith("rank_test_")]
        metric = getattr(source, "refit", None)
        name = f"rank_test_{metric}" if f"rank_test_{metric}" in results else ranks[0]
        order = np.argsort(results[name], kind="stable")
        return [results["params"][place] for place in order[:_BEST]]
    trials = getattr(source, "trials", None)
    if trials is None:
        raise SpaceError(
            f"warm_start has to be a fitted search, a study or a result, got "
            f"{type(source).__name__}; fit it first"
        )
    sign = -1 if getattr(source, "direction", "minimize") == "maximize" else 1
    valued = [trial for trial in trials if trial.value is not None]
    valued.sort(key=lambda trial: sign * trial.value)
    return [trial.params for trial in valued[:_BEST]]


def _inside(space: Space, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of parameters lies in a space; nothing if it does not go together."""
    dimensions = {column.name: column.dimension for column in space.columns if column.name}
    inside = {n: v for n, v in params.items() if n in dimensions and v in dimensions[n]}
    try:
        space.complete(inside, np.random.default_rng(0))
    except SpaceError:
        return {}
    return inside
