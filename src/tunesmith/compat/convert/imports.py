"""The imports of a script, before and after."""

from __future__ import annotations

import importlib
from typing import Any

import libcst as cst
import libcst.matchers as m
from libcst.metadata import MetadataWrapper, PositionProvider, QualifiedNameProvider

from tunesmith.compat.convert.conversion import Notes
from tunesmith.compat.convert.names import canonical, text_of

_SEARCHES = {"hyperopt": ("fmin",), "hyperas": ("optim.minimize",)}


def searches(wrapper: MetadataWrapper) -> dict[str, int]:
    """Return the libraries that a script searches with, and the line where each is called."""
    names = wrapper.resolve(QualifiedNameProvider)
    places = wrapper.resolve(PositionProvider)
    found: dict[str, int] = {}
    for call in m.findall(wrapper.module, m.Call()):
        assert isinstance(call, cst.Call)
        for library, called in _SEARCHES.items():
            if canonical(_names(names, call.func), library) in called:
                found.setdefault(library, places[call].start.line)
    return found


class NamedImports(cst.CSTTransformer):
    """Has ``from hyperopt import *`` name what the script uses."""

    def visit_Module(self, node: cst.Module) -> None:
        self._used = {
            name.value for name in m.findall(node, m.Name()) if isinstance(name, cst.Name)
        }

    def leave_ImportFrom(
        self, original_node: cst.ImportFrom, updated_node: cst.ImportFrom
    ) -> cst.ImportFrom:
        module = updated_node.module
        if module is None or not isinstance(updated_node.names, cst.ImportStar):
            return updated_node
        names = _public(text_of(module)) if is_old(updated_node) else []
        aliases = [cst.ImportAlias(cst.Name(name)) for name in names if name in self._used]
        return updated_node.with_changes(names=aliases) if aliases else updated_node


def _public(path: str) -> list[str]:
    """Return the names that a module of an old library gives, as ours of its name does."""
    try:
        module = importlib.import_module(
            f"tunesmith.compat.{path.removeprefix('tunesmith.compat.')}"
        )
    except ImportError:
        return []
    return sorted(getattr(module, "__all__", [n for n in vars(module) if not n.startswith("_")]))


class Imports(cst.CSTTransformer):
    """Replaces the imports of an old library.

    Parameters
    ----------
    notes : Notes
        Tells what is to be imported, and whether the old imports have to stay.
    """

    def __init__(self, notes: Notes) -> None:
        super().__init__()
        self._notes = notes
        self._header: list[str] = []

    def visit_Module(self, node: cst.Module) -> None:
        imports = m.findall(node, m.Import())
        self._header = self._notes.header({text_of(i).removeprefix("import ") for i in imports})

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> Any:
        statement = updated_node.body[0] if len(updated_node.body) == 1 else None
        if not isinstance(statement, cst.Import | cst.ImportFrom) or not is_old(statement):
            return updated_node
        header, self._header = self._header, []
        lines: list[Any] = [cst.parse_statement(line) for line in header]
        if self._notes.keeps:
            lines.append(updated_node.with_changes(leading_lines=[]))
        if not lines:
            return cst.RemoveFromParent()
        lines[0] = lines[0].with_changes(leading_lines=updated_node.leading_lines)
        return cst.FlattenSentinel(lines)


def is_old(statement: cst.Import | cst.ImportFrom) -> bool:
    """Tell whether an import is of an old library alone."""
    if isinstance(statement, cst.Import):
        paths = [text_of(alias.name) for alias in statement.names]
    else:
        paths = [text_of(statement.module)] if statement.module else []
        if paths == ["tunesmith.compat"] and not isinstance(statement.names, cst.ImportStar):
            paths = [f"tunesmith.compat.{text_of(alias.name)}" for alias in statement.names]
    roots = {path.removeprefix("tunesmith.compat.").split(".")[0] for path in paths}
    return bool(roots) and roots <= {"hyperopt", "hyperas"}


def _names(found: Any, node: cst.CSTNode) -> Any:
    names = found.get(node, ())
    return names() if callable(names) else names
