"""What names and texts of a script stand for."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any

import libcst as cst
import libcst.matchers as m
from libcst.metadata import QualifiedName

_MODULE = cst.Module([])


def text_of(node: cst.CSTNode) -> str:
    """Return the text of a node."""
    return _MODULE.code_for_node(node)


def constant(node: cst.CSTNode | None) -> Any:
    """Return the value of a literal; None where it is none."""
    if node is None:
        return None
    try:
        return ast.literal_eval(text_of(node))
    except (ValueError, SyntaxError, TypeError, MemoryError):
        return None


def is_literal(node: cst.CSTNode) -> bool:
    """Tell whether an expression is made of literals alone, and of arithmetic on numbers."""
    if constant(node) is not None or text_of(node) == "None" or _is_number(node):
        return True
    if isinstance(node, cst.List | cst.Tuple):
        return all(isinstance(e, cst.Element) and is_literal(e.value) for e in node.elements)
    if isinstance(node, cst.Dict):
        return all(
            isinstance(e, cst.DictElement) and is_literal(e.key) and is_literal(e.value)
            for e in node.elements
        )
    return False


def _is_number(node: cst.CSTNode) -> bool:
    if isinstance(node, cst.BinaryOperation):
        return _is_number(node.left) and _is_number(node.right)
    if isinstance(node, cst.UnaryOperation):
        return _is_number(node.expression)
    return isinstance(constant(node), int | float)


def entries(node: cst.CSTNode | None) -> dict[str, cst.BaseExpression] | None:
    """Return the values of a dict that is written out, or a call of ``dict``, by its keys.

    None if it is none, or if its keys are not all written out, each once.
    """
    pairs: list[tuple[Any, cst.BaseExpression]]
    if isinstance(node, cst.Dict):
        written = [one for one in node.elements if isinstance(one, cst.DictElement)]
        if len(written) < len(node.elements):
            return None
        pairs = [(constant(one.key), one.value) for one in written]
    elif isinstance(node, cst.Call) and m.matches(node.func, m.Name("dict")):
        pairs = [(one.keyword and one.keyword.value, one.value) for one in node.args]
    else:
        return None
    found = {key: value for key, value in pairs if isinstance(key, str)}
    return found if len(found) == len(pairs) else None


def index_of(node: cst.CSTNode) -> cst.BaseExpression | None:
    """Return the one index of a subscript; None of another expression."""
    is_one = isinstance(node, cst.Subscript) and len(node.slice) == 1
    index = node.slice[0].slice if is_one else None  # type: ignore[attr-defined]
    return index.value if isinstance(index, cst.Index) else None


def key_of(node: cst.CSTNode) -> Any:
    """Return the index of a subscript where it is a literal."""
    return constant(index_of(node))


def enclosed(node: cst.BaseExpression) -> cst.BaseExpression:
    """Return an expression that may stand alone: one of several lines in brackets."""
    if "\n" not in text_of(node) or node.lpar:
        return node
    return node.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])


def canonical(names: Iterable[QualifiedName], library: str) -> str | None:
    """Return what a name stands for within a library, wherever it was imported from.

    ``hyperopt.fmin.fmin`` and ``tunesmith.compat.hyperopt.fmin`` are both ``fmin``.
    """
    for qualified in names:
        path = qualified.name.removeprefix("tunesmith.compat.").split(".")
        if path[0] != library or len(path) == 1:
            continue
        rest = path[1:]
        while len(rest) > 1 and rest[0] in ("fmin", "base", "pyll", "pyll_utils"):
            rest = rest[1:]
        return ".".join(rest)
    return None
