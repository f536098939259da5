"""Where a script looks at the best values of its searches."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

import libcst as cst
import libcst.matchers as m

from tunesmith.compat.convert.conversion import Notes
from tunesmith.compat.convert.facts import Facts, returned
from tunesmith.compat.convert.names import key_of, text_of
from tunesmith.compat.convert.searches import Search


class Best:
    """The best values of searches, which have other names now, or options for their numbers.

    Parameters
    ----------
    facts : Facts
        The script.
    notes : Notes
        Gets what is to be looked at by hand.
    searches : mapping of libcst.CSTNode to Search
        The searches that give them, by their calls.
    targets : sequence of (Search, libcst.BaseExpression)
        What they are given to.
    """

    def __init__(
        self,
        facts: Facts,
        notes: Notes,
        searches: Mapping[cst.CSTNode, Search],
        targets: Sequence[tuple[Search, cst.BaseExpression]],
    ) -> None:
        self._facts = facts
        self._notes = notes
        self._searches = searches
        self._given = targets
        self._targets = [target for _, target in targets]

    def holds(self, node: cst.CSTNode, seen: Collection[cst.CSTNode] = ()) -> bool:
        """Tell whether an expression stands for best values, or calls what returns them."""
        if node in self._searches:
            return True
        if isinstance(node, cst.Name):
            one = self._facts.definition(node)
            may_be = [one] if one is not None else self._facts.definitions(node)
            if may_be and all(each in self._targets for each in may_be):
                return True
            value = self._facts.value(node)
            return isinstance(value, cst.Call) and self.holds(value, seen)
        if isinstance(node, cst.Call):
            function = self._facts.functions(node.func)[-1:]
            values = [value for one in function if one not in seen for value in returned(one)]
            return bool(values) and all(self.holds(v, [*seen, *function]) for v in values)
        return any(text_of(target) == text_of(node) for target in self._targets)

    def note(self, others: Sequence[tuple[Search, cst.CSTNode]]) -> None:
        """Tell where best values may be taken for what they are not any more.

        Parameters
        ----------
        others : sequence of (Search, libcst.CSTNode)
            Where else best values are looked at, but by what they are given to.
        """
        for search, node in [*self._readers(), *others]:
            text = text_of(node) if isinstance(node, cst.Name | cst.Attribute) else "what it gives"
            holder = self._facts.holder(node)
            key = key_of(holder)
            if isinstance(key, str):
                if now := _now(key, search):
                    self._notes.todo(self._facts.line(node), f"{text}[{key!r}] is {now}")
            elif not self._is_shown(holder) and self._is_known(node):
                for now in _all(search):
                    self._notes.todo(self._facts.line(node), f"{text} {now}")
        for search, target in self._given:
            if isinstance(target, cst.Subscript):
                for now in _all(search):
                    text = f"{text_of(target)} {now}; see where it is read"
                    self._notes.todo(self._facts.line(target), text)

    def _readers(self) -> Iterator[tuple[Search, cst.CSTNode]]:
        """Yield where variables and attributes that hold best values are looked at."""
        for search, target in self._given:
            yield from ((search, node) for node in self._facts.looked_at(target))

    def _is_known(self, node: cst.CSTNode) -> bool:
        """Tell whether it is sure that these are best values, not something of the same name."""
        return (
            not isinstance(node, cst.Attribute) or node.attr.value == "argmin" or self.holds(node)
        )

    def _is_shown(self, holder: cst.CSTNode) -> bool:
        """Tell whether best values are but shown, or given to what gives values for numbers."""
        if isinstance(holder, cst.Call):
            return m.matches(holder.func, _SHOWS) or self._facts.name(holder) == "space_eval"
        if isinstance(holder, cst.Expr | cst.FormattedStringExpression):
            return True
        return m.matches(holder, m.BinaryOperation(m.SimpleString(), m.Modulo()))


_LOGS = ("critical", "debug", "error", "exception", "info", "log", "warning")
_SHOWS = (
    m.OneOf(*(m.Name(name) for name in ("len", "pprint", "print", "repr", "sorted", "str")))
    | m.Attribute(m.SimpleString(), m.Name("format"))
    | m.OneOf(*(m.Attribute(attr=m.Name(name)) for name in _LOGS))
)


def _now(key: str, search: Search) -> str:
    """Return what the best value of a label is now; nothing where it is as it was."""
    if key in search.renamed and key in search.numbered:
        return f"under {search.renamed[key]!r} now, and the option itself, not its number"
    if key in search.renamed:
        return f"under {search.renamed[key]!r} now"
    return "the option itself now, not its number" if key in search.numbered else ""


def _all(search: Search) -> Iterator[str]:
    """Yield what is to be said of all best values of a search."""
    if search.renamed:
        old, new = min(search.renamed.items())
        options = "; and options themselves, not their numbers" if search.numbered else ""
        yield f"has the names of the space now: {old!r} is under {new!r}{options}"
    elif search.numbered:
        yield "holds options themselves now, not their numbers"
    if search.constants:
        yield f"has the constants of the space, too: {', '.join(sorted(search.constants))}"
