"""Studies that live as long as their process."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator

from tunesmith.exceptions import Conflict, StudyNotFound
from tunesmith.storage.leases import Lease, LeaseBook, leases_of
from tunesmith.storage.records import plain, plain_head
from tunesmith.trial import Record, StudyHead, TrialRecord


class MemoryStorage:
    """Keeps studies in the memory of this process: the simplest `Storage`.

    Examples
    --------
    >>> from tunesmith.storage.memory import MemoryStorage
    >>> from tunesmith.trial import StudyHead, TrialRecord
    >>> storage = MemoryStorage()
    >>> storage.create(StudyHead("digits", "GridSearchCV", parts={}, facts={}, created=0.0))
    >>> storage.append("digits", TrialRecord(0, key="a", params={"C": 1.0}))
    >>> list(storage.read("digits"))
    [(1, TrialRecord(number=0, key='a', params={'C': 1.0}))]
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._heads: dict[str, StudyHead] = {}
        self._records: dict[str, list[Record]] = {}
        self._taken: dict[str, set[str]] = {}
        self._leases = LeaseBook()

    def __repr__(self) -> str:
        return "MemoryStorage()"

    def create(self, study: StudyHead) -> None:
        """Add a study. Raises `Conflict` if one of that name is there."""
        head = plain_head(study)
        with self._lock:
            if head.name in self._heads:
                raise Conflict(f"a study named {head.name!r} is already in {self!r}.")
            self._heads[head.name] = head
            self._records[head.name] = []
            self._taken[head.name] = set()

    def studies(self) -> list[StudyHead]:
        """Return the heads of all studies, oldest first."""
        with self._lock:
            return [plain_head(head) for head in self._heads.values()]

    def append(self, study: str, *records: Record) -> None:
        """Append records: all of them, or none.

        Raises `Conflict` if a trial number, a trial key or an attempt is taken, and
        `StudyNotFound`.
        """
        added = [plain(record) for record in records]
        with self._lock:
            if study not in self._heads:
                raise self._not_found(study)
            names: set[str] = set()
            for name in (name for record in added for name in _unique(record)):
                if name in names or name in self._taken[study]:
                    raise Conflict(f"the study {study!r} already has {name}.")
                names.add(name)
            self._taken[study] |= names
            self._records[study].extend(added)

    def read(self, study: str, after: int = 0) -> Iterable[tuple[int, Record]]:
        """Yield (position, record) in the order of appending, for positions > `after`.

        Raises `StudyNotFound`.
        """
        with self._lock:
            if study not in self._heads:
                raise self._not_found(study)
            start = max(after, 0)
            known = self._records[study][start:]
        return ((start + i, plain(record)) for i, record in enumerate(known, start=1))

    def claim(
        self, study: str, trials: Iterable[int], holder: str, seconds: float | None
    ) -> list[Lease]:
        """Take leases on trials, all in one step; return those that could be had.

        Raises `StudyNotFound`.
        """
        wanted = leases_of(study, trials, holder, seconds)
        with self._lock:
            if study not in self._heads:
                raise self._not_found(study)
            return self._leases.claim(wanted)

    def renew(self, *leases: Lease) -> list[Lease]:
        """Let leases begin anew; return those that nobody has taken over."""
        with self._lock:
            return self._leases.renew(leases)

    def release(self, *leases: Lease) -> None:
        """End leases; nothing happens to those that somebody has taken over."""
        with self._lock:
            self._leases.release(leases)

    def leased(self, study: str) -> dict[int, str]:
        """Return who holds which trial, by its number. Raises `StudyNotFound`."""
        with self._lock:
            if study not in self._heads:
                raise self._not_found(study)
            return self._leases.leased(study)

    def close(self) -> None:
        """Do nothing: the studies live as long as this object."""

    def _not_found(self, study: str) -> StudyNotFound:
        return StudyNotFound(f"no study named {study!r} is in {self!r}.")


def _unique(record: Record) -> Iterator[str]:
    """Name what may be in a study only once."""
    if isinstance(record, TrialRecord):
        yield f"trial {record.number}"
        yield f"a trial of the key {record.key!r}"
    else:
        yield f"attempt {record.attempt} at trial {record.trial}, split {record.split}"
