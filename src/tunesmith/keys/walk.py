"""The walk over a value that makes its key: one rule for each kind of thing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from itertools import islice
from types import MappingProxyType
from typing import Any


class Culprit(Exception):
    """What cannot be keyed; the steps that lead to it are added on the way out."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.steps: list[str] = []


def hash_parts(tag: str, *parts: bytes) -> bytes:
    """Hash a tag and parts so that no two sequences of them run together."""
    state = blake2b(digest_size=16)
    for part in (tag.encode(), *parts):
        state.update(len(part).to_bytes(8, "little"))
        state.update(part)
    return state.digest()


def instance_dict(value: object) -> Mapping[str, Any]:
    """Return the attributes of an instance; none where it can have none."""
    held: Mapping[str, Any] = getattr(value, "__dict__", {})
    return held


def utf8(text: str) -> bytes:
    """Encode any text, lone surrogates included."""
    return text.encode("utf-8", "surrogatepass")


_ATOMS: Mapping[type, Callable[[Any], bytes]] = MappingProxyType(
    {
        type(None): lambda value: b"",
        type(...): lambda value: b"",
        type(NotImplemented): lambda value: b"",
        bool: lambda value: b"1" if value else b"0",
        int: lambda value: hex(value).encode(),
        float: lambda value: value.hex().encode(),
        str: utf8,
        bytes: lambda value: value,
    }
)


Rule = Callable[["Hasher", Any], bytes]
RuleOf = Callable[[Any, bool], Rule]


class Hasher:
    """One walk over a value.

    A value met again while it is still open is keyed by how many levels up it stands. A digest
    that holds such a reference out of itself is `loose`: it serves only until the value it refers
    to is closed. What is kept in `done` serves wherever it is met again, but not from inside the
    cycle it closed. So no key depends on what was met before.
    """

    def __init__(self, rule_of: RuleOf, *, fitted: bool = False) -> None:
        self.rule_of = rule_of
        self.fitted = fitted
        # Holding the values keeps their ids theirs.
        self.done: dict[int, tuple[bytes, frozenset[int], object]] = {}
        self.open: dict[int, int] = {}
        self.loose: dict[int, tuple[bytes, int, object]] = {}
        self.cycle: list[int] = []
        self.lowest = sys.maxsize

    def digest(self, value: Any, step: str = "") -> bytes:
        """Key a value; `step` leads to it from the value that holds it."""
        try:
            atom = _ATOMS.get(type(value))
            if atom is not None:
                return hash_parts(type(value).__name__, atom(value))
            return self._node(value)
        except Culprit as culprit:
            culprit.steps.append(step)
            raise

    def _node(self, value: Any) -> bytes:
        me = id(value)
        if me in self.done and self.done[me][1].isdisjoint(self.open):
            return self.done[me][0]
        if me in self.open:
            self.lowest = min(self.lowest, self.open[me])
            return hash_parts("above", (len(self.open) - self.open[me]).to_bytes(8, "little"))
        if me in self.loose:
            self.lowest = min(self.lowest, self.loose[me][1])
            return self.loose[me][0]
        outer, mark, first = self.lowest, len(self.loose), len(self.cycle)
        self.open[me], self.lowest = len(self.open), sys.maxsize
        digest = self.rule_of(value, self.fitted)(self, value)
        depth = self.open.pop(me)
        if self.lowest < depth:
            self._loosen(me, digest, value, mark)
            outer = min(outer, self.lowest)
        else:
            self._forget_loose(mark)
            self.done[me] = (digest, frozenset(self.cycle[first:]), value)
            del self.cycle[first:]
        self.lowest = outer
        return digest

    def _loosen(self, me: int, digest: bytes, value: object, mark: int) -> None:
        """Keep a digest, and those made below it, until what it refers to is closed."""
        for inner in list(islice(reversed(self.loose), len(self.loose) - mark)):
            self.loose[inner] = (self.loose[inner][0], self.lowest, self.loose[inner][2])
        self.loose[me] = (digest, self.lowest, value)
        self.cycle.append(me)

    def _forget_loose(self, mark: int) -> None:
        while len(self.loose) > mark:
            self.loose.popitem()

    def alone(self, value: Any, step: str) -> bytes:
        """Key a member of an unordered collection as if it were the first one met."""
        mark = len(self.loose)
        digest = self.digest(value, step)
        self._forget_loose(mark)
        return digest

    def join(self, tag: str, **children: Any) -> bytes:
        """Key named parts, in the order given."""
        return hash_parts(tag, *(self.digest(child, f".{at}") for at, child in children.items()))

    def attributes(self, values: Mapping[str, Any], step: str = ".{}") -> bytes:
        """Key named values, whatever their order."""
        names = sorted(values)
        parts = ((utf8(n), self.digest(values[n], step.format(n))) for n in names)
        return hash_parts("attributes", *(part for pair in parts for part in pair))

    def pairs(self, items: Iterable[tuple[Any, Any]]) -> list[bytes]:
        """Key the items of a dict, whatever their order."""
        # Keys first: they set the order in which the values are walked.
        keyed = [(self.alone(key, ".keys()"), key, item) for key, item in items]
        keyed.sort(key=lambda entry: entry[0])
        return sorted(key + self.digest(item, f"[{name!r}]") for key, name, item in keyed)
