"""The imports of a script, before and after."""

from __future__ import annotations

import importlib
from typing import Any

import libcst as cst
import libcst.matchers as m

from tunesmith.compat.convert.conversion import Notes
from tunesmith.compat.convert.facts import Facts
from tunesmith.compat.convert.lines import in_place_of, without_empty
from tunesmith.compat.convert.names import text_of

_SEARCHES = {
    "hyperopt": ("fmin",),
    "hyperas": ("optim.minimize", "optim.best_models", "optim.best_ensemble"),
}


def searches(facts: Facts) -> dict[str, int]:
    """Return the libraries that a script searches with, and the line where each is called."""
    found: dict[str, int] = {}
    for call in facts.find(m.Call()):
        for library, called in _SEARCHES.items():
            if facts.name(call, library) in called:
                found.setdefault(library, facts.line(call))
    return found


class NamedImports(cst.CSTTransformer):
    """Has ``from hyperopt import *`` name what the script uses."""

    def visit_Module(self, node: cst.Module) -> None:
        self._used = {
            name.value for name in m.findall(node, m.Name()) if isinstance(name, cst.Name)
        }
        # What other imports give names to after a star's: theirs are what the script means.
        self._given_later: dict[cst.CSTNode, set[str]] = {}
        given: set[str] = set()
        lines = [line for line in node.body if isinstance(line, cst.SimpleStatementLine)]
        for part in reversed([part for line in lines for part in line.body]):
            if isinstance(part, cst.Import | cst.ImportFrom):
                self._given_later[part] = {*given}
                given |= _given_by(part)

    def leave_ImportFrom(
        self, original_node: cst.ImportFrom, updated_node: cst.ImportFrom
    ) -> cst.ImportFrom:
        module = updated_node.module
        if module is None or not isinstance(updated_node.names, cst.ImportStar):
            return updated_node
        names = _public(text_of(module)) if is_old(updated_node) else []
        wanted = self._used - self._given_later.get(original_node, set())
        aliases = [cst.ImportAlias(cst.Name(name)) for name in names if name in wanted]
        return updated_node.with_changes(names=aliases) if aliases else updated_node


def _given_by(statement: cst.Import | cst.ImportFrom) -> set[str]:
    """Return the names that an import gives, but for those of a star."""
    if isinstance(statement.names, cst.ImportStar):
        return set()
    names = [alias.evaluated_alias or alias.evaluated_name for alias in statement.names]
    return {name.split(".")[0] for name in names}


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
        self._is_at_top = False

    def visit_Module(self, node: cst.Module) -> None:
        used = {text_of(name) for name in m.findall(node, m.Name())}
        self._notes.drop_unused(used)
        imports = m.findall(node, m.Import())
        self._header = self._notes.header({text_of(i).removeprefix("import ") for i in imports})
        self._depth = 0

    def leave_Module(self, original_node: cst.Module, updated_node: cst.Module) -> Any:
        """Put the imports at the top where none was replaced by them."""
        made = without_empty(updated_node)
        body = [*made.body]
        if not self._header:
            return made
        at = next((n for n, line in enumerate(body) if not _is_first(line)), len(body))
        body[at:at] = [cst.parse_statement(line) for line in self._header]
        return made.with_changes(body=body)

    def visit_IndentedBlock(self, node: cst.IndentedBlock) -> None:
        self._depth += 1

    def leave_IndentedBlock(
        self, original_node: cst.IndentedBlock, updated_node: cst.IndentedBlock
    ) -> Any:
        self._depth -= 1
        return without_empty(updated_node)

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> Any:
        kept = [part for part in map(self._without_old, updated_node.body) if part is not None]
        if [*updated_node.body] == kept and not any(map(_imports_old, kept)):
            return updated_node
        # What may be imported in one case alone is imported at the top.
        self._is_at_top = self._is_at_top or self._depth > 0
        header: list[Any] = []
        if not self._is_at_top:
            header, self._header = self._header, []
        parts = [cst.parse_module(line).body[0].body[0] for line in header]  # type: ignore[index]
        lines = in_place_of(original_node, updated_node, [*parts, *kept])
        return cst.FlattenSentinel(lines) if len(lines) > 1 else lines[0]

    def _without_old(self, part: cst.BaseSmallStatement) -> cst.BaseSmallStatement | None:
        """Return a statement without what it imports of an old library; None if that is all."""
        if self._notes.keeps or not _imports_old(part):
            return part
        if isinstance(part, cst.ImportFrom) or is_old(part):  # type: ignore[arg-type]
            return None
        assert isinstance(part, cst.Import)
        names = [alias for alias in part.names if not is_old_path(text_of(alias.name))]
        names[-1] = names[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
        return part.with_changes(names=names)


def is_old(statement: cst.Import | cst.ImportFrom) -> bool:
    """Tell whether an import is of an old library alone."""
    paths = _paths(statement)
    return bool(paths) and all(map(is_old_path, paths))


def _imports_old(statement: cst.CSTNode) -> bool:
    """Tell whether a statement imports an old library, and maybe others."""
    if isinstance(statement, cst.ImportFrom):
        return is_old(statement)
    return isinstance(statement, cst.Import) and any(map(is_old_path, _paths(statement)))


def _paths(statement: cst.Import | cst.ImportFrom) -> list[str]:
    if isinstance(statement, cst.Import):
        return [text_of(alias.name) for alias in statement.names]
    paths = [text_of(statement.module)] if statement.module and not statement.relative else []
    if paths == ["tunesmith.compat"] and not isinstance(statement.names, cst.ImportStar):
        return [f"tunesmith.compat.{text_of(alias.name)}" for alias in statement.names]
    return paths


def is_old_path(path: str) -> bool:
    """Tell whether what an import names is of an old library."""
    return path.removeprefix("tunesmith.compat.").split(".")[0] in ("hyperopt", "hyperas")


def _is_first(statement: cst.CSTNode) -> bool:
    """Tell whether a statement has to stand above imports."""
    if not isinstance(statement, cst.SimpleStatementLine):
        return False
    return m.matches(statement.body[0], m.Expr(m.SimpleString())) or m.matches(
        statement.body[0], m.ImportFrom(module=m.Name("__future__"))
    )
