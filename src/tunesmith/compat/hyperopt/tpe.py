"""Tree-structured Parzen estimators."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tunesmith.compat.hyperopt.suggesting import suggested
from tunesmith.samplers.tpe import TPESampler

if TYPE_CHECKING:
    from tunesmith.compat.hyperopt.base import Domain, Trials


def suggest(
    new_ids: Sequence[int],
    domain: Domain,
    trials: Trials,
    seed: int,
    prior_weight: float | None = None,
    n_startup_jobs: int = TPESampler.n_startup,
    n_EI_candidates: int = TPESampler.n_candidates,
    gamma: float | None = None,
    verbose: bool = True,
) -> list[dict[str, Any]]:
    """Suggest by `tunesmith.samplers.tpe.TPESampler`, which looks at all parameters at once.

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
    prior_weight, gamma : float or None, default=None
        Not used; warned of where they are given.
    n_startup_jobs : int, default=10
        Trials that are drawn at random first.
    n_EI_candidates : int, default=48
        Points of which the most promising one is suggested.
    verbose : bool, default=True
        Makes no difference.

    Returns
    -------
    list of dict
        Documents of the new trials.
    """
    for name, value in {"prior_weight": prior_weight, "gamma": gamma}.items():
        if value is not None:
            warnings.warn(f"tpe.suggest does not use {name}; leave it out", stacklevel=2)
    sampler = TPESampler(n_startup=max(1, n_startup_jobs), n_candidates=n_EI_candidates)
    return suggested(sampler, new_ids, domain, trials, seed)
