"""What a running search writes its study through: it hands records in and goes on."""

from __future__ import annotations

import math
import queue
import threading
import time
import weakref
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import msgspec

from tunesmith.exceptions import Conflict, StorageError
from tunesmith.storage import Storage
from tunesmith.storage.records import plain
from tunesmith.trial import EvaluationRecord, Record, TrialRecord


class Journal:
    """Writes one study in the background, and knows what was in it.

    A record handed in is committed by a thread of the journal's own: at once if it comes
    alone, and at most every `delay` seconds, a backlog together, if many come.

    Parameters
    ----------
    storage : Storage
        Where the study is.
    study : str
        Its name.
    delay : float, default=0.02
        Seconds from the start of one commit to the start of the next, at least. A
        record is safe within this time and that of two commits.

    Attributes
    ----------
    trials : list of TrialRecord
        The study's trials, by number.
    found : dict of (int, int) to EvaluationRecord
        The last attempt at each (trial number, split) that was read from the study: all
        of those there when the journal was opened, and whatever other drivers wrote, as
        far as it was met.

    Raises
    ------
    StudyNotFound
        If there is no such study.

    Examples
    --------
    >>> from tunesmith.storage.memory import MemoryStorage
    >>> from tunesmith.trial import StudyHead
    >>> storage = MemoryStorage()
    >>> storage.create(StudyHead("digits", "GridSearchCV", parts={}, facts={}, created=0.0))
    >>> with Journal(storage, "digits") as journal:
    ...     journal.enroll([("a", {"C": 1.0}), ("b", {"C": 10.0})])
    [0, 1]
    """

    def __init__(self, storage: Storage, study: str, delay: float = 0.02) -> None:
        self._storage = storage
        self._study = study
        self._known = _Known(storage, study)
        self._known.read_on()
        self.trials = self._known.trials
        self.found = self._known.found
        self._writer = _Writer(storage, study, self._known, delay)
        # Nothing handed in is lost where a script ends, or drops the journal, without a close.
        weakref.finalize(self, self._writer.finish)

    def enroll(self, trials: Sequence[tuple[str, dict[str, Any]]]) -> list[int]:
        """Enter trials that are not in the study yet, in one transaction.

        Parameters
        ----------
        trials : sequence of (str, dict)
            For each trial the key of its parameters, and these as plain JSON values.

        Returns
        -------
        list of int
            The trials' numbers in the study; equal keys have equal numbers.

        Raises
        ------
        StorageError
            If the study cannot be read or written.
        """
        self._writer.check()
        while True:
            known = len(self.trials)
            new = {key: params for key, params in trials if key not in self._known.numbers}
            records = [
                TrialRecord(number=number, key=key, params=params)
                for number, (key, params) in enumerate(new.items(), start=known)
            ]
            if not records:
                return [self._known.numbers[key] for key, _ in trials]
            try:
                self._storage.append(self._study, *records)
            except Conflict:
                self._known.read_on()
                if len(self.trials) == known:
                    raise
            else:
                self._known.enter(records)

    def append(self, record: EvaluationRecord) -> None:
        """Hand in an evaluation and return at once.

        Raises
        ------
        StorageError
            If an earlier record could not be written, or the journal is closed.
        """
        self._writer.append(plain(record))

    def close(self) -> None:
        """Write everything handed in and end the thread; calling it again does nothing.

        Raises
        ------
        StorageError
            If a record could not be written.
        """
        self._writer.finish()
        self._writer.check()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except StorageError as unwritten:
            if error is None:
                raise
            if error.__cause__ is not unwritten.__cause__:
                # What ended the search (Ctrl-C, say) matters more, and both are told.
                error.add_note(str(unwritten))


class _Known:
    """What has been read of a study. Both threads of a journal read on."""

    def __init__(self, storage: Storage, study: str) -> None:
        self.trials: list[TrialRecord] = []
        self.numbers: dict[str, int] = {}
        self.found: dict[tuple[int, int], EvaluationRecord] = {}
        self._storage = storage
        self._study = study
        self._position = 0
        self._lock = threading.Lock()

    def read_on(self) -> None:
        """Read what has been appended since the last time."""
        with self._lock:
            for position, record in self._storage.read(self._study, after=self._position):
                self._position = position
                if isinstance(record, TrialRecord):
                    self._add(record)
                else:
                    job = (record.trial, record.split)
                    if job not in self.found or self.found[job].attempt < record.attempt:
                        self.found[job] = record

    def enter(self, trials: Sequence[TrialRecord]) -> None:
        """Note trials that have just been appended."""
        with self._lock:
            for trial in trials:
                self._add(trial)

    def still_new(self, record: Record) -> Record | None:
        """Return a record as it may be appended; None if what it says is there already."""
        if isinstance(record, TrialRecord):
            return record
        there = self.found.get((record.trial, record.split))
        if there is None or there.attempt < record.attempt:
            return record
        if there.state.final or not record.state.final:
            return None
        return msgspec.structs.replace(record, attempt=there.attempt + 1)

    def _add(self, trial: TrialRecord) -> None:
        if trial.key in self.numbers:
            return
        if trial.number != len(self.trials):
            raise StorageError(
                f"the study {self._study!r} is damaged: it has a trial {trial.number} but no "
                f"trial {len(self.trials)}. Give another study_name=."
            )
        self.trials.append(trial)
        self.numbers[trial.key] = trial.number


class _Writer:
    """The thread that commits. It knows no `Journal`, so that one may be collected."""

    def __init__(self, storage: Storage, study: str, known: _Known, delay: float) -> None:
        self._storage = storage
        self._study = study
        self._known = known
        self._delay = delay
        self._error: Exception | None = None
        self._closing = threading.Event()
        self._handed_in: queue.SimpleQueue[Record | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"journal of {study}", daemon=True)
        self._thread.start()

    def append(self, record: Record) -> None:
        self.check()
        if not self._thread.is_alive():
            raise StorageError(
                f"the journal of the study {self._study!r} is closed, or belongs to the process "
                f"that this one was forked from. Open another."
            )
        self._handed_in.put(record)

    def check(self) -> None:
        if self._error is not None:
            raise StorageError(
                f"the study {self._study!r} cannot be written: {self._error} Evaluations that "
                f"ended since then are not in it; running the same script again computes them."
            ) from self._error

    def finish(self) -> None:
        self._closing.set()
        self._handed_in.put(None)
        # A collection of garbage may come here in any thread.
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        started = -math.inf
        batch: list[Record | None] = []
        while None not in batch:
            batch = [self._handed_in.get()]
            self._closing.wait(max(0.0, started + self._delay - time.monotonic()))
            while not self._handed_in.empty():
                batch.append(self._handed_in.get())
            started = time.monotonic()
            try:
                self._commit([record for record in batch if record is not None])
            except Exception as error:
                self._error = error
                return

    def _commit(self, records: list[Record]) -> None:
        while records:
            try:
                self._storage.append(self._study, *records)
            except Conflict:
                self._known.read_on()
                left = [new for old in records if (new := self._known.still_new(old)) is not None]
                if left == records:
                    raise
                records = left
            else:
                return
