"""The symbols that `scope` has from the start, but for those that draw."""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

import numpy as np

from tunesmith.compat.hyperopt.pyll.base import scope


def _pos_args(*args: Any) -> tuple[Any, ...]:
    return args


def _identity(obj: Any) -> Any:
    return obj


def _hyperopt_param(label: str, obj: Any) -> Any:
    return obj


def _switch(pos: int, *args: Any) -> Any:
    return args[pos]


def _call(fn: Callable[..., Any], args: Sequence[Any] = (), kwargs: Any = None) -> Any:
    return fn(*args, **(kwargs or {}))


def _map(fn: Callable[..., Any], seq: Iterable[Any]) -> list[Any]:
    return [fn(item) for item in seq]


def _asarray(a: Any, dtype: Any = None) -> Any:
    return np.asarray(a, dtype)


def _sum(x: Any, axis: int | None = None) -> Any:
    return np.sum(x, axis=axis)


def _array_union(*args: Iterable[Any]) -> Any:
    return np.asarray(sorted({item for group in args for item in group}))


def _str_join(s: str, seq: Iterable[str]) -> str:
    return s.join(seq)


def _repeat(n_times: int, obj: Any) -> list[Any]:
    return [obj] * n_times


def _call_method(obj: Any, methodname: str, *args: Any, **kwargs: Any) -> Any:
    return getattr(obj, methodname)(*args, **kwargs)


def _copy_call_method(obj: Any, methodname: str, *args: Any, **kwargs: Any) -> Any:
    return getattr(copy.copy(obj), methodname)(*args, **kwargs)


def _raise(etype: type[Exception], *args: Any, **kwargs: Any) -> NoReturn:
    raise etype(*args, **kwargs)


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "Raise": _raise,
    "array_union": _array_union,
    "asarray": _asarray,
    "call": _call,
    "call_method": _call_method,
    "call_method_pure": _call_method,
    "copy_call_method_pure": _copy_call_method,
    "cos": np.cos,
    "dict": dict,
    "exp": np.exp,
    "float": float,
    "getattr": getattr,
    "hyperopt_param": _hyperopt_param,
    "identity": _identity,
    "int": int,
    "len": len,
    "list": list,
    "log": np.log,
    "map": _map,
    "max": max,
    "maximum": np.maximum,
    "min": min,
    "minimum": np.minimum,
    "pos_args": _pos_args,
    "pow": operator.pow,
    "range": range,
    "repeat": _repeat,
    "sin": np.sin,
    "sqrt": np.sqrt,
    "str_join": _str_join,
    "sum": _sum,
    "switch": _switch,
    "tan": np.tan,
}
_OPERATORS = [
    "add",
    "eq",
    "floordiv",
    "ge",
    "getitem",
    "gt",
    "le",
    "lt",
    "mul",
    "ne",
    "neg",
    "sub",
    "truediv",
]

scope.install(_FUNCTIONS)
scope.install({name: getattr(operator, name) for name in _OPERATORS})
