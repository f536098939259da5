"""Append and read a study's records: in memory, or in an SQL database.

Storage is a log. Records go in and come back by value; trial numbers and attempts
are unique keys, so a driver that loses a race gets `Conflict`, reads on, and takes
the next. Who is at which trial is told by leases, which run out unless they are
renewed. Nothing in a storage is ever unpickled.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from tunesmith.exceptions import StorageError
from tunesmith.storage.leases import Lease
from tunesmith.trial import Outcome, Record, StudyHead


@runtime_checkable
class Storage(Protocol):
    """Where studies live."""

    def create(self, study: StudyHead) -> None:
        """Add a study. Raises `Conflict` if one of that name is there."""

    def studies(self) -> list[StudyHead]:
        """Return the heads of all studies, oldest first."""

    def append(self, study: str, *records: Record) -> None:
        """Append records in one transaction: all of them, safe on disk, or none.

        Raises `Conflict` if a trial number, a trial key or an attempt is taken, and
        `StudyNotFound`.
        """

    def read(self, study: str, after: int = 0) -> Iterable[tuple[int, Record]]:
        """Yield (position, record) in the order of appending, for positions > `after`.

        Positions grow but need not be dense. Raises `StudyNotFound`.
        """

    def claim(
        self, study: str, trials: Iterable[int], holder: str, seconds: float | None
    ) -> list[Lease]:
        """Take leases on trials, all in one step; return those that could be had.

        Those are free that nobody holds, or whose holder has not renewed its lease for as
        many seconds as that one lasts (None: for ever), by a clock that all drivers of the
        storage share; and those that `holder` itself holds. Raises `StudyNotFound`.
        """

    def renew(self, *leases: Lease) -> list[Lease]:
        """Let leases begin anew; return those that nobody has taken over.

        One that has run out is as good as ever until somebody takes it over.
        """

    def release(self, *leases: Lease) -> None:
        """End leases; nothing happens to those that somebody has taken over."""

    def leased(self, study: str) -> dict[int, str]:
        """Return who holds which trial, by its number. Raises `StudyNotFound`."""

    def close(self) -> None:
        """Release what the storage holds; calling it again does nothing."""


Trial = tuple[int, Mapping[str, Any]]
"""A trial's number and its parameters."""


class Recorder(Protocol):
    """Keeps outcomes, and knows those of an earlier run."""

    def recall(self, trials: Sequence[Trial]) -> Iterable[Outcome]:
        """Enter new trials; return the outcomes already known of them."""

    def record(self, outcome: Outcome) -> None:
        """Keep an outcome. Returns at once."""


def open_storage(where: str | os.PathLike[str] | Storage | None) -> Storage:
    """Return the storage at a place.

    Parameters
    ----------
    where : str, path-like, Storage or None
        A path of an SQLite file, made if it is not there; a database URL such as
        ``"sqlite:///digits.db"`` or ``"postgresql+psycopg://host/name"``; a storage,
        returned as it is; or None for one in memory, which ends with the process.

    Returns
    -------
    Storage
        Close it when done, unless it was given.

    Raises
    ------
    StorageError
        If there is no such place, or what is there is not tunesmith's.
    TypeError
        If `where` is something else.

    Examples
    --------
    >>> open_storage(None)
    MemoryStorage()
    """
    if where is None:
        from tunesmith.storage.memory import MemoryStorage

        return MemoryStorage()
    if isinstance(where, Storage):
        return where
    if not isinstance(where, str | os.PathLike):
        raise TypeError(
            f"storage must be a path such as 'digits.db', a database URL or None, not {where!r}."
        )
    place = os.fspath(where)
    if not isinstance(place, str) or not place.strip():
        raise StorageError(f"storage={where!r} names no file. Give a path such as 'digits.db'.")
    # Loading SQLAlchemy takes longer than `import tunesmith` may.
    from sqlalchemy import URL

    from tunesmith.storage.sql import SQLStorage

    return SQLStorage(place if "://" in place else URL.create("sqlite", database=place))
