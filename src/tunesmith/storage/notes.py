"""What a function tells besides its scores, as plain JSON values, and back.

Besides what `tunesmith.storage.values` can say, these are bytes and arrays of numbers or text.
"""

from __future__ import annotations

import base64
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np

from tunesmith.exceptions import StorageError, UnkeyableError
from tunesmith.storage.values import decode, encode

_KINDS = "biufcU"
"""Kinds of arrays that come back from their bytes."""


def encode_notes(notes: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return what can be kept as plain JSON values, and the names of what cannot.

    Parameters
    ----------
    notes : mapping of str to object
        What a function has told.

    Returns
    -------
    dict, list of str
        What `decode_notes` takes; and the names of values such as models, of which only a file
        that is unpickled could hold more than a description.

    Examples
    --------
    >>> encode_notes({"epochs": 3, "model": object()})
    ({'epochs': 3}, ['model'])
    """
    kept, left_out = {}, []
    for name, value in notes.items():
        try:
            if type(name) is not str:
                raise UnkeyableError(f"the name {name!r} is no text")
            kept[name] = _encode(value)
            decode_notes({name: kept[name]})
        except (StorageError, UnkeyableError):
            kept.pop(name, None)
            left_out.append(name)
    return kept, left_out


def decode_notes(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that were kept.

    Raises
    ------
    StorageError
        If `data` is nothing that `encode_notes` returns.

    Examples
    --------
    >>> import numpy as np
    >>> decode_notes(encode_notes({"curve": np.array([0.5, 0.25])})[0])
    {'curve': array([0.5 , 0.25])}
    """
    try:
        return {name: _decode(value) for name, value in data.items()}
    except (TypeError, ValueError) as error:
        raise StorageError(f"the notes of a trial cannot be read: {error}.") from error


def _encode(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"base64": _text(value)}
    if isinstance(value, np.ndarray) and value.dtype.kind in _KINDS:
        shape = list(value.shape)
        return {"array": value.dtype.str, "shape": shape, "base64": _text(value.tobytes())}
    if type(value) is list:
        return {"list": [_encode(item) for item in value]}
    if type(value) in (dict, OrderedDict) and all(type(key) is str for key in value):
        return {"notes": {key: _encode(item) for key, item in value.items()}}
    return encode(value)


def _decode(data: Any) -> Any:
    match data:
        case {"array": str(dtype), "shape": list(shape), "base64": str(text)}:
            return np.frombuffer(base64.b64decode(text), np.dtype(dtype)).reshape(shape).copy()
        case {"base64": str(text)}:
            return base64.b64decode(text)
        case {"list": list(items)}:
            return [_decode(item) for item in items]
        case {"notes": dict(items)}:
            return {key: _decode(item) for key, item in items.items()}
    return decode(data, {})


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
