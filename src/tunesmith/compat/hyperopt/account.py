"""What samplers are told of trials, read from their documents."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tunesmith.compat.hyperopt.miscs import spec_from_misc
from tunesmith.compat.hyperopt.search_space import SearchSpace
from tunesmith.compat.hyperopt.states import JOB_STATE_DONE, JOB_STATE_ERROR, STATUS_OK
from tunesmith.exceptions import SpaceError
from tunesmith.trial import History

Document = dict[str, Any]

_ENDED = (JOB_STATE_DONE, JOB_STATE_ERROR)


class Account:
    """Parameters and scores of trials, a row for each.

    Parameters
    ----------
    space : SearchSpace
        Where the parameters are from.
    """

    def __init__(self, space: SearchSpace) -> None:
        self._space = space
        self._clear()

    def _clear(self) -> None:
        self._n_read = 0
        self._last: Document | None = None
        self._params: list[Mapping[str, Any]] = []
        self._places = np.empty((64, self._space.space.n_dimensions))
        self._scores = np.empty(64)
        self._ended = np.empty(64, dtype=bool)

    def read(self, documents: Sequence[Document]) -> Account:
        """Return an account of documents, which may be added to.

        Those at the front that have ended are kept in this one, and not read again. Points that
        are not in the space are left out.
        """
        n = self._n_read
        if n and (n > len(documents) or documents[n - 1] is not self._last):
            self._clear()  # they are documents of other trials
            n = 0
        while n < len(documents) and documents[n]["state"] in _ENDED:
            self._enter(documents[n])
            self._last = documents[n]
            n += 1
        self._n_read = n
        whole = copy.copy(self)
        whole._params = list(self._params)
        for name in ("_places", "_scores", "_ended"):
            setattr(whole, name, getattr(self, name).copy())
        for document in documents[n:]:
            whole._enter(document)
        return whole

    def add(self, params: Mapping[str, Any], score: float, ended: bool) -> None:
        """Add a trial."""
        place = self._space.space.encode(params)
        n = len(self._params)
        if n == len(self._scores):
            for name in ("_places", "_scores", "_ended"):
                rows = getattr(self, name)
                setattr(self, name, np.concatenate([rows, np.empty_like(rows)]))
        self._places[n], self._scores[n], self._ended[n] = place, score, ended
        self._params.append(params)

    def history(self, seed: int) -> History:
        """Return what a sampler is told."""
        n = len(self._params)
        return History(
            number=n,
            params=tuple(self._params),
            encoded=self._places[:n],
            scores=self._scores[:n, None],
            known=self._ended[:n],
            seed=seed,
        )

    def _enter(self, document: Document) -> None:
        values = spec_from_misc(document["misc"])
        try:
            params = self._space.params(values)
            self.add(params, _score(document), document["state"] in _ENDED)
        except SpaceError:
            return


def _score(document: Document) -> float:
    result = document["result"]
    if document["state"] != JOB_STATE_DONE or result.get("status") != STATUS_OK:
        return math.nan
    loss = float(result["loss"])
    return -loss if math.isfinite(loss) else math.nan
