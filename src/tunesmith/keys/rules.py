"""Which rule keys which kind of thing."""

from __future__ import annotations

import types
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from tunesmith.keys import code, data, objects
from tunesmith.keys.walk import Rule

_EXACT: Mapping[type, Rule] = MappingProxyType(
    {
        list: data.sequence,
        tuple: data.sequence,
        dict: data.mapping,
        MappingProxyType: data.mapping,
        types.FunctionType: code.function,
        types.CodeType: code.code,
        types.MethodType: code.method,
        staticmethod: code.wrapper,
        classmethod: code.wrapper,
        property: code.property_,
    }
)
# By the library and name of a class or any of its bases, so that nothing is imported for it.
_FAMILIES: Mapping[str, Rule] = MappingProxyType(
    {
        "builtins.type": code.class_,
        "builtins.module": code.module,
        "builtins.set": data.unordered,
        "builtins.frozenset": data.unordered,
        "enum.Enum": objects.member,
        "functools.cached_property": code.cached_property,
        "pathlib.PurePath": objects.path,
        "typing.TypeVar": objects.variable,
        "numpy.MaskedArray": data.masked,
        "numpy.ndarray": data.array,
        "numpy.generic": data.scalar,
        "scipy._spbase": data.sparse,
        "scipy.rv_generic": data.distribution,
        "scipy.multi_rv_generic": data.distribution,
        "sklearn.FrozenEstimator": objects.frozen,
        "pandas.DataFrame": data.frame,
        "pandas.Series": data.series,
        "pandas.Index": data.series,
        "polars.DataFrame": data.frame,
        "polars.Series": data.series,
        "torch.Tensor": data.tensor,
        "jaxlib.PjitFunction": objects.wrapped,
    }
)


def rule_of(value: Any, fitted: bool) -> Rule:
    """Choose the rule for a value; `fitted` estimators are keyed with what they have learned."""
    kind = type(value)
    if kind in _EXACT:
        return _EXACT[kind]
    for base in kind.__mro__:
        rule = _FAMILIES.get(f"{base.__module__.partition('.')[0]}.{base.__name__}")
        if rule is not None:
            return rule
    if not fitted and hasattr(kind, "get_params") and hasattr(kind, "set_params"):
        return objects.estimator
    if hasattr(kind, "get_config") and any(
        b.__module__.startswith("keras.") for b in kind.__mro__
    ):
        return objects.keras
    return objects.reduced
