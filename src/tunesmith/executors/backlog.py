"""The bundles that wait for a worker, and which of them suits which."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar


class Staged(Protocol):
    """Something to be done whose first stages others may have in common."""

    @property
    def stages(self) -> tuple[str, ...]:
        """Keys of its stages."""


T = TypeVar("T", bound=Staged)


@dataclass
class Backlog(Generic[T]):
    """A queue that gives a worker what goes on from where it is.

    A worker gets what shares most stages with what it had last; if nothing does, what is
    farthest from where the other workers are; if that is equal, what came first. So stages
    are computed by one worker as long as there is enough for all, and nobody is idle.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from tunesmith.executors.backlog import Backlog
    >>> backlog = Backlog()
    >>> for stages in [("a", "1"), ("a", "2"), ("b", "1"), ("b", "2")]:
    ...     backlog.put(SimpleNamespace(stages=stages))
    >>> [backlog.take(worker).stages for worker in ("Ann", "Bob", "Ann", "Bob")]
    [('a', '1'), ('b', '1'), ('a', '2'), ('b', '2')]
    """

    _waiting: list[T] = field(default_factory=list, init=False)
    _places: dict[Hashable, tuple[str, ...]] = field(default_factory=dict, init=False)
    _closed: bool = field(default=False, init=False)
    _changed: threading.Condition = field(default_factory=threading.Condition, init=False)

    def put(self, item: T) -> None:
        """Add something."""
        with self._changed:
            self._waiting.append(item)
            self._changed.notify()

    def take(self, worker: Hashable) -> T | None:
        """Wait for something that suits a worker; None once the backlog is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if self._closed:
                return None
            item = self._waiting.pop(self._best(worker))
            self._places[worker] = item.stages
            return item

    def leave(self, worker: Hashable) -> None:
        """Take note that a worker has nothing left of what it went through."""
        with self._changed:
            self._places.pop(worker, None)

    def close(self) -> None:
        """Give nothing more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _best(self, worker: Hashable) -> int:
        here = self._places.get(worker, ())
        others = [place for other, place in self._places.items() if other != worker]

        def suits(at: int) -> tuple[int, int]:
            stages = self._waiting[at].stages
            return _shared(stages, here), -max((_shared(stages, o) for o in others), default=0)

        if not self._waiting[0].stages:
            return 0
        return max(range(len(self._waiting)), key=suits)


def _shared(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """Count the stages that are equal from the start."""
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
