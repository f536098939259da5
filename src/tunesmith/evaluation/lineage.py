"""Where data came from: its key, without reading it where that is known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tunesmith.exceptions import UnkeyableError
from tunesmith.keys import digest


@dataclass
class Lineage:
    """Keys of the data met in one job, by identity; of other data, by content.

    Examples
    --------
    >>> from tunesmith.evaluation.lineage import Lineage
    >>> lineage, rows = Lineage(), [[1.0], [2.0]]
    >>> lineage.mark(rows, "the first fold")
    >>> lineage.key(rows)
    'the first fold'
    >>> lineage.key(list(rows)) == lineage.key([[1.0], [2.0]])
    True
    """

    _known: dict[int, tuple[Any, str]] = field(default_factory=dict)
    _closed: bool = field(default=False, init=False)

    def mark(self, value: Any, key: str) -> None:
        """Say what a value is; it is held until `forget`, so that its identity stays its own."""
        if value is not None:
            self._known[id(value)] = value, key

    def key(self, value: Any) -> str | None:
        """Return the key of a value; None where its content cannot be told."""
        if id(value) in self._known and not self._closed:
            return self._known[id(value)][1]
        key = None if self._closed else content(value)
        if key is not None:
            self.mark(value, key)
        return key

    def unmark(self, value: Any) -> None:
        """Say that a value may have changed."""
        self._known.pop(id(value), None)

    def close(self) -> None:
        """Tell no key until `forget`: from now on, data may change unseen."""
        self._closed = True

    def forget(self) -> None:
        """Let go of everything."""
        self._known.clear()
        self._closed = False


def content(value: Any) -> str | None:
    """Return the key of a value's content; None where it cannot be told.

    The order in which an array lies in memory is part of it: sums may differ by it in a bit.
    """
    strides = value.strides if isinstance(value, np.ndarray) else None
    try:
        return digest((strides, value))
    except UnkeyableError:
        return None
