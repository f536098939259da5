"""Find the part of a thing that cannot be pickled."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from types import FunctionType, MethodType, ModuleType
from typing import Any

import cloudpickle
import numpy as np

from tunesmith.exceptions import UnpicklableError


class _Nowhere:
    """A file that keeps nothing."""

    def write(self, data: Any) -> int:
        return len(data)


def why_unpicklable(thing: Any) -> Exception | None:
    """Try to pickle a thing, keeping no byte of it; return what that raised, or None.

    Parameters
    ----------
    thing : object
        Anything.

    Returns
    -------
    Exception or None
        The error that pickling ends with.
    """
    try:
        cloudpickle.Pickler(_Nowhere(), protocol=5, buffer_callback=_drop).dump(thing)
    except Exception as error:
        return error
    return None


def unpicklable(thing: Any, name: str, reason: Exception) -> UnpicklableError:
    """Return the error for a thing that cannot be pickled, naming its innermost culprit.

    Parameters
    ----------
    thing : object
        What was to be sent.
    name : str
        What to call it where no part of it is to blame.
    reason : Exception
        Why it cannot be pickled.

    Returns
    -------
    UnpicklableError
        To raise from `reason`.

    Examples
    --------
    >>> import threading
    >>> from tunesmith.executors.culprit import unpicklable
    >>> estimator = {"callbacks": [1, threading.Lock()]}
    >>> str(unpicklable(estimator, "estimator", TypeError("no locks")))[:41]
    "['callbacks'][1] (a _thread.lock) cannot "
    """
    path, culprit, reason = _descend(thing, "", reason, set())
    kind = type(culprit)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return UnpicklableError(
        f"{path.lstrip('.') or name} (a {module}{kind.__qualname__}) cannot be sent to a worker "
        f"process: {reason}; use n_jobs=1, or make it inside the function that needs it."
    )


def _descend(
    thing: Any, path: str, reason: Exception, seen: set[int]
) -> tuple[str, Any, Exception]:
    seen.add(id(thing))
    for step, part in _parts(thing):
        if id(part) not in seen and (error := why_unpicklable(part)) is not None:
            return _descend(part, path + step, error, seen)
    return path, thing, reason


def _parts(thing: Any) -> Iterator[tuple[str, Any]]:
    """Give what a thing is made of, each part with the step that leads to it."""
    if isinstance(thing, Mapping):
        yield from ((f"[{key!r}]", value) for key, value in thing.items())
    elif isinstance(thing, list | tuple | set | frozenset):
        yield from ((f"[{i}]", value) for i, value in enumerate(thing))
    elif isinstance(thing, np.ndarray):
        if thing.dtype.hasobject:
            yield from ((f"[{i}]", value) for i, value in enumerate(thing.flat))
    elif isinstance(thing, FunctionType):
        yield from _function_parts(thing)
    elif isinstance(thing, MethodType):
        yield ".__self__", thing.__self__
    elif isinstance(thing, functools.partial):
        yield ".func", thing.func
        yield from ((f".args[{i}]", value) for i, value in enumerate(thing.args))
        yield from ((f".keywords[{key!r}]", value) for key, value in thing.keywords.items())
    elif is_dataclass(thing) and not isinstance(thing, type):
        yield from ((f".{f.name}", getattr(thing, f.name, None)) for f in fields(thing))
    elif not isinstance(thing, ModuleType):
        yield from ((f".{name}", value) for name, value in getattr(thing, "__dict__", {}).items())


def _function_parts(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Give the variables that a function carries along when it is pickled by value."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        yield f"'s variable {name}", cell.cell_contents
    for name in function.__code__.co_names:
        if name in function.__globals__:
            yield f"'s global {name}", function.__globals__[name]
    yield from ((f"'s default [{i}]", v) for i, v in enumerate(function.__defaults__ or ()))


def _drop(buffer: Any) -> None:
    """Take a buffer and keep nothing."""
