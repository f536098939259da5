"""The search spaces of a script."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst
import libcst.matchers as m

from tunesmith.compat.convert.asked import Asked
from tunesmith.compat.convert.conversion import Notes
from tunesmith.compat.convert.facts import Facts, targets_of
from tunesmith.compat.convert.made import Whole
from tunesmith.compat.convert.names import entries, index_of, text_of
from tunesmith.compat.convert.reading import Reading, Stays, parts_of

_OF_SEARCHES = {"algo", "fn", "max_evals", "space"}


class Spaces:
    """Converts the search spaces of a script.

    A space is converted as a whole; one that cannot be stays, and it is told why.

    Parameters
    ----------
    facts : Facts
        The script.
    notes : Notes
        Gets what is left to do, and what is to be imported.

    Attributes
    ----------
    replaced : dict of libcst.CSTNode to libcst.BaseExpression
        What stands in place of parts of the script.
    loose : Reading
        What is known of parts of spaces that are not seen to be given to a search.
    """

    def __init__(self, facts: Facts, notes: Notes) -> None:
        self.replaced: dict[cst.CSTNode, cst.BaseExpression] = {}
        self._facts = facts
        self._notes = notes
        self._asked = Asked(facts)
        self.loose = Reading(facts, notes, self._asked)
        self._read: dict[cst.CSTNode, tuple[Whole, Reading] | None] = {}
        # What is in spaces that stay.
        self._kept: set[cst.CSTNode] = set()

    def read(self, space: cst.BaseExpression) -> None:
        """Read the space that a search is given; tell of one that is not seen, or stays."""
        found = self._facts.source(space)
        written = cst.Dict | cst.List | cst.Tuple | cst.DictComp
        if found is None or not (
            isinstance(found, written) or self._asked.is_range(found) or entries(found) is not None
        ):
            self._notes.todo(
                self._facts.line(space),
                f"it is not seen what {text_of(space)} is; a space is a dict of names and ranges",
            )
        elif found not in self._read:
            reading = Reading(self._facts, self._notes, self._asked)
            try:
                whole = reading.whole(found)
                for key, value in self._puts(found, space):
                    reading.placed[value] = reading.put(value, key)
                self._read[found] = whole, reading
            except Stays as stays:
                self._keep(found, stays)

    def settle(self) -> None:
        """Convert the spaces that have been read, and have no part in one that stays."""
        before = -1
        while before < len(self._kept):
            before = len(self._kept)
            for found, read in self._read.items():
                if read is not None and self._kept & {found, *read[1].placed}:
                    self._keep(found, Stays((found, "a part of this space is in one that stays")))
        for found, read in self._read.items():
            if read is not None:
                whole, reading = read
                self.replaced |= {found: whole.node, **reading.placed}
                self._tell(reading)

    def whole(self, space: cst.BaseExpression) -> tuple[Whole, Reading] | None:
        """Return the space that a search is given, and what is known of it; None if unknown."""
        return self._read.get(self._facts.source(space))  # type: ignore[arg-type]

    def stays(self, space: cst.BaseExpression) -> bool:
        """Tell whether the space that a search is given stays as it was."""
        found = self._facts.source(space)
        return found in self._read and self._read[found] is None

    def rest(self) -> None:
        """Convert what else of spaces there is, which may be given to searches by names."""
        self._facts.module.visit(_Outermost(self))

    def convert(self, node: cst.BaseExpression) -> bool:
        """Convert a part of a space where it is one; tell whether it needs no further look."""
        if node in self._read or node in self.replaced or node in self._kept:
            return True
        reading = Reading(self._facts, self._notes, self._asked)
        try:
            made = self._part(node, reading)
        except Stays as stays:
            self._leave(stays)
            return True
        if made is None:
            return False
        self.replaced |= {node: made, **reading.placed}
        self.loose.numbered |= reading.numbered
        self.loose.renamed |= reading.renamed
        self._tell(reading)
        return True

    def _part(self, node: cst.BaseExpression, reading: Reading) -> cst.BaseExpression | None:
        """Return what a part of a space becomes; None if it is none."""
        if self._asked.is_range(node):
            return self._range(node, reading)
        if isinstance(node, cst.DictComp) and self._asked.is_range(node.value):
            return reading.comprehension(node)
        table = entries(node)
        if table is not None and any(map(self._asked.is_range, table.values())):
            if table.keys() & _OF_SEARCHES:
                raise Stays((node, "the arguments of a search are written in its call"))
            return reading.table(node)[0]
        if isinstance(node, cst.Dict) and any(
            self._asked.is_range(getattr(part, "value", None)) for part in parts_of(node)
        ):
            return reading.table(node)[0]
        if isinstance(node, cst.List | cst.Tuple | cst.Set) and any(
            self._asked.is_range(element.value) or self._asked.is_group(element.value)
            for element in node.elements
        ):
            raise Stays((node, "a list of ranges is no space; give each a name, in one dict"))
        return None

    def _range(self, node: cst.BaseExpression, reading: Reading) -> cst.BaseExpression:
        """Return what a range becomes that stands in no dict."""
        holder = self._facts.holder(node)
        if not isinstance(holder, cst.Assign | cst.AnnAssign | cst.Return):
            computed = isinstance(holder, cst.BinaryOperation | cst.UnaryOperation)
            raise Stays(
                (
                    node,
                    "a range cannot be computed with; do that in the function"
                    if computed
                    else "this range stays; a space is a dict of names and ranges, written out",
                )
            )
        target = next(iter(targets_of(holder)), None)
        key = index_of(target) if target is not None else None
        return reading.put(node, key)

    def _puts(
        self, found: cst.CSTNode, space: cst.CSTNode
    ) -> Iterator[tuple[cst.BaseExpression | None, cst.BaseExpression]]:
        """Yield the ranges that are put into a space once it is there, with their keys."""
        targets: list[cst.CSTNode] = [*targets_of(self._facts.holder(found))]
        variable = self._facts.definition(space)
        targets += [variable] if variable is not None and variable not in targets else []
        for target in targets:
            for reader in self._facts.looked_at(target):
                part, statement = self._facts.holder(reader), self._facts.statement(reader)
                is_put = isinstance(part, cst.Subscript) and part in targets_of(statement)
                value = getattr(statement, "value", None)
                if is_put and isinstance(value, cst.Call) and self._asked.is_range(value):
                    yield index_of(part), value

    def _keep(self, found: cst.CSTNode, stays: Stays) -> None:
        """Leave a space as it was, with all that it has by names."""
        self._read[found] = None
        self._kept |= {*self._reached(found)}
        self._leave(stays)

    def _reached(self, found: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """Yield an expression, and what the names in it stand for."""
        todo, seen = [found], set()
        while todo:
            node = todo.pop()
            if node in seen:
                continue
            seen.add(node)
            yield node
            names = self._facts.find(m.Name(), node)
            todo += [value for value in map(self._facts.value, names) if value is not None]

    def _leave(self, stays: Stays) -> None:
        for node, text in stays.reasons:
            self._notes.left(self._facts.line(node), text, self._facts.last_line(node))

    def _tell(self, reading: Reading) -> None:
        for node, text in reading.remarks:
            self._notes.todo(self._facts.line(node), text)


class _Outermost(cst.CSTVisitor):
    """Has parts of spaces converted that stand in no other part."""

    def __init__(self, spaces: Spaces) -> None:
        self._spaces = spaces

    def on_visit(self, node: cst.CSTNode) -> bool:
        """Look into what is no part of a space."""
        return not (isinstance(node, cst.BaseExpression) and self._spaces.convert(node))
