"""What a function of data has made."""

from __future__ import annotations

import ast
import builtins
import copy
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any

from tunesmith.compat.hyperas.exceptions import TemplateError
from tunesmith.compat.hyperas.rewriting import compiled, rebuilt
from tunesmith.compat.hyperas.source import Source


@dataclass(frozen=True)
class Data:
    """What a function of data returned, and its variables.

    Parameters
    ----------
    returned : tuple
        What it returned.
    names : tuple of str
        The same by the names of its ``return``; empty where these are no names.
    variables : mapping of str to object
        All its variables.
    """

    returned: tuple[Any, ...]
    names: tuple[str, ...]
    variables: Mapping[str, Any]

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Data:
        """Call a function of data, once."""
        try:
            source = Source.of(function)
        except TemplateError:  # it is no such function, so its variables have no names
            return cls(_tuple(function()), (), {})
        telling = copy.deepcopy(source.node)
        _Telling().generic_visit(telling)
        told = rebuilt(function, compiled(source, telling, ()), {})()
        if told is None:
            raise TemplateError(
                f"{function.__name__} returns nothing; end it with `return x_train, y_train, ...`"
            )
        returned, variables = told
        names = _returned_names(source.node)
        # A list that is returned by its name is one value, as it is in Hyperas.
        one = len(names) == 1 and isinstance(returned, list)
        values = (returned,) if one else _tuple(returned)
        return cls(values, names if len(names) == len(values) else (), variables)

    def arguments(self, function: Callable[..., Any]) -> dict[str, Any]:
        """Return what a function's parameters get: by name if all are there, else in order.

        Raises
        ------
        TemplateError
            If neither will do.
        """
        parameters = inspect.signature(function).parameters.values()
        needed = [p.name for p in parameters if p.default is p.empty and p.kind in _NAMED]
        taken = [p.name for p in parameters if p.kind in _NAMED]
        by_name = dict(zip(self.names, self.returned, strict=False))
        if all(name in by_name for name in needed):
            return {name: by_name[name] for name in taken if name in by_name}
        if len(needed) <= len(self.returned) <= len(taken):
            return dict(zip(taken, self.returned, strict=False))
        found = f"{len(self.returned)} values"
        found += f" ({', '.join(self.names)})" if self.names else ""
        name = getattr(function, "__name__", repr(function))
        raise TemplateError(
            f"the data function returns {found}, and {name} takes {len(taken)} "
            f"({', '.join(taken)}); let them have the same names, or the same number"
        )

    def asked_for(self, function: FunctionType) -> dict[str, Any]:
        """Return the variables that a function refers to and its module does not have."""
        known = function.__globals__.keys() | vars(builtins).keys()
        names = _global_names(function.__code__) - known
        return {name: self.variables[name] for name in names if name in self.variables}


_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class _Telling(ast.NodeTransformer):
    """Makes a function return its variables as well."""

    def visit_Return(self, node: ast.Return) -> ast.Return:
        if node.value is None:
            return node
        variables = ast.Call(ast.Name("locals", ast.Load()), [], [])
        told = ast.Tuple([node.value, variables], ast.Load())
        return ast.copy_location(ast.Return(told), node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.Lambda:
        return node


def _returned_names(node: ast.AST) -> tuple[str, ...]:
    """Return the names in the last ``return`` of a function; none if it has something else."""
    found = [n for n in ast.walk(node) if isinstance(n, ast.Return) and n.value is not None]
    value = max(found, key=lambda n: n.lineno).value if found else None
    items = value.elts if isinstance(value, ast.Tuple | ast.List) else [value]
    if not all(isinstance(item, ast.Name) for item in items):
        return ()
    return tuple(item.id for item in items)  # type: ignore[union-attr]


def _global_names(code: CodeType) -> set[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _global_names(constant)
    return names


def _tuple(returned: Any) -> tuple[Any, ...]:
    return tuple(returned) if isinstance(returned, tuple | list) else (returned,)
