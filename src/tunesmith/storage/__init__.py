"""Append and read a study's records: in memory, or in an SQL database.

Storage is a log. Records go in and come back by value; trial numbers and attempts
are unique keys, so a driver that loses a race gets `Conflict`, reads on, and takes
the next. Nothing in a storage is ever unpickled.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

from tunesmith.trial import Record, StudyHead


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

    def close(self) -> None:
        """Release what the storage holds; calling it again does nothing."""
