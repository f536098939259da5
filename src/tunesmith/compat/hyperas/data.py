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

_RUNS_LATER = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


@dataclass(frozen=True)
class Data:
    """What a function of data returned, and its variables.

    Parameters
    ----------
    returned : tuple
        What it returned.
    named : mapping of str to object
        The same by the names of its ``return``; empty where these are no names.
    variables : mapping of str to object
        All its variables.
    read : tuple of set of str
        The names in the expression of each value that it returned.
    """

    returned: tuple[Any, ...]
    named: Mapping[str, Any]
    variables: Mapping[str, Any]
    read: tuple[set[str], ...]

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Data:
        """Call a function of data, once."""
        try:
            source = Source.of(function)
        except TemplateError:  # it is no such function, so its variables have no names
            return cls(_tuple(function()), {}, {}, ())
        name, write = source.function.__name__, "end it with `return x_train, y_train, ...`"
        if source.function.__code__.co_flags & _RUNS_LATER:
            raise source.error(source.node, f"{name} is a generator or a coroutine; {write}")
        telling = _Telling()
        node = telling.generic_visit(copy.deepcopy(source.node))
        told = rebuilt(function, compiled(source, node, ()), {})()
        if told is None:
            raise source.error(source.node, f"{name} returns nothing; {write}")
        returned, variables, number = told
        value = telling.values[number]
        values = _tuple(returned)
        if isinstance(value, ast.Name):
            # A list that is returned by its name is one value, as it is in Hyperas.
            values = (returned,) if isinstance(returned, list) else values
            return cls(values, {value.id: returned}, variables, ())
        items = value.elts if isinstance(value, ast.Tuple | ast.List) else []
        if len(items) != len(values):
            items = [value] * len(values)
        names = [item.id for item in items if isinstance(item, ast.Name)]
        named = dict(zip(names, values, strict=True)) if len(names) == len(values) else {}
        return cls(values, named, variables, tuple(map(_names_read, items)))

    def arguments(self, source: Source) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return what a function gets: by name if it has names of the data, else in order.

        Raises
        ------
        TemplateError
            If a parameter gets no value, or a value belongs to no parameter.
        """
        signature = inspect.signature(source.given)
        parameters = signature.parameters.values()
        plain = [p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        known = {**self.variables, **self.named}
        is_known = any(name in known for name in plain)
        is_ordered = plain or any(p.kind is p.VAR_POSITIONAL for p in parameters)
        by_name = not parameters or (self.named and (is_known or not is_ordered))

        def error(advice: str) -> TemplateError:
            values = f"{len(self.returned)} value{'s' * (len(self.returned) != 1)}"
            values += f" ({', '.join(self.named)})" if self.named else ""
            return source.error(
                source.node,
                f"the data function returns {values}, and {source.function.__name__} takes "
                f"{len(parameters)} ({', '.join(signature.parameters)}); {advice}",
            )

        fit = "let them have the same names, or the same number"
        try:
            bound = signature.bind_partial(*(() if by_name else self.returned))
        except TypeError:
            raise error(fit) from None
        given = bound.arguments
        for name, read in zip(plain, () if by_name else self.read, strict=False):
            if name in given and name in self.variables and name not in read:
                raise error(
                    f"in this order {name} is not the data function's {name}; let that return "
                    "names only, as in `return x_train, y_train`"
                )
        given |= {name: known[name] for name in plain if name in known and name not in given}
        left = {name: value for name, value in self.named.items() if name not in given}
        for p in parameters if by_name else ():
            if p.kind is p.VAR_POSITIONAL:
                given[p.name], left = tuple(left.values()), {}
            elif p.kind is p.VAR_KEYWORD:
                given[p.name] = left
        bound.apply_defaults()
        if missing := [name for name in plain if name not in bound.arguments]:
            lost = f"there is no {', '.join(missing)} in the data function"
            raise error(f"{lost}; assign it there, or give it a default" if by_name else fit)
        return bound.args, bound.kwargs

    def asked_for(self, function: FunctionType) -> dict[str, Any]:
        """Return the variables that a function refers to and its module does not have."""
        known = function.__globals__.keys() | vars(builtins).keys()
        names = _global_names(function.__code__) - known
        return {name: self.variables[name] for name in names if name in self.variables}


class _Telling(ast.NodeTransformer):
    """Makes a function return its variables as well, and which ``return`` it came to."""

    def __init__(self) -> None:
        self.values: list[ast.expr] = []

    def visit_Return(self, node: ast.Return) -> ast.Return:
        if node.value is None:
            return node
        variables = ast.Call(ast.Name("locals", ast.Load()), [], [])
        number = ast.Constant(len(self.values))
        self.values.append(node.value)
        told = ast.Tuple([node.value, variables, number], ast.Load())
        return ast.copy_location(ast.Return(told), node)

    def _leave(self, node: ast.AST) -> ast.AST:
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = _leave


def _names_read(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


def _global_names(code: CodeType) -> set[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _global_names(constant)
    return names


def _tuple(returned: Any) -> tuple[Any, ...]:
    return tuple(returned) if isinstance(returned, tuple | list) else (returned,)
