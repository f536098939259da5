"""The trials of a study: what is known of them, and who is at which."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from tunesmith.exceptions import Conflict, SpaceError, StorageError, StudyMismatch, UnkeyableError
from tunesmith.keys import content_key
from tunesmith.space import Categorical, Choice, Space
from tunesmith.storage import Storage
from tunesmith.storage.met import decode_met, encode_met
from tunesmith.storage.values import decode, encode
from tunesmith.study.holding import Holder
from tunesmith.trial import EvaluationRecord, Ledger, Outcome, Record, TrialRecord

Listed = dict[tuple[str, bytes], Any]


class StudyLog:
    """The trials of a study that is kept nowhere.

    Parameters
    ----------
    ledger : Ledger
        Where they are entered.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._given_back: set[int] = set()

    @property
    def untold(self) -> list[int]:
        """The trials without an outcome."""
        ledger = self.ledger
        started = range(ledger.frontier, len(ledger.params))
        return [number for number in started if (number, 0) not in ledger.outcomes]

    @property
    def own(self) -> set[int]:
        """The trials this driver is at."""
        return set(self.untold) - self._given_back

    def holders(self) -> Mapping[int, str]:
        """Return who is at which trial, where there are several drivers."""
        return {}

    def read_on(self) -> None:
        """Enter what other drivers have written."""

    def take(self, n: int) -> list[int]:
        """Take up to `n` trials that nobody is at and that have no outcome."""
        taken = sorted(self._given_back)[:n]
        self._given_back.difference_update(taken)
        return taken

    def add(self, params: Mapping[str, Any]) -> int | None:
        """Start a trial and return its number; None if another driver was first."""
        return self.ledger.start(params)

    def give_back(self, numbers: Sequence[int]) -> None:
        """Leave trials to whoever asks next."""
        self._given_back.update(set(numbers) & set(self.untold))

    def tell(self, outcome: Outcome) -> bool:
        """Enter an outcome; return False, and do nothing, if the trial has one."""
        if (outcome.trial, 0) in self.ledger.outcomes:
            return False
        self.ledger.enter(outcome)
        self._given_back.discard(outcome.trial)
        return True

    def close(self) -> None:
        """Give back what this driver is at."""
        self.give_back(self.untold)


class StoredLog(StudyLog):
    """The trials of a study in a storage, which other drivers may write to.

    Parameters
    ----------
    ledger : Ledger
        Where they are entered.
    storage : Storage
        Where the study is.
    study : str
        Its name.
    listed : dict
        What `listed_values` returns for the space: among it, what a storage cannot hold.
    lease : float or None
        Seconds after which others take over what a process that has ended was at.
    """

    def __init__(
        self, ledger: Ledger, storage: Storage, study: str, listed: Listed, lease: float | None
    ) -> None:
        super().__init__(ledger)
        self._storage, self._study = storage, study
        self._listed = listed
        self._holder = Holder(storage, study, lease)
        self._position = 0
        self._keys: Counter[str] = Counter()
        self._closed = False

    @property
    def own(self) -> set[int]:  # noqa: D102
        return self._holder.trials

    def holders(self) -> Mapping[int, str]:  # noqa: D102
        return self._storage.leased(self._study)

    def read_on(self) -> None:
        """Enter what other drivers have written.

        Raises
        ------
        StudyMismatch
            If a trial is not in the space.
        StorageError
            If the study cannot be read.
        """
        if self._closed:
            return
        for position, record in self._storage.read(self._study, after=self._position):
            self._enter(record)
            self._position = position
        told = [number for number in self.own if (number, 0) in self.ledger.outcomes]
        if told:
            self._holder.release(told)

    def take(self, n: int) -> list[int]:  # noqa: D102
        untold = self.untold
        if not untold:
            return []
        # One's own lease may have run out, as in a machine that was asleep.
        held = self.own.union(self.holders())
        free = [number for number in untold if number not in held][:n]
        if not free:
            return []
        return self._claim(free)

    def add(self, params: Mapping[str, Any]) -> int | None:  # noqa: D102
        number = len(self.ledger.params)
        digest = content_key(dict(params)).digest
        again = self._keys[digest]
        record = TrialRecord(
            number=number,
            key=f"{digest}#{again}" if again else digest,
            params={name: encode(value) for name, value in params.items()},
        )
        try:
            self._storage.append(self._study, record)
        except Conflict:
            self.read_on()
            if len(self.ledger.params) == number:
                raise
            return None
        self._keys[digest] += 1
        self.ledger.start(params)
        return number if self._claim([number]) else None

    def give_back(self, numbers: Sequence[int]) -> None:  # noqa: D102
        self._holder.release(numbers)

    def tell(self, outcome: Outcome) -> bool:  # noqa: D102
        # The number of the attempt is unique: of several drivers, the first one's counts.
        record = EvaluationRecord(
            trial=outcome.trial,
            split=0,
            attempt=0,
            state=outcome.state,
            test_scores=outcome.test_scores,
            train_scores=None,
            n_test_samples=0,
            fit_time=outcome.fit_time,
            score_time=0.0,
            error=outcome.error,
            ended=time.time(),
            reports=outcome.reports,
            met=None if outcome.met is None else encode_met(outcome.met),
        )
        try:
            self._storage.append(self._study, record)
        except Conflict:
            self.read_on()
            return False
        self.ledger.enter(outcome)
        self._holder.release([outcome.trial])
        return True

    def close(self) -> None:  # noqa: D102
        self._closed = True
        self._holder.close()

    def _claim(self, numbers: Sequence[int]) -> list[int]:
        """Take leases on trials that have no outcome; return those that could be had."""
        claimed = self._holder.claim(numbers)
        try:
            # Another driver may have held a lease since the log was read, and told of the trial.
            self.read_on()
        except BaseException:
            self._holder.release(claimed)
            raise
        return [number for number in claimed if (number, 0) not in self.ledger.outcomes]

    def _enter(self, record: Record) -> None:
        ledger = self.ledger
        if isinstance(record, EvaluationRecord):
            if record.trial < len(ledger.params) and (record.trial, 0) not in ledger.outcomes:
                ledger.enter(_outcome(record))
        elif record.number == len(ledger.params):
            self._start(record)
        elif record.number > len(ledger.params):
            raise StorageError(
                f"the study {self._study!r} is damaged: it has a trial {record.number} but no "
                f"trial {len(ledger.params)}. Give another name=."
            )

    def _start(self, record: TrialRecord) -> None:
        try:
            self.ledger.start({name: self._read(name, x) for name, x in record.params.items()})
        except (SpaceError, StorageError) as error:
            raise StudyMismatch(
                f"trial {record.number} of the study {self._study!r} is not in this space: "
                f"{error} Give a space that holds all trials of the study, or another name=."
            ) from error
        self._keys[record.key.partition("#")[0]] += 1

    def _read(self, name: str, data: Any) -> Any:
        text = msgspec.json.encode(data)
        if (name, text) in self._listed:
            return self._listed[name, text]
        return decode(data, {})


def listed_values(space: Space) -> Listed:
    """Return the values that a space lists, by the parameter and what a storage has for them.

    Raises
    ------
    UnkeyableError
        If the content of one cannot be told.
    """
    found: Listed = {}
    for column in space.columns:
        match column.dimension:
            case Categorical(values=values) | Choice(keys=values):
                for value in values:
                    try:
                        text = msgspec.json.encode(encode(value))
                    except UnkeyableError as error:
                        raise UnkeyableError(
                            f"the parameter {column.name!r}: a study must know what it tries, but "
                            f"{value!r} cannot be told by its content: {error}. Give text for it, "
                            f"or leave storage= out."
                        ) from error
                    found.setdefault((column.name, text), value)
    return found


def _outcome(record: EvaluationRecord) -> Outcome:
    return Outcome(
        record.trial,
        0,
        record.state,
        test_scores=record.test_scores,
        fit_time=record.fit_time,
        error=record.error,
        reports=record.reports,
        met=None if record.met is None else decode_met(record.met),
    )
