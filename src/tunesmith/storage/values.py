"""Parameter values as plain JSON values, and back to the same type and bits.

Text, booleans, finite floats, integers of 64 bits, None and lists are themselves. The
rest is an object of one kind: ``{"int": …}``, ``{"float": …}``, ``{"str": …}``,
``{"tuple": …}``, ``{"dict": …}``, ``{"numpy": …, "bytes": …}``. What no text can say
(an estimator, a function) is ``{"key": …, "text": …}``, and comes back from the values
a script supplies: nothing here is ever unpickled.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from tunesmith.exceptions import StorageError
from tunesmith.keys import content_key

_NUMPY_CODES = "?bBhHiIlLqQefdgFDG"


def encode(value: Any) -> Any:
    """Return a value as plain JSON values.

    Parameters
    ----------
    value : object
        Any value of a parameter.

    Returns
    -------
    None, bool, int, float, str, list or dict
        What `decode` takes.

    Raises
    ------
    UnkeyableError
        If it is neither of a type that text can hold, nor can its content be told.
    StorageError
        If it is nested too deeply.

    Examples
    --------
    >>> encode([32, (0.5, float("nan"))])
    [32, {'tuple': [0.5, {'float': 'nan'}]}]
    """
    try:
        return _encode(value)
    except RecursionError:
        raise StorageError("a parameter's value is nested too deeply to be stored.") from None


def decode(data: Any, choices: Mapping[str, Any]) -> Any:
    """Return the value that `encode` was given.

    Parameters
    ----------
    data : object
        What `encode` returned.
    choices : mapping of str to object
        The values a script supplies, by the digest of their `ContentKey`.

    Returns
    -------
    object
        An equal value of the same type.

    Raises
    ------
    StorageError
        If the script supplies no such value, or `data` is nothing that `encode` returns.

    Examples
    --------
    >>> decode(encode((1, 2.5)), {})
    (1, 2.5)
    """
    try:
        return _decode(data, choices)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise StorageError(f"a stored value cannot be read: {error}.") from error


def _encode(value: Any) -> Any:
    kind = type(value)
    if value is None or kind is bool:
        return value
    if kind is int:
        # Hexadecimal, because Python bounds the length of decimal integers it reads.
        return value if -(2**63) <= value < 2**63 else {"int": hex(value)}
    if kind is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if kind is str:
        return value if _is_utf8(value) else {"str": value.encode("utf-8", "surrogatepass").hex()}
    if kind is list:
        return [_encode(item) for item in value]
    if kind is tuple:
        return {"tuple": [_encode(item) for item in value]}
    if kind is dict and all(type(key) is str and _is_utf8(key) for key in value):
        return {"dict": {key: _encode(item) for key, item in value.items()}}
    if isinstance(value, np.generic):
        return _encode_numpy(value)
    return _encode_by_key(value)


def _encode_numpy(value: np.generic) -> Any:
    dtype = value.dtype
    if type(value) is np.str_:
        return {"numpy": "U", "bytes": value.encode("utf-8", "surrogatepass").hex()}
    if type(value) is np.bytes_:
        return {"numpy": "S", "bytes": value.hex()}
    if type(value) is dtype.type and (dtype.char in _NUMPY_CODES or dtype.kind in "mM"):
        # The code tells types of one size apart; a date's unit is in its long name only.
        code = dtype.str[1:] if dtype.kind in "mM" else dtype.char
        little = np.asarray(value, dtype.newbyteorder("<"))
        return {"numpy": code, "bytes": little.tobytes().hex(), "text": str(value)}
    return _encode_by_key(value)


def _encode_by_key(value: Any) -> Any:
    key = content_key(value)
    return {"key": key.digest, "text": key.text}


def _decode(data: Any, choices: Mapping[str, Any]) -> Any:
    if isinstance(data, list):
        return [_decode(item, choices) for item in data]
    if not isinstance(data, dict):
        return data
    match data:
        case {"int": str(text)}:
            return int(text, 16)
        case {"float": "nan" | "inf" | "-inf" as text}:
            return float(text)
        case {"str": str(text)}:
            return bytes.fromhex(text).decode("utf-8", "surrogatepass")
        case {"tuple": list(items)}:
            return tuple(_decode(item, choices) for item in items)
        case {"dict": dict(items)}:
            return {key: _decode(item, choices) for key, item in items.items()}
        case {"numpy": str(code), "bytes": str(text)}:
            return _decode_numpy(code, bytes.fromhex(text))
        case {"key": str(digest), "text": str(text)}:
            if digest in choices:
                return choices[digest]
            raise StorageError(
                f"the study holds {text}, which this script does not supply, or has changed. Put "
                f"it back among the values to search over, or give another study_name=."
            )
    raise StorageError(f"a stored value cannot be read: {str(data)[:200]}.")


def _decode_numpy(code: str, content: bytes) -> np.generic:
    if code == "U":
        return np.str_(content.decode("utf-8", "surrogatepass"))
    if code == "S":
        return np.bytes_(content)
    if code not in _NUMPY_CODES and code[:1] not in ("m", "M"):
        raise ValueError(f"there is no numpy type {code[:20]!r}")
    dtype = np.dtype(code)
    array = np.frombuffer(content, dtype.newbyteorder("<"), count=1).astype(dtype)
    scalar: np.generic = array[0]
    return scalar


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
