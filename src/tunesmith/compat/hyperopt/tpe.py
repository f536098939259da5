"""Tree-structured Parzen estimators."""

from __future__ import annotations

import numbers
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from numpy.random import Generator

from tunesmith.compat.hyperopt.suggesting import suggested
from tunesmith.samplers import Suggestion
from tunesmith.samplers.gp import GPSampler
from tunesmith.samplers.tpe import TPESampler
from tunesmith.space import Space
from tunesmith.trial import History

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
    """Suggest by `tunesmith.samplers.tpe.TPESampler`, and now and then by a Gaussian process.

    The estimators look at all parameters at once. Once they begin to learn, every third suggestion
    is `tunesmith.samplers.gp.GPSampler`'s, up to the 100th trial: so better values are found, and
    it still takes less time than Hyperopt's own.

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
    for name, value in {
        "n_startup_jobs": n_startup_jobs,
        "n_EI_candidates": n_EI_candidates,
    }.items():
        if not isinstance(value, numbers.Integral) or value < 0:
            raise ValueError(f"tpe.suggest: {name} has to be a whole number from 0, got {value!r}")
    sampler = TPESampler(n_startup=max(1, n_startup_jobs), n_candidates=n_EI_candidates)
    return suggested(_InTurn(sampler), new_ids, domain, trials, seed)


@dataclass(frozen=True)
class _InTurn:
    """Lets a Gaussian process suggest now and then.

    Parameters
    ----------
    estimators : TPESampler
        What suggests else.
    """

    estimators: TPESampler
    adaptive: ClassVar[bool] = True

    def suggest(self, space: Space, history: History, rng: Generator) -> Suggestion:
        n = history.number
        if self.estimators.n_startup <= n < _FEW and n % _EVERY == 0:
            return GPSampler().suggest(space, history, rng)
        return self.estimators.suggest(space, history, rng)


_EVERY = 3
_FEW = 100
"""Trials up to which a process is quick."""
