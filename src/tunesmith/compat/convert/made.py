"""What stands in place of a script's hyperparameters and spaces."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import libcst as cst


@dataclass(frozen=True)
class Made:
    """What stands in place of a hyperparameter.

    Parameters
    ----------
    node : libcst.BaseExpression
        The range.
    label : str
        What the hyperparameter was called.
    kind : str, default="choice"
        What it was drawn from.
    given : mapping of str to str, default={}
        Its arguments.
    name : str or None, default=None
        Of a choice of dicts, the key whose values tell them apart: the name that it has now.
    opened : frozenset of str, default=frozenset()
        Names of what a choice opens.
    """

    node: cst.BaseExpression
    label: str
    kind: str = "choice"
    given: Mapping[str, str] = field(default_factory=dict)
    name: str | None = None
    opened: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Whole:
    """A whole space.

    Parameters
    ----------
    node : libcst.BaseExpression
        A dict.
    labels : tuple of str or None, default=None
        The names of what the function is called with, where that is no dict.
    is_one : bool, default=False
        Whether that is a value of its own, and no tuple of them.
    """

    node: cst.BaseExpression
    labels: tuple[str, ...] | None = None
    is_one: bool = False

    def values(self, params: str) -> str:
        """Return what the function is called with, given the dict of parameters."""
        if self.labels is None:
            return params
        listed = [f"{params}[{quoted(label)}]" for label in self.labels]
        if self.is_one:
            return listed[0]
        return f"({listed[0]},)" if len(listed) == 1 else f"({', '.join(listed)})"

    def calling(self, function: str) -> str:
        """Return a function as it is called with a dict of parameters."""
        if self.labels is None:
            return function
        called = function if function.isidentifier() else f"({function})"
        words = {*re.findall(r"\w+", function)}
        name = next(one for one in ("params", "values", "chosen", "_") if one not in words)
        return f"lambda {name}: {called}({self.values(name)})"


def tupled(node: Any) -> Any:
    """Return an option with tuples for lists, as Hyperopt gives them to a function.

    Lists within calls and the like are none of its own.
    """
    if isinstance(node, cst.BinaryOperation):
        return node.with_changes(left=tupled(node.left), right=tupled(node.right))
    if not isinstance(node, cst.List | cst.Tuple | cst.Dict):
        return node
    elements: Any = [one.with_changes(value=tupled(one.value)) for one in node.elements]
    if not isinstance(node, cst.List):
        return node.with_changes(elements=elements)
    if len(elements) == 1 and not isinstance(elements[0].comma, cst.Comma):
        elements = [elements[0].with_changes(comma=cst.Comma())]
    return cst.Tuple(
        elements,
        lpar=[*node.lpar, cst.LeftParen(node.lbracket.whitespace_after)],
        rpar=[cst.RightParen(node.rbracket.whitespace_before), *node.rpar],
    )


def renamed(
    node: cst.Call, name: str, was: cst.BaseExpression, now: cst.BaseExpression
) -> cst.Call:
    """Return a call of something else, with one of its arguments alone."""
    kept = next(one for one in node.args if one.value is was)
    kept = kept.with_changes(value=now, keyword=None, equal=cst.MaybeSentinel.DEFAULT)
    return node.with_changes(func=cst.Name(name), args=[kept])


def called(name: str, arguments: str) -> cst.BaseExpression:
    """Return a call, given the text of its arguments."""
    return cst.parse_expression(f"{name}({arguments})")


def dict_of(ranges: Mapping[str, cst.BaseExpression]) -> cst.BaseExpression:
    """Return a dict of names and ranges."""
    listed = [cst.DictElement(cst.SimpleString(quoted(k)), v) for k, v in ranges.items()]
    return cst.Dict(listed)


def quoted(name: object) -> str:
    """Return a text as it is written, between double quotes where it has no quotes itself."""
    isquoted = "'" in str(name) or '"' in str(name)
    return repr(name) if isquoted else repr(name).replace("'", '"')
