"""Parameters met in a user's function as plain JSON values, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tunesmith.exceptions import StorageError
from tunesmith.space import Categorical, Dimension, Float, Int
from tunesmith.storage.values import decode, encode
from tunesmith.trial import Met

_NUMERIC: dict[str, type[Float | Int]] = {"float": Float, "int": Int}


def encode_met(met: Sequence[Met]) -> list[dict[str, Any]]:
    """Return parameters as plain JSON values.

    Parameters
    ----------
    met : sequence of Met
        What they range over is a `Float`, an `Int`, or a `Categorical` without weights.

    Returns
    -------
    list of dict
        What `decode_met` takes.

    Examples
    --------
    >>> from tunesmith.space import Int
    >>> encode_met([Met("n", Int(1, 9), 4)])
    [{'name': 'n', 'value': 4, 'kind': 'int', 'low': 1, 'high': 9, 'log': False, 'step': None}]
    """
    return [
        {"name": one.name, "value": encode(one.value), **_encode(one.dimension)} for one in met
    ]


def decode_met(data: Sequence[dict[str, Any]]) -> tuple[Met, ...]:
    """Return the parameters that `encode_met` was given.

    Raises
    ------
    StorageError
        If `data` is nothing that `encode_met` returns.

    Examples
    --------
    >>> from tunesmith.space import Categorical
    >>> met = (Met("layers", Categorical([(32,), (32, 32)]), (32,)),)
    >>> decode_met(encode_met(met)) == met
    True
    """
    try:
        return tuple(Met(one["name"], _decode(one), decode(one["value"], {})) for one in data)
    except (KeyError, TypeError, ValueError) as error:
        raise StorageError(f"parameters that a trial has met cannot be read: {error}.") from error


def _encode(dimension: Dimension) -> dict[str, Any]:
    if isinstance(dimension, Categorical):
        return {"kind": "categorical", "choices": [encode(value) for value in dimension.values]}
    for kind, type_ in _NUMERIC.items():
        if isinstance(dimension, type_):
            bounds = {name: encode(getattr(dimension, name)) for name in ("low", "high")}
            return {"kind": kind, **bounds, "log": dimension.log, "step": encode(dimension.step)}
    raise StorageError(f"{dimension!r} cannot be stored as what a parameter ranges over.")


def _decode(data: dict[str, Any]) -> Dimension:
    if data["kind"] == "categorical":
        return Categorical([decode(value, {}) for value in data["choices"]])
    low, high, step = (decode(data[name], {}) for name in ("low", "high", "step"))
    return _NUMERIC[data["kind"]](low, high, log=data["log"], step=step)
