"""Where a script looks at the best values of its searches."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import libcst as cst
import libcst.matchers as m

from tunesmith.compat.convert.conversion import Notes
from tunesmith.compat.convert.facts import Facts, returned
from tunesmith.compat.convert.names import constant, text_of


class Best:
    """The best values of searches, which have other names now, or options for their numbers.

    Parameters
    ----------
    facts : Facts
        The script.
    notes : Notes
        Gets what is to be looked at by hand.
    searches : collection of libcst.CSTNode
        The calls that give them.
    targets : sequence of libcst.BaseExpression
        What they are given to.
    """

    def __init__(
        self,
        facts: Facts,
        notes: Notes,
        searches: Collection[cst.CSTNode],
        targets: Sequence[cst.BaseExpression],
    ) -> None:
        self._facts = facts
        self._notes = notes
        self._searches = searches
        self._targets = targets

    def holds(self, node: cst.CSTNode, seen: Collection[cst.CSTNode] = ()) -> bool:
        """Tell whether an expression stands for best values, or calls what returns them."""
        if node in self._searches:
            return True
        if isinstance(node, cst.Name):
            one = self._facts.definition(node)
            may_be = [one] if one is not None else self._facts.definitions(node)
            if may_be and all(each in self._targets for each in may_be):
                return True
            node = self._facts.value(node) or node
        if isinstance(node, cst.Call):
            function = self._facts.functions(node.func)[-1:]
            values = [value for one in function if one not in seen for value in returned(one)]
            return bool(values) and all(self.holds(v, [*seen, *function]) for v in values)
        return any(text_of(target) == text_of(node) for target in self._targets)

    def note(
        self,
        numbered: Collection[str],
        renamed: Mapping[str, str],
        others: Sequence[cst.CSTNode],
    ) -> None:
        """Tell where best values may be taken for numbers of options, or by other names.

        Parameters
        ----------
        numbered : collection of str
            Labels of choices whose values are options, and were numbers.
        renamed : mapping of str to str
            Labels that are not the names of the space, and these names.
        others : sequence of libcst.CSTNode
            Where else best values are looked at, but by their variables.
        """
        if not numbered and not renamed:
            return
        for node in [*self._readers(), *others]:
            text = text_of(node) if isinstance(node, cst.Name | cst.Attribute) else "what it gives"
            holder = self._facts.holder(node)
            key = key_of(holder)
            if isinstance(key, str):
                if now := _now(key, numbered, renamed):
                    self._notes.todo(self._facts.line(node), f"{text}[{key!r}] is {now}")
            elif not self._is_shown(holder) and self._is_known(node):
                self._notes.todo(self._facts.line(node), _whole(text, numbered, renamed))
        for target in self._targets:
            if isinstance(target, cst.Subscript):
                text = _whole(text_of(target), numbered, renamed)
                self._notes.todo(self._facts.line(target), f"{text}; see where it is read")

    def _readers(self) -> Iterator[cst.CSTNode]:
        """Yield where variables and attributes that hold best values are looked at."""
        for target in self._targets:
            if isinstance(target, cst.Name):
                yield from self._facts.readers(target)
            elif isinstance(target, cst.Attribute):
                named = m.Attribute(attr=m.Name(target.attr.value))
                yield from filter(self._facts.is_read, self._facts.find(named))

    def _is_known(self, node: cst.CSTNode) -> bool:
        """Tell whether it is sure that these are best values, not something of the same name."""
        return (
            not isinstance(node, cst.Attribute) or node.attr.value == "argmin" or self.holds(node)
        )

    def _is_shown(self, holder: cst.CSTNode) -> bool:
        """Tell whether best values are but shown, or given to what gives values for numbers."""
        if isinstance(holder, cst.Call):
            shown = m.matches(holder.func, m.Name("print") | m.Name("pprint") | m.Name("sorted"))
            return shown or self._facts.name(holder) == "space_eval"
        return isinstance(holder, cst.Expr | cst.FormattedStringExpression)


def key_of(node: cst.CSTNode) -> Any:
    """Return the index of a subscript where it is a literal."""
    is_one = isinstance(node, cst.Subscript) and len(node.slice) == 1
    index = node.slice[0].slice if is_one else None  # type: ignore[attr-defined]
    return constant(index.value) if isinstance(index, cst.Index) else None


def _now(key: str, numbered: Collection[str], renamed: Mapping[str, str]) -> str:
    """Return what the best value of a label is now; nothing where it is as it was."""
    if key in renamed and key in numbered:
        return f"under {renamed[key]!r} now, and the option itself, not its number"
    if key in renamed:
        return f"under {renamed[key]!r} now"
    return "the option itself now, not its number" if key in numbered else ""


def _whole(text: str, numbered: Collection[str], renamed: Mapping[str, str]) -> str:
    """Return what is to be said of all best values."""
    if not renamed:
        return f"{text} holds options themselves now, not their numbers"
    old, new = min(renamed.items())
    said = f"{text} has the names of the space now: {old!r} is under {new!r}"
    return f"{said}; and options themselves, not their numbers" if numbered else said
