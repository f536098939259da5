"""Every error tunesmith raises on purpose.

TunesmithError
├── SpaceError              a space that cannot be searched (also a ValueError)
├── UnkeyableError          a thing whose content cannot be told (also a TypeError)
├── UnpicklableError        a thing that cannot be sent to a worker (also a TypeError)
├── WorkerError             workers that cannot be started or fed
├── TrialPruned             what a function raises to end a trial that does badly
├── WouldBlock              as many trials are under way as the window allows
├── Infeasible              no trial keeps the outcome constraints (also a ValueError)
├── SearchTimeout           time ran out before one candidate was complete (also a TimeoutError)
└── StorageError            a study that cannot be read or written
    ├── Conflict            another driver wrote this record first
    ├── StudyNotFound       no study of that name (also a LookupError)
    └── StudyMismatch       a study that was made from something else (also a ValueError)
"""

from __future__ import annotations


class TunesmithError(Exception):
    """The root of every error tunesmith raises on purpose."""


class SpaceError(TunesmithError, ValueError):
    """A space that cannot be searched, or a value that is not in it."""


class UnkeyableError(TunesmithError, TypeError):
    """A thing whose content cannot be told, such as a lock or an open file."""


class UnpicklableError(TunesmithError, TypeError):
    """A thing that cannot be sent to a worker process."""


class WorkerError(TunesmithError, RuntimeError):
    """Workers that cannot be started, or cannot be given what they need."""


class Infeasible(TunesmithError, ValueError):
    """No trial that has a value keeps the outcome constraints."""


class SearchTimeout(TunesmithError, TimeoutError):
    """The time given to a search ran out before one candidate was complete."""


class TrialPruned(TunesmithError):
    """What a user's function raises to end its trial on the way, as it does badly."""


class WouldBlock(TunesmithError):
    """As many trials are under way as ``in_flight`` allows."""


class StorageError(TunesmithError):
    """A study that cannot be read or written."""


class Conflict(StorageError):
    """A record with this number or attempt was written by another driver first."""


class StudyNotFound(StorageError, LookupError):
    """No study of that name is in the storage."""


class StudyMismatch(StorageError, ValueError):
    """A study of that name was made from something else."""
