"""Ask a sampler what to try next, given the documents of earlier trials."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tunesmith.compat.hyperopt.states import JOB_STATE_DONE, JOB_STATE_ERROR, STATUS_OK
from tunesmith.samplers import Sampler
from tunesmith.samplers.distinct import DistinctSampler
from tunesmith.trial import History

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
    space = domain.search_space.space
    rng = np.random.default_rng(seed)
    known = _Known(domain, trials)
    made = []
    for _ in new_ids:
        params = DistinctSampler(sampler).suggest(space, known.history(int(seed)), rng).params
        known.start(params)
        made.append(domain.search_space.values(params))
    return trials.documents_of(new_ids, made, domain.search_space.hyperparameters)


class _Known:
    """What is known of a domain from the documents of its trials."""

    def __init__(self, domain: Domain, trials: Trials) -> None:
        self._space = domain.search_space.space
        self._params: list[Any] = []
        self._places: list[Any] = []
        self._scores: list[float] = []
        self._ended: list[bool] = []
        for document in trials.learnt_from():
            entry = domain.entry(document)
            if entry is None:
                continue
            self._params.append(entry.params)
            self._places.append(entry.place)
            self._scores.append(_score(document))
            self._ended.append(document["state"] in (JOB_STATE_DONE, JOB_STATE_ERROR))

    def start(self, params: Any) -> None:
        self._params.append(params)
        self._places.append(self._space.encode(params))
        self._scores.append(math.nan)
        self._ended.append(False)

    def history(self, seed: int) -> History:
        n = len(self._params)
        return History(
            number=n,
            params=tuple(self._params),
            encoded=np.array(self._places).reshape(n, self._space.n_dimensions),
            scores=np.array(self._scores, dtype=float).reshape(n, 1),
            known=np.array(self._ended, dtype=bool),
            seed=seed,
        )


def _score(document: Document) -> float:
    result = document["result"]
    if document["state"] != JOB_STATE_DONE or result.get("status") != STATUS_OK:
        return math.nan
    loss = float(result["loss"])
    return -loss if math.isfinite(loss) else math.nan
