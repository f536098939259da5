"""Send something large to many processes once: they map one file instead of each copying it."""

from __future__ import annotations

import io
import mmap
import pickle
import struct
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np

from tunesmith.exceptions import UnpicklableError

_ALIGNMENT = 64
_HEADER = struct.Struct("<Q")


class _Pickler(cloudpickle.Pickler):
    def reducer_override(self, obj: Any) -> Any:
        if type(obj) is np.memmap:
            # A subclass of ndarray would be copied into the pickle.
            return np.asarray(obj).__reduce_ex__(5)
        return super().reducer_override(obj)


def ship(thing: Any, path: Path) -> None:
    """Write something to a file, its arrays beside its pickle and without copying them.

    Parameters
    ----------
    thing : object
        Functions and classes of ``__main__`` go by value.
    path : Path
        The file.

    Raises
    ------
    UnpicklableError
        If it cannot be sent to another process; names the part that is to blame.
    """
    buffers: list[pickle.PickleBuffer] = []
    stream = io.BytesIO()
    try:
        _Pickler(stream, protocol=5, buffer_callback=buffers.append).dump(thing)
    except Exception as error:
        name, culprit = next(_culprits(thing, ""), ("", thing))
        raise UnpicklableError(
            f"{name.lstrip('.') or 'the search'} ({_short(culprit)}) cannot be sent to a worker "
            f"process: {error}. Use n_jobs=1, or make it inside the function or the fit that "
            f"needs it."
        ) from error
    views = [buffer.raw() for buffer in buffers]
    head = pickle.dumps((stream.getvalue(), [view.nbytes for view in views]))
    with path.open("wb") as file:
        file.write(_HEADER.pack(len(head)))
        file.write(head)
        for view in views:
            file.seek(_aligned(file.tell()))
            file.write(view)
        file.truncate(max(file.tell(), _aligned(file.tell())))


def receive(path: Path) -> Any:
    """Return what `ship` wrote; its arrays are private, writable maps of the file."""
    with path.open("rb") as file:
        content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
    start = _HEADER.size
    end = start + _HEADER.unpack(content[:start])[0]
    body, sizes = pickle.loads(content[start:end])
    buffers = []
    for size in sizes:
        start = _aligned(end)
        end = start + size
        buffers.append(content[start:end])
    return pickle.loads(body, buffers=buffers)


def _aligned(offset: int) -> int:
    return -(-offset // _ALIGNMENT) * _ALIGNMENT


def _culprits(thing: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield the innermost named parts that cannot be pickled."""
    for name, part in _parts(thing):
        try:
            cloudpickle.dumps(part, protocol=5, buffer_callback=lambda buffer: None)
        except Exception:
            yield from _culprits(part, path + name)
            yield path + name, part


def _parts(thing: Any) -> Iterator[tuple[str, Any]]:
    if hasattr(thing, "get_params") and not isinstance(thing, type):
        yield from ((f".{name}", value) for name, value in thing.get_params(deep=False).items())
    elif is_dataclass(thing):
        yield from ((f".{field.name}", getattr(thing, field.name)) for field in fields(thing))
    elif isinstance(thing, Mapping):
        yield from ((f"[{key!r}]", value) for key, value in thing.items())
    elif isinstance(thing, list | tuple):
        yield from ((f"[{index}]", value) for index, value in enumerate(thing))


def _short(thing: Any) -> str:
    text = repr(thing)
    return text if len(text) <= 80 else f"{text[:77]}..."
