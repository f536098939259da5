"""The ledger of a search whose candidates are judged after each split."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tunesmith.trial import History, Ledger, Reports


class SplitLedger(Ledger):
    """The growing account of candidates, each of which reports its mean score after each split.

    The parameters are those of `Ledger`. With several objectives, it is the mean of the first.
    """

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._whole: dict[int, Reports] = {}

    def view(self, known: int | None = None) -> History:
        """Return what a decision may see; see `Ledger.view`."""
        history = super().view(known)
        for trial in np.flatnonzero(history.known).tolist():
            if trial not in self._whole:
                self._whole[trial] = self.reports(trial)
        seen = enumerate(history.known.tolist())
        reports = tuple(self._whole[trial] if may_be else () for trial, may_be in seen)
        return replace(history, reports=reports)
