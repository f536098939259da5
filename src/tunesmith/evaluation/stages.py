"""What a worker keeps between jobs, so that nothing is computed twice."""

from __future__ import annotations

import heapq
import sys
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from itertools import count
from types import ModuleType
from typing import Any

import numpy as np

from tunesmith.evaluation.lineage import Lineage
from tunesmith.trial import Work

LIMIT = 512 * 2**20
"""Bytes that a worker keeps by default."""


@dataclass
class _Entry:
    value: Any
    nbytes: int
    worth: float
    """Seconds saved per byte."""
    priority: float
    turn: int


@dataclass
class StageCache:
    """Results of stages by their keys, within a bound of bytes; the least valuable goes first.

    What a stage is worth is the time it took per byte it holds, and what has not been asked
    for ages: GreedyDual-Size (Cao and Irani, USENIX Symposium on Internet Technologies and
    Systems 1997).

    Parameters
    ----------
    limit : int, default=LIMIT
        Bytes held at most. What is larger by itself is not kept.

    Attributes
    ----------
    nbytes : int
        Bytes held.
    lineage : Lineage
        Keys of the data of the job that is running.
    work : Work
        What was done for it.
    run : str or None
        Key of what the training run has left that the job is a part of.
    proven : dict of str to bool
        Of steps whose code is not known: whether doing them again gave the same.

    Examples
    --------
    >>> import numpy as np
    >>> from tunesmith.evaluation.stages import StageCache
    >>> cache = StageCache(limit=1000)
    >>> cache.put("slow", np.zeros(100), seconds=9.0)
    >>> cache.put("fast", np.zeros(100), seconds=0.1)
    >>> "slow" in cache, "fast" in cache
    (True, False)
    """

    limit: int = LIMIT
    nbytes: int = field(default=0, init=False)
    lineage: Lineage = field(default_factory=Lineage, init=False)
    work: Work = field(default_factory=Work, init=False)
    run: str | None = field(default=None, init=False)
    proven: dict[str, bool] = field(default_factory=dict, init=False)
    _entries: dict[Hashable, _Entry] = field(default_factory=dict, init=False)
    _queue: list[tuple[float, int, Hashable]] = field(default_factory=list, init=False)
    _age: float = field(default=0.0, init=False)
    _turns: count[int] = field(default_factory=count, init=False)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle as an empty one: what it holds serves one process alone."""
        return StageCache, (self.limit,)

    def begin(self) -> None:
        """Begin a job."""
        self.lineage.forget()
        self.work = Work()
        self.run = None

    def end_run(self) -> None:
        """Let go of what the training run has left that the job is a part of."""
        if self.run is not None:
            self.drop(self.run)

    def did(self, work: Work) -> None:
        """Note what was done for the job."""
        self.work += work

    def __contains__(self, key: Hashable) -> bool:
        return key in self._entries

    def get(self, key: Hashable) -> Any:
        """Return what is kept under a key, or None."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        entry.priority = self._age + entry.worth
        return entry.value

    def put(self, key: Hashable, value: Any, *, seconds: float, nbytes: int | None = None) -> None:
        """Keep a value, in place of what is kept under its key.

        Parameters
        ----------
        key : hashable
            Of the stage.
        value : object
            Its result, not None.
        seconds : float
            What it took.
        nbytes : int or None, default=None
            What it holds; None has it estimated.
        """
        self.drop(key)
        nbytes = max(1, size_of(value) if nbytes is None else nbytes)
        if nbytes > self.limit:
            return
        worth = seconds / nbytes
        entry = _Entry(value, nbytes, worth, self._age + worth, next(self._turns))
        self._entries[key] = entry
        self.nbytes += nbytes
        heapq.heappush(self._queue, (entry.priority, entry.turn, key))
        while self.nbytes > self.limit:
            self._drop_least()

    def drop(self, key: Hashable) -> None:
        """Let go of what is kept under a key, if anything is."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.nbytes -= entry.nbytes

    def _drop_least(self) -> None:
        queued, turn, key = heapq.heappop(self._queue)
        entry = self._entries.get(key)
        if entry is None or entry.turn != turn:  # gone since it was queued
            return
        if entry.priority > queued:  # asked for since then
            heapq.heappush(self._queue, (entry.priority, turn, key))
            return
        self._age = entry.priority
        self.drop(key)


def size_of(value: Any) -> int:
    """Estimate how many bytes a value holds: those of its arrays, and a little for the rest.

    Parameters
    ----------
    value : object
        An array, a matrix, a data frame, an estimator, or a container of these.

    Returns
    -------
    int
        Bytes; what is met twice counts once.

    Examples
    --------
    >>> import numpy as np
    >>> from tunesmith.evaluation.stages import size_of
    >>> size_of({"a": np.zeros(1000)}) // 1000
    8
    """
    seen: dict[int, Any] = {}
    total, ahead = 0, [value]
    while ahead:
        item = ahead.pop()
        if id(item) not in seen:
            seen[id(item)] = item
            own, inside = _parts(item)
            total += own
            ahead += inside
    return total


def _sampled(container: Any, inside: list[Any]) -> tuple[int, list[Any]]:
    """Return a container's bytes and what is inside; of plain values, some stand for all."""
    own = sys.getsizeof(container)
    if len(inside) <= _SAMPLE or not all(isinstance(item, _PLAIN) for item in inside):
        return own, inside
    sample = inside[:: len(inside) // _SAMPLE]
    return own + sum(map(sys.getsizeof, sample)) * len(inside) // len(sample), []


_SAMPLE = 1000
_PLAIN = (str, bytes, int, float, np.generic)


def _parts(item: Any) -> tuple[int, list[Any]]:
    """Return the bytes of a thing itself, and the things inside it."""
    if isinstance(item, np.ndarray):
        inside = item.ravel().tolist() if item.dtype.hasobject else []
        return item.nbytes, inside
    from scipy.sparse import issparse  # what fits estimators has loaded it

    if issparse(item):
        return 0, list(vars(item).values())
    if hasattr(item, "memory_usage"):
        return int(np.sum(item.memory_usage(deep=True))), []
    if isinstance(item, Mapping):
        return _sampled(item, [*item.keys(), *item.values()])
    if isinstance(item, list | tuple | set | frozenset):
        return _sampled(item, list(item))
    if isinstance(item, type | ModuleType) or (callable(item) and not hasattr(item, "fit")):
        return 0, []
    if hasattr(item, "__dict__"):
        return sys.getsizeof(item), list(vars(item).values())
    state = item.__getstate__() if type(item).__module__.startswith("sklearn.") else None
    return sys.getsizeof(item), [] if state is None else [state]
