"""Search near the best trials, from the start."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tunesmith.compat.hyperopt.suggesting import suggested
from tunesmith.samplers.tpe import TPESampler

if TYPE_CHECKING:
    from tunesmith.compat.hyperopt.base import Domain, Trials

_AT_RANDOM = 5


def suggest(
    new_ids: Sequence[int],
    domain: Domain,
    trials: Trials,
    seed: int,
    avg_best_idx: float | None = None,
    shrink_coef: float | None = None,
) -> list[dict[str, Any]]:
    """Suggest by `tunesmith.samplers.tpe.TPESampler`, after five random trials only.

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
    avg_best_idx, shrink_coef : float or None, default=None
        Not used; warned of where they are given.

    Returns
    -------
    list of dict
        Documents of the new trials.
    """
    for name, value in {"avg_best_idx": avg_best_idx, "shrink_coef": shrink_coef}.items():
        if value is not None:
            warnings.warn(f"anneal.suggest does not use {name}; leave it out", stacklevel=2)
    return suggested(TPESampler(n_startup=_AT_RANDOM), new_ids, domain, trials, seed)
