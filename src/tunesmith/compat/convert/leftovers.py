"""What a converted script still uses of what it has no more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import libcst as cst
from libcst.metadata import (
    ImportAssignment,
    MetadataWrapper,
    PositionProvider,
    Scope,
    ScopeProvider,
)

from tunesmith.compat.convert.conversion import Notes
from tunesmith.compat.convert.imports import is_old_path
from tunesmith.compat.convert.names import text_of

_HINTS = dict.fromkeys(
    ["STATUS_OK", "STATUS_FAIL"],
    '; the function has to return the loss alone, and float("nan") where it has failed',
)


def note_leftovers(before: cst.Module, after: cst.Module, notes: Notes) -> None:
    """Note names of the old library that are left, and variables that are made no more.

    Parameters
    ----------
    before : Module
        The script as it was.
    after : Module
        The same, converted, with the old imports and without new ones.
    notes : Notes
        Gets what is found, for lines that it has no remark on.
    """
    unknown = {use.name for use in _uses(before) if not use.is_bound}
    unknown |= notes.imported
    old, new = before.code.splitlines(), after.code.splitlines()
    told = set(notes.told)
    for use in _uses(after):
        lines = _lines_before(use.name, new[use.line - 1], old)
        if use.is_old:
            notes.keeps = True
            text = f"{use.name} is left as it was{_HINTS.get(use.name.split('.')[-1], '')}"
        elif not use.is_bound and use.name not in unknown:
            text = f"there is no {use.name} any more; see what the search returns"
        else:
            continue
        if not told & {*lines}:
            notes.todo(lines[-1], text)


@dataclass(frozen=True)
class _Use:
    """A place where a script uses a name."""

    name: str
    line: int
    is_bound: bool
    is_old: bool
    """Whether the name is imported from the old library."""


def _uses(module: cst.Module) -> Iterator[_Use]:
    wrapper = MetadataWrapper(module)
    places = wrapper.resolve(PositionProvider)
    scopes = {s for s in wrapper.resolve(ScopeProvider).values() if isinstance(s, Scope)}
    for scope in scopes:
        for access in scope.accesses:
            imports = [r for r in access.referents if isinstance(r, ImportAssignment)]
            paths = {q.name for one in imports for q in one.get_qualified_names_for(one.name)}
            yield _Use(
                text_of(access.node),
                places[access.node].start.line,
                bool(access.referents),
                any(map(is_old_path, paths)),
            )


def _lines_before(name: str, line: str, lines: list[str]) -> list[int]:
    """Return the number of a line in the script as it was, or else of all uses of a name."""
    if line in lines:
        return [lines.index(line) + 1]
    word = re.compile(rf"\b{re.escape(name)}\b")
    return [number for number, text in enumerate(lines, 1) if word.search(text)] or [1]
