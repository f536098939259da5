"""Content keys: the one noun for "made of the same things".

A key is a tree of BLAKE2b digests. Data is keyed by its bytes, code by its instructions, constants
and the globals it reads, and whatever belongs to an installed library by its name and version.
Everything else is taken apart as `pickle` would take it, without running anything it names.
"""

from __future__ import annotations

import inspect
import re
import reprlib
import types
from dataclasses import dataclass, field
from typing import Any

from tunesmith.exceptions import UnkeyableError
from tunesmith.keys.rules import rule_of
from tunesmith.keys.walk import Culprit, Hasher

__all__ = ["ContentKey", "content_key", "digest"]


@dataclass(frozen=True, slots=True)
class ContentKey:
    """What a thing is made of: equal for things made of the same things.

    Parameters
    ----------
    digest : str
        BLAKE2b of the content, 32 hexadecimal digits. The same in another process, on another
        day and under another hash seed.
    text : str
        The thing in a few words, for people. Not part of equality or of the hash.

    Examples
    --------
    >>> ContentKey("0f" * 16, "a grid") == ContentKey("0f" * 16, "the same grid")
    True
    """

    digest: str
    text: str = field(compare=False)

    def __str__(self) -> str:
        return f"{self.text} [{self.digest[:8]}]"


def content_key(value: object, *, name: str | None = None) -> ContentKey:
    """Tell what a value is made of.

    Types count (``1``, ``1.0``, ``True`` and ``numpy.int64(1)`` differ, so do lists and tuples);
    the order of dicts and sets, and the memory layout of arrays, do not. A function of the user's
    own is its instructions, constants, defaults, closure and the globals it reads, followed
    through the user's own modules; comments, docstrings, annotations and line numbers are not
    part of it. What an installed library defines is its qualified name and the library's version.
    An estimator is its class and its parameters: searches clone it, so what it has learned does
    not count, except inside a ``FrozenEstimator``.

    Parameters
    ----------
    value : object
        What to key: data, estimators, functions, classes or modules, nested at will.
    name : str, default=None
        What to call `value` in an error; by default its own name or that of its type.

    Returns
    -------
    ContentKey
        Equal for equal content.

    Raises
    ------
    UnkeyableError
        If `value` holds something whose content cannot be told (a lock, a generator, an open
        file); the message says where.

    Examples
    --------
    >>> from tunesmith.keys import content_key
    >>> content_key({"C": [0.1, 1.0], "kernel": "rbf"})
    ContentKey(digest='...', text="{'C': [0.1, 1.0], 'kernel': 'rbf'}")
    >>> content_key({"a": 1, "b": 2}) == content_key({"b": 2, "a": 1})
    True
    >>> content_key([1]) == content_key([1.0])
    False
    """
    return ContentKey(digest(value, name=name), _text(value))


def digest(value: object, *, name: str | None = None) -> str:
    """Return the digest of `content_key` alone, which takes less time without a text.

    Parameters
    ----------
    value, name
        As in `content_key`.

    Returns
    -------
    str
        32 hexadecimal digits.

    Raises
    ------
    UnkeyableError
        As in `content_key`.

    Examples
    --------
    >>> from tunesmith.keys import content_key, digest
    >>> digest([1]) == content_key([1]).digest
    True
    """
    if name is None:
        name = getattr(value, "__name__", None) or type(value).__name__
    try:
        return Hasher(rule_of).digest(value).hex()
    except Culprit as culprit:
        path = name + "".join(reversed(culprit.steps))
        raise UnkeyableError(f"{path}: {culprit.reason}") from culprit.__cause__
    except RecursionError as error:
        raise UnkeyableError(f"{name}: nested too deeply to be keyed") from error


class _Shortener(reprlib.Repr):
    """Short texts; an integer too long for decimal digits is told by its length."""

    def __init__(self) -> None:
        super().__init__()
        self.maxother = self.maxstring = 72

    def repr_int(self, x: int, level: int) -> str:
        return super().repr_int(x, level) if x.bit_length() < 1000 else f"<{x.bit_length()} bits>"


def _text(value: Any) -> str:
    """Say in one short line what a value is, without addresses in memory."""
    if isinstance(value, type | types.ModuleType):
        text = value.__name__
    elif inspect.isroutine(value):
        try:
            text = f"{value.__name__}({', '.join(inspect.signature(value).parameters)})"
        except ValueError:  # some functions of compiled libraries have no signature
            text = f"{value.__name__}(...)"
    elif hasattr(value, "shape") and hasattr(value, "dtype"):
        text = f"{type(value).__name__} {value.dtype} {tuple(value.shape)}"
    elif hasattr(value, "shape"):
        text = f"{type(value).__name__} {tuple(value.shape)}"
    else:
        text = re.sub(r" at 0x[0-9a-fA-F]+", "", _Shortener().repr(value))
    text = " ".join(text.split())
    return text if len(text) <= 80 else text[:77] + "..."
