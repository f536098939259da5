"""Ask a sampler what to try next, given the documents of earlier trials."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tunesmith.samplers import Sampler
from tunesmith.samplers.distinct import DistinctSampler

if TYPE_CHECKING:
    from tunesmith.compat.hyperopt.base import Domain, Trials

Document = dict[str, Any]


def suggested(
    sampler: Sampler, new_ids: Sequence[int], domain: Domain, trials: Trials, seed: int
) -> list[Document]:
    """Return documents of new trials, as a sampler suggests them.

    Trials that are under way are known by their parameters only; those that failed, or have a
    loss that is not finite, count as bad. Points that are not in the space are not learnt from.

    Parameters
    ----------
    sampler : Sampler
        Says what to try. No point of a space that can be counted is suggested twice before all
        have been.
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
        One document for each number.
    """
    space = domain.search_space
    rng = np.random.default_rng(seed)
    known = domain.account.read(trials.learnt_from())
    made = []
    for _ in new_ids:
        history = known.history(int(seed))
        params = DistinctSampler(sampler).suggest(space.space, history, rng).params
        known.add(params, math.nan, ended=False)
        made.append(space.values(params))
    return trials.documents_of(new_ids, made, space.hyperparameters)
