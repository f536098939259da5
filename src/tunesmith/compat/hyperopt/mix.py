"""Several algorithms in one search."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tunesmith.compat.hyperopt.base import Domain, Trials

Algorithm = Callable[..., list[dict[str, Any]]]


def suggest(
    new_ids: Sequence[int],
    domain: Domain,
    trials: Trials,
    seed: int,
    p_suggest: Sequence[tuple[float, Algorithm]],
) -> list[dict[str, Any]]:
    """Suggest by one of several algorithms, drawn anew each time.

    Parameters
    ----------
    new_ids : sequence of int
        Numbers of the new trials.
    domain : Domain
        What is searched.
    trials : Trials
        What there is already.
    seed : int
        Where all randomness comes from.
    p_suggest : sequence of (float, callable)
        Probabilities, which sum to 1, and algorithms.

    Returns
    -------
    list of dict
        Documents of the new trials.

    Raises
    ------
    ValueError
        If the probabilities do not sum to 1.

    Examples
    --------
    >>> from functools import partial
    >>> from tunesmith.compat.hyperopt import fmin, hp, mix, rand, tpe
    >>> algo = partial(mix.suggest, p_suggest=[(0.2, rand.suggest), (0.8, tpe.suggest)])
    >>> best = fmin(abs, hp.uniform("x", -1, 1), algo, max_evals=20, show_progressbar=False)
    >>> list(best)
    ['x']
    """
    chances, algorithms = zip(*p_suggest, strict=True)
    if not math.isclose(sum(chances), 1.0, rel_tol=1e-5):
        raise ValueError(f"p_suggest: the probabilities have to sum to 1, got {list(chances)}")
    rng = np.random.default_rng(seed)
    algorithm = algorithms[rng.choice(len(chances), p=np.array(chances) / sum(chances))]
    made: list[dict[str, Any]]
    made = algorithm(new_ids, domain, trials, seed=int(rng.integers(2**31)))
    return made
