"""Statements that are taken out of a script, and the comments beside and above them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import libcst as cst
import libcst.matchers as m

NOTHING = cst.Pass()
"""What stands in a line of its own in place of what is taken out, until its block is known."""

_FOR_TOOLS = re.compile(r"#\s*(noqa|type:|pylint|isort|fmt:|mypy:|ruff:|pyright:)")


def in_place_of(
    was: cst.SimpleStatementLine,
    now: cst.SimpleStatementLine,
    parts: Sequence[cst.BaseSmallStatement],
) -> list[cst.SimpleStatementLine]:
    """Return what replaces a line of statements, each in a line of its own where it was one alone.

    Comments that have no place any more stand above.

    Parameters
    ----------
    was, now : SimpleStatementLine
        The line before anything was changed, and as it is.
    parts : sequence of BaseSmallStatement
        What is in it from now on.
    """
    if len(parts) == len(now.body) or len(was.body) > 1 or not parts:
        lines = [now.with_changes(body=parts or [NOTHING])]
    else:
        lines = [cst.SimpleStatementLine([part]) for part in parts]
        lines[-1] = lines[-1].with_changes(trailing_whitespace=now.trailing_whitespace)
        lines[0] = lines[0].with_changes(leading_lines=now.leading_lines)
    if not parts:
        lines[0] = lines[0].with_changes(trailing_whitespace=cst.TrailingWhitespace())
    kept = Counter(comment for line in lines for comment in _comments(line))
    lost = []
    for comment in _comments(was):
        if kept[comment] > 0:
            kept[comment] -= 1
        elif parts or not _FOR_TOOLS.match(comment):
            lost.append(cst.EmptyLine(comment=cst.Comment(comment)))
    lines[0] = lines[0].with_changes(leading_lines=[*lines[0].leading_lines, *lost])
    return lines


def without_empty(block: Any) -> Any:
    """Return a module or a block without what was taken out of it.

    Lines above that are above what follows, or at the end.
    """
    kept: list[Any] = []
    above: list[cst.EmptyLine] = []
    for statement in block.body:
        lines = [*statement.leading_lines]
        if any(line.comment for line in above):
            lines = [*above, *lines]
        elif len(above) > len(lines):
            lines = above
        if isinstance(statement, cst.SimpleStatementLine) and statement.body[0] is NOTHING:
            above = lines
        else:
            kept.append(statement.with_changes(leading_lines=lines))
            above = []
    below = [line for line in above if line.comment]
    if not kept and isinstance(block, cst.IndentedBlock):
        kept, below = [cst.SimpleStatementLine([cst.Pass()], leading_lines=below)], []
    return block.with_changes(body=kept, footer=[*below, *block.footer])


def _comments(node: cst.CSTNode) -> list[str]:
    found: Any = m.findall(node, m.Comment())
    return [comment.value for comment in found]
