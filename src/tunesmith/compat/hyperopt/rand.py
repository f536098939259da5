"""Random search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tunesmith.compat.hyperopt.suggesting import suggested
from tunesmith.samplers.random import RandomSampler

if TYPE_CHECKING:
    from tunesmith.compat.hyperopt.base import Domain, Trials


def suggest(
    new_ids: Sequence[int], domain: Domain, trials: Trials, seed: int
) -> list[dict[str, Any]]:
    """Suggest by `tunesmith.samplers.random.RandomSampler`: independent draws.

    Parameters
    ----------
    new_ids : sequence of int
        Numbers of the new trials.
    domain : Domain
        What is searched.
    trials : Trials
        What there is already; a point of a space that can be counted is not drawn again.
    seed : int
        Where all randomness comes from.

    Returns
    -------
    list of dict
        Documents of the new trials.
    """
    return suggested(RandomSampler(), new_ids, domain, trials, seed)
