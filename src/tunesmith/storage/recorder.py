"""A search's side of its study: recalls what is there, records what is new."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from tunesmith.storage import Trial
from tunesmith.storage.journal import Journal
from tunesmith.storage.met import decode_met, encode_met
from tunesmith.storage.values import encode
from tunesmith.trial import EvaluationRecord, Outcome, State

Written = dict[tuple[int, int], EvaluationRecord]
"""Evaluations by the study's number of their trial, and split."""


class StudyRecorder:
    """Records a search's outcomes in a study, and recalls those of earlier runs.

    Parameters
    ----------
    journal : Journal
        The study.
    written : dict
        What this search has handed in, shared by all its recorders.
    n_splits : int
        Evaluations of each trial.
    digest : callable
        Takes parameters, returns what a trial is known by.
    failed : callable
        Gives an outcome that failed the scores that such outcomes get.
    on_found : callable
        Called with the number of outcomes recalled at once.
    """

    def __init__(
        self,
        journal: Journal,
        written: Written,
        n_splits: int,
        digest: Callable[[Mapping[str, Any]], str],
        failed: Callable[[Outcome], Outcome],
        on_found: Callable[[int], None],
    ) -> None:
        self._failed = failed
        self._on_found = on_found
        self._journal = journal
        self._written = written
        self._n_splits = n_splits
        self._digest = digest
        self._seen: Counter[str] = Counter()
        self._numbers: dict[int, int] = {}

    def recall(self, trials: Sequence[Trial]) -> Iterable[Outcome]:
        """Enter new trials; return the outcomes already known of them."""
        keyed = [(self._key(params), _encoded(params)) for _, params in trials]
        numbers = self._journal.enroll(keyed)
        self._numbers.update((trial, n) for (trial, _), n in zip(trials, numbers, strict=True))
        known = list(self._known(trials))
        if known:
            self._on_found(len(known))
        return known

    def record(self, outcome: Outcome) -> None:
        """Hand an outcome to the writer, unless a final one is there. Returns at once."""
        trial = self._numbers[outcome.trial]
        earlier = self._earlier(trial, outcome.split)
        if earlier is not None and earlier.state.final:
            return
        record = EvaluationRecord(
            trial=trial,
            split=outcome.split,
            attempt=0 if earlier is None else earlier.attempt + 1,
            state=outcome.state,
            test_scores=outcome.test_scores,
            train_scores=outcome.train_scores,
            n_test_samples=outcome.n_test_samples,
            fit_time=outcome.fit_time,
            score_time=outcome.score_time,
            error=outcome.error,
            ended=time.time(),
            reports=outcome.reports,
            met=None if outcome.met is None else encode_met(outcome.met),
        )
        self._journal.append(record)
        self._written[trial, outcome.split] = record

    def _earlier(self, trial: int, split: int) -> EvaluationRecord | None:
        return self._written.get((trial, split)) or self._journal.found.get((trial, split))

    def _key(self, params: Mapping[str, Any]) -> str:
        """Tell a trial by its parameters; the same ones met again are another trial."""
        digest = self._digest(params)
        self._seen[digest] += 1
        again = self._seen[digest] - 1
        return f"{digest}#{again}" if again else digest

    def _known(self, trials: Sequence[Trial]) -> Iterator[Outcome]:
        for trial, _ in trials:
            for split in range(self._n_splits):
                record = self._earlier(self._numbers[trial], split)
                if record is not None and record.state.final:
                    outcome = self._outcome(trial, record)
                    # An error that is to end the search is met afresh, not told from memory.
                    if outcome.exception is None:
                        yield outcome

    def _outcome(self, trial: int, record: EvaluationRecord) -> Outcome:
        outcome = Outcome(
            trial=trial,
            split=record.split,
            state=record.state,
            test_scores=record.test_scores,
            train_scores=record.train_scores,
            n_test_samples=record.n_test_samples,
            fit_time=record.fit_time,
            score_time=record.score_time,
            error=record.error,
            reports=record.reports,
            met=None if record.met is None else decode_met(record.met),
        )
        return outcome if record.state is State.COMPLETED else self._failed(outcome)


def _encoded(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: encode(value) for name, value in params.items()}
