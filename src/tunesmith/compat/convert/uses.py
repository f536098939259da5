"""What a script does with spaces that its variables hold, besides searching them."""

from __future__ import annotations

from collections.abc import Collection

import libcst as cst

from tunesmith.compat.convert.conversion import Notes
from tunesmith.compat.convert.facts import Facts, targets_of
from tunesmith.compat.convert.names import entries, text_of


def note_uses(
    facts: Facts,
    notes: Notes,
    spaces: Collection[cst.CSTNode],
    given: Collection[cst.CSTNode],
) -> None:
    """Tell where spaces are changed or read that variables hold, but by searches.

    Parameters
    ----------
    facts : Facts
        The script.
    notes : Notes
        Gets what is to be looked at by hand.
    spaces : collection of libcst.CSTNode
        What becomes tunesmith's own.
    given : collection of libcst.CSTNode
        What searches are given as spaces.
    """
    for node in spaces:
        targets = targets_of(facts.holder(node)) if entries(node) is not None else ()
        for reader in (reader for target in targets for reader in facts.looked_at(target)):
            text = _changed(facts, reader, spaces)
            if reader not in given and text is not None:
                notes.todo(facts.line(reader), text)


def _changed(facts: Facts, space: cst.CSTNode, spaces: Collection[cst.CSTNode]) -> str | None:
    """Return what is to be said where a space is looked at; None if it is as it was."""
    holder, text = facts.holder(space), text_of(space)
    put = f"what is put into {text} has to be a range; a constant is Categorical([constant])"
    if isinstance(holder, cst.Subscript) and holder.value is space:
        if facts.is_read(holder):
            return f"{text_of(holder)} is a range of tunesmith now"
        statement = facts.statement(holder)
        is_put = isinstance(statement, cst.Assign) and statement.value not in spaces
        return put if is_put else None
    if isinstance(holder, cst.Attribute):
        if holder.attr.value in ("update", "setdefault"):
            return put
        if holder.attr.value in ("get", "items", "pop", "popitem", "values"):
            return f"what {text} holds are ranges of tunesmith now"
    return None
