"""The search that chooses its own way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tunesmith.compat.hyperopt.suggesting import suggested
from tunesmith.samplers.auto import AutoSampler

if TYPE_CHECKING:
    from tunesmith.compat.hyperopt.base import Domain, Trials


def suggest(
    new_ids: Sequence[int], domain: Domain, trials: Trials, seed: int
) -> list[dict[str, Any]]:
    """Suggest by `tunesmith.samplers.auto.AutoSampler`, the default of tunesmith's own searches.

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

    Returns
    -------
    list of dict
        Documents of the new trials.
    """
    return suggested(AutoSampler(), new_ids, domain, trials, seed)
