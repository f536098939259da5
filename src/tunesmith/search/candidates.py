"""Lists of candidates from the spaces users write, and a check of their names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import ParameterGrid, ParameterSampler
from sklearn.utils import check_random_state

from tunesmith.samplers.grid import GridSampler
from tunesmith.samplers.random import RandomSampler
from tunesmith.space import Categorical, Choice, Dimension, Space
from tunesmith.trial import History

Params = Mapping[str, Any]


def grid(param_grid: Any) -> list[Params]:
    """Return every point of a grid, in scikit-learn's order."""
    if not _has_dimensions(param_grid):
        return list(ParameterGrid(param_grid))
    space = Space.read(param_grid)
    return _suggested(GridSampler(), space, GridSampler().size(space), seed=0)


def drawn(param_distributions: Any, n_iter: int, random_state: Any) -> list[Params]:
    """Draw `n_iter` points: the very ones scikit-learn draws where it knows the space."""
    if not _has_dimensions(param_distributions):
        return list(ParameterSampler(param_distributions, n_iter, random_state=random_state))
    seed = int(check_random_state(random_state).randint(2**31))
    return _suggested(RandomSampler(), Space.read(param_distributions), n_iter, seed)


def listed(space: Any) -> Iterator[Any]:
    """Yield every value that a space lists by name."""
    for column in Space.read(space).columns:
        match column.dimension:
            case Categorical(values=values) | Choice(keys=values):
                yield from values


def check_names(estimator: Any, candidates: Iterable[Params]) -> None:
    """Check that the estimator takes the candidates' names, before anything is fitted.

    Raises
    ------
    ValueError
        In the estimator's own words, with the nearest names it would take.
    """
    checked = set()
    for params in candidates:
        # Whether a name such as `svc__C` is legal depends on the estimators among the values.
        shape = frozenset((name, _kind(value)) for name, value in params.items())
        if shape not in checked:
            checked.add(shape)
            _check_names(estimator, params)


def _kind(value: Any) -> int:
    return id(value) if isinstance(value, str) or hasattr(value, "get_params") else 0


def _check_names(estimator: Any, params: Params) -> None:
    twin = clone(estimator)
    try:
        twin.set_params(**clone(dict(params), safe=False))
    except ValueError as error:
        # An estimator among the values is in its place by now, with names of its own.
        hints = _hints(params, twin.get_params())
        if not hints or "Did you mean" in str(error) or "nearest" in str(error):
            raise
        raise ValueError(f"{error} {hints}") from error


def _hints(params: Params, legal: Iterable[str]) -> str:
    legal = list(legal)
    unknown = [name for name in params if name not in legal]
    near = {name: difflib.get_close_matches(name, legal, n=1) for name in unknown}
    return " ".join(
        f"Did you mean {found[0]!r} for {name!r}?" for name, found in near.items() if found
    )


def _suggested(
    sampler: GridSampler | RandomSampler, space: Space, n: int, seed: int
) -> list[Params]:
    nothing = np.empty((0, 0))
    return [
        sampler.suggest(
            space,
            History(number, (), nothing, nothing, np.empty(0, dtype=bool)),
            np.random.default_rng([seed, number]),
        ).params
        for number in range(n)
    ]


def _has_dimensions(space: Any) -> bool:
    branches: Sequence[Any] = [space] if isinstance(space, Mapping) else space
    return isinstance(branches, Sequence) and any(
        isinstance(values, Dimension)
        for branch in branches
        if isinstance(branch, Mapping)
        for values in branch.values()
    )
