"""The ledger of a function's trials, which report on their way and meet parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunesmith.space import Dimension, Space
from tunesmith.space.growth import alike, union
from tunesmith.trial import Goal, History, Ledger, Outcome, Reports


class FunctionLedger(Ledger):
    """The growing account of a function's trials.

    What a trial reports and which parameters it meets is a result: a decision sees it where it
    sees the trial's score. Before, the parameters of a trial are those that were suggested. Until
    some trial reports or meets something, this is a plain ledger.

    The space of a history holds the given one and all parameters that are met in trials whose
    results it knows, each with the union of its bounds; they do not depend on the order in which
    results came in. Where a parameter is met as two kinds, that of the earlier trial counts.

    Parameters
    ----------
    space : Space
        The given one.
    goal : Goal or callable
        As for `Ledger`.
    seed : int, default=0
        The seed of the search.
    sign : {1, -1}, default=1
        What makes a report one to be maximised.
    grows : bool, default=True
        Whether the sampler learns, so that the parameters met are for it to suggest.
    """

    def __init__(
        self,
        space: Space,
        goal: Goal | Callable[[Outcome], float],
        seed: int = 0,
        *,
        sign: int = 1,
        grows: bool = True,
    ) -> None:
        super().__init__(1, space.n_dimensions, goal, self._encode_suggested, seed)
        self._given, self._names = space, frozenset(space.names)
        self._encoded_in = space
        self._sign, self._grows = sign, grows
        self._suggested: list[Mapping[str, Any]] = []
        self._entered: set[str] = set()
        self._plain = True
        self._forget()

    def start(self, params: Mapping[str, Any]) -> int:
        """Enter a new trial and return its number."""
        self._suggested.append(params)
        self._shown.append(params)
        self._reports.append(())
        return super().start(params)

    def enter(self, outcome: Outcome) -> float | None:
        """Enter an outcome; return the trial's score. Its parameters are from now on those met."""
        if outcome.met or outcome.reports:
            self._plain = False
            self._entered.update(one.name for one in outcome.met or ())
        if outcome.met is not None and not self._plain:
            suggested = self._suggested[outcome.trial]
            given = {name: value for name, value in suggested.items() if name in self._names}
            self.params[outcome.trial] = given | {one.name: one.value for one in outcome.met}
        return super().enter(outcome)

    def view(self, known: int | None = None) -> History:
        """Return what a decision may see; see `Ledger.view`."""
        history = super().view(known)
        if self._plain:
            return history
        self._look(history.known)
        encoded = self._encoded[: history.number]
        encoded.flags.writeable = False
        return replace(
            history,
            params=tuple(self._shown),
            encoded=encoded,
            reports=tuple(self._reports),
            space=self._space if self._met else None,
        )

    def _forget(self) -> None:
        """Begin to look at results, at none of them yet."""
        self._space = self._given
        self._met: dict[str, Dimension] = {}
        self._seen = np.zeros(0, dtype=bool)
        self._shown = list(self._suggested)
        self._reports: list[Reports] = [()] * len(self._shown)

    def _look(self, known: NDArray[np.bool_]) -> None:
        """Look at the results that may be known, and at no others."""
        if (self._seen & ~known[: len(self._seen)]).any():
            self._forget()
        new = known.copy()
        new[: len(self._seen)] &= ~self._seen
        fresh = np.flatnonzero(new).tolist()
        for trial in fresh:
            self._shown[trial] = self.params[trial]
            reports = self.outcomes[trial, 0].reports
            self._reports[trial] = tuple((step, self._sign * value) for step, value in reports)
        met = self._merged(fresh, known) if self._grows and fresh else self._met
        self._seen = known.copy()
        if met != self._met:
            self._met, self._space = met, self._given.with_optional(met)
        if self._space is not self._encoded_in:
            self._place(range(len(self._shown)))
        elif self._met:
            self._place(fresh)

    def _merged(self, fresh: list[int], known: NDArray[np.bool_]) -> dict[str, Dimension]:
        """Return what has been met in the trials that are known, in the order of their numbers."""
        in_order = not self._seen[fresh[0] :].any()
        met = dict(self._met) if in_order else {}
        for trial in fresh if in_order else np.flatnonzero(known).tolist():
            for one in self.outcomes[trial, 0].met or ():
                there = met.setdefault(one.name, one.dimension)
                if alike(there, one.dimension):
                    met[one.name] = union(there, one.dimension)
        return met

    def _place(self, trials: Iterable[int]) -> None:
        """Encode trials anew, in an array that no history has been given."""
        shape = len(self._encoded), self._space.n_dimensions
        same = self._space is self._encoded_in
        self._encoded = self._encoded.copy() if same else np.full(shape, np.nan)
        self._encoded_in = self._space
        for trial in trials:
            self._encoded[trial] = self._space.encode(self._placed(trial))

    def _placed(self, trial: int) -> Mapping[str, Any]:
        """Return those parameters of a trial that have a place in the space."""
        met = self._met
        return {
            name: value
            for name, value in self._shown[trial].items()
            if name in self._names or (name in met and value in met[name])
        }

    def _encode_suggested(self, params: Mapping[str, Any]) -> NDArray[np.float64]:
        # Another driver may have suggested what this one has not looked at yet.
        met, beyond = self._met, self._entered - self._names
        placed = {
            name: value
            for name, value in params.items()
            if name not in beyond or (name in met and value in met[name])
        }
        return self._space.encode(placed)
