"""Where data came from: its key, without reading it where that is known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tunesmith.exceptions import UnkeyableError
from tunesmith.keys import content_key


@dataclass
class Lineage:
    """Keys of the data met in one job, by identity; of other data, by content.

    Attributes
    ----------
    trusting : bool
        Whether what was seen once stays as it is. Where anybody may write to it at any time,
        content is all that counts.

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

    trusting: bool = True
    _known: dict[int, tuple[Any, str]] = field(default_factory=dict)

    def mark(self, value: Any, key: str) -> None:
        """Say what a value is; it is held until `forget`, so that its identity stays its own."""
        if value is not None and self.trusting:
            self._known[id(value)] = value, key

    def key(self, value: Any) -> str | None:
        """Return the key of a value; None where its content cannot be told."""
        if id(value) in self._known:
            return self._known[id(value)][1]
        try:
            key = content_key(value).digest
        except UnkeyableError:
            return None
        self.mark(value, key)
        return key

    def unmark(self, value: Any) -> None:
        """Say that a value may have changed."""
        self._known.pop(id(value), None)

    def forget(self, *, trusting: bool = True) -> None:
        """Let go of everything, and trust in what comes or not."""
        self._known.clear()
        self.trusting = trusting
