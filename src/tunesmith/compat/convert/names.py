"""What names and texts of a script stand for."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any

import libcst as cst
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
    except (ValueError, SyntaxError):
        return None


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
