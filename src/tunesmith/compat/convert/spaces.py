"""Search spaces of Hyperopt as tunesmith's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import libcst as cst
import libcst.matchers as m

from tunesmith.compat.convert.asked import INT, Asked
from tunesmith.compat.convert.conversion import Notes
from tunesmith.compat.convert.facts import Facts
from tunesmith.compat.convert.made import Made, Whole, called, dict_of, quoted, renamed, tupled
from tunesmith.compat.convert.names import constant, entries, is_literal, text_of
from tunesmith.compat.convert.ranges import PARAMETERS, arguments_of, read_range

_GROUPS = m.List() | m.Tuple() | m.Set() | m.Dict() | m.BaseComp()


class Spaces:
    """Converts the search spaces of a script.

    What is understood as a whole is converted; what is not is told and stays.

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
    numbered : set of str
        Labels of choices whose values are options, and were numbers.
    renamed : dict of str to str
        Labels that are not the names of the space, and these names.
    """

    def __init__(self, facts: Facts, notes: Notes) -> None:
        self.replaced: dict[cst.CSTNode, cst.BaseExpression] = {}
        self.numbered: set[str] = set()
        self.renamed: dict[str, str] = {}
        self._facts = facts
        self._notes = notes
        self._wholes: dict[cst.CSTNode, Whole | None] = {}
        self._seen: dict[cst.CSTNode, Made | None] = {}
        self._asked = Asked(facts)

    def whole(self, space: cst.BaseExpression) -> Whole | None:
        """Return the space that a search is given; None, and a remark, if it is not known."""
        found = self._facts.value(space)
        is_written = isinstance(found, cst.Dict | cst.List | cst.Tuple) or self._asked.is_range(
            found
        )
        if found is None or (not is_written and entries(found) is None):
            self._notes.todo(
                self._facts.line(space),
                f"it is not seen what {text_of(space)} is; a space is a dict of names and ranges",
            )
            return None
        if found not in self._wholes:
            self._wholes[found] = whole = self._whole(found)
            if whole is not None:
                self.replaced[found] = whole.node
        return self._wholes[found]

    def rest(self) -> None:
        """Convert what else of spaces there is, outside of what searches are given."""
        self._facts.module.visit(_Outermost(self))

    def convert(self, node: cst.BaseExpression) -> bool:
        """Convert a part of a space where it is one; tell whether it needs no further look."""
        if node in self._wholes:
            return True
        if self._asked.is_range(node):
            holder = self._facts.holder(node)
            if isinstance(holder, cst.Assign | cst.AnnAssign | cst.Return):
                made = self._made(node)
                if made is not None:
                    self.replaced[node] = made.node
            elif any(isinstance(up, cst.BaseComp) for up in self._facts.above(node)):
                self._left(node, "ranges are written out, each under its name; this one stays")
            else:
                self._left(node, "a range cannot be computed with; do that in the function")
            return True
        is_table = isinstance(node, cst.Dict) or entries(node) is not None
        if is_table and any(self._asked.is_range(getattr(e, "value", None)) for e in _parts(node)):
            self.replaced[node] = self._table(node)[0]
            return True
        if isinstance(node, cst.List | cst.Tuple | cst.Set) and any(
            self._asked.is_range(element.value)
            or (m.matches(element.value, _GROUPS) and self._asked.holds(element.value))
            for element in node.elements
        ):
            self._left(node, "a list of ranges is no space; give each a name, in one dict")
            return True
        return False

    def _whole(self, found: cst.BaseExpression) -> Whole | None:
        if self._asked.is_range(found):
            made = self._made(found)
            if made is None:
                return None
            if made.name is not None:
                self.renamed[made.label] = made.name
                return Whole(dict_of({made.name: made.node}))
            return Whole(dict_of({made.label: made.node}), (made.label,), is_one=True)
        if isinstance(found, cst.List | cst.Tuple):
            parts = [self._made(self._value(element.value)) for element in found.elements]
            listed = {part.label: part.node for part in parts if part and part.name is None}
            if len(listed) < len(parts):
                self._left(found, "the space has to be a dict of names and ranges")
                return None
            return Whole(dict_of(listed), (*listed,))
        return Whole(self._table(found)[0])

    def _table(self, node: cst.BaseExpression) -> tuple[cst.BaseExpression, frozenset[str], bool]:
        """Return a dict of ranges, the names in it, and whether all of it is converted."""
        taken: set[str] = set()
        is_all = True
        parts: list[cst.CSTNode] = []
        for part in _parts(node):
            if isinstance(part, cst.StarredDictElement):
                self._notes.todo(
                    self._facts.line(part.value),
                    f"what {text_of(part.value)} holds has to be ranges, each once",
                )
                is_all = False
                parts.append(part)
                continue
            is_call = isinstance(part, cst.Arg)
            key = part.keyword.value if is_call else constant(part.key)
            if key is not None and not isinstance(key, str):
                is_all = False
                self._left(part.value, f"{key!r} is no name; a space has texts for names")
                parts.append(part)
                continue
            made = self._entry(key, part.value)
            if made is None:
                is_all = False
                parts.append(part)
                continue
            name = made.name or key
            names = {name, *made.opened} if isinstance(name, str) else set()
            if clash := sorted(names & taken):
                is_all = False
                self._left(
                    part.value,
                    f"{clash[0]!r} would be set twice in one space; give it another name, in the "
                    "function, too",
                )
                parts.append(part)
                continue
            taken |= names
            if made.name is not None:
                self._notes.todo(
                    self._facts.line(part.value),
                    f"what the choice opens is not in a dict under {quoted(key)} any more: the "
                    f"function reads {made.name!r} and the other names from its own dict",
                )
            if made.label and name is None and not is_call:
                self._notes.todo(
                    self._facts.line(part.key),
                    f"{made.label!r} has the name {text_of(part.key)} in the space, and in best",
                )
            if made.label and isinstance(name, str) and made.label != name:
                self.renamed[made.label] = name
            now = part.with_changes(value=made.node)
            if made.name is not None:
                word = cst.Name(made.name) if is_call else cst.SimpleString(quoted(made.name))
                now = now.with_changes(**{"keyword" if is_call else "key": word})
            parts.append(now)
        changed = node.with_changes(
            **{"args" if isinstance(node, cst.Call) else "elements": parts}
        )
        return changed, frozenset(taken), is_all

    def _entry(self, key: object, value: cst.BaseExpression) -> Made | None:
        """Return what a value of a dict becomes; None, and a remark, if it is not known."""
        found = self._value(value)
        if self._asked.is_range(found):
            made = self._made(found)
            if made is None or found is value:
                return made
            # The range is where its variable is given it.
            return Made(value, made.label, made.kind, name=made.name, opened=made.opened)
        if _is_constant(found):
            categorical = self._notes.needs("Categorical")
            self._note_lists(value)
            return Made(called(categorical, f"[{text_of(tupled(value))}]"), "", "constant")
        if self._asked.holds(value):
            is_group = m.matches(value, _GROUPS)
            self._left(
                value,
                "a space is one dict; move the names of what is within it up"
                if is_group
                else "a range cannot be computed with; do that in the function",
            )
        else:
            text = text_of(value)
            self._notes.todo(
                self._facts.line(value),
                f"{key!r}: it is not seen what {text} is; a constant is Categorical([{text}])",
            )
        return None

    def _made(self, node: cst.BaseExpression) -> Made | None:
        """Return what stands in place of a hyperparameter; None, and a remark, if it stays."""
        if node not in self._seen:
            self._seen[node] = self._read(node)
        return self._seen[node]

    def _read(self, node: cst.BaseExpression) -> Made | None:
        if not isinstance(node, cst.Call) or not self._asked.is_range(node):
            return None
        name = self._facts.name(node) or ""
        if name in INT:
            return self._int(node)
        kind = name.removeprefix("hp.")
        arguments = list(node.args)
        at = next((a for a in arguments if a.keyword and a.keyword.value == "label"), None)
        at = at or (arguments[0] if arguments and arguments[0].keyword is None else None)
        label = constant(at.value) if at is not None else None
        if not isinstance(label, str) or at is None:
            self._left(node, f"hp.{kind} has no label that is written out; write it by hand")
            return None
        arguments.remove(at)
        if any(argument.star for argument in arguments):
            self._left(node, f"the arguments of {label!r} are not written out, one by one")
            return None
        texts = [(a.keyword.value if a.keyword else None, text_of(a.value)) for a in arguments]
        given = arguments_of(kind, texts)
        if given is None:
            wanted = ", ".join(PARAMETERS[kind])
            self._left(node, f"hp.{kind} takes a label and {wanted}; write it so")
            return None
        if kind in ("choice", "pchoice"):
            return self._choice(label, kind, node, arguments[0].value)
        return self._number(node, Made(node, label, kind, given))

    def _number(self, node: cst.BaseExpression, made: Made, whole: bool = False) -> Made | None:
        found = read_range(made.kind, made.given, self._notes, whole)
        if found is None:
            self._left(node, f"tunesmith has no hp.{made.kind} as this; write a range by hand")
            return None
        if found.note is not None:
            self._notes.todo(self._facts.line(node), found.note)
        text = found.written(self._notes.needs(found.kind))
        return Made(cst.parse_expression(text), made.label, made.kind, made.given)

    def _int(self, node: cst.Call) -> Made | None:
        inner = self._made(node.args[0].value) if len(node.args) == 1 else None
        if inner is not None and inner.kind == "quniform":
            return self._number(node, inner, whole=True)
        if inner is not None and inner.kind in ("randint", "uniformint"):
            return inner
        self._left(node, "scope.int of this cannot be converted; write Int(low, high)")
        return None

    def _choice(
        self, label: str, kind: str, node: cst.Call, options: cst.BaseExpression
    ) -> Made | None:
        written = isinstance(options, cst.List | cst.Tuple)
        known = self._value(options)
        if not written and (
            kind == "pchoice" or self._asked.makes(options) or self._asked.holds(known)
        ):
            self._left(node, f"the options of {label!r} are not written out")
            return None
        if not isinstance(options, cst.List | cst.Tuple):
            self.numbered.add(label)
            self._note_lists(options)
            categorical = self._notes.needs("Categorical")
            return Made(called(categorical, f"list({text_of(options)})"), label)
        values: list[cst.BaseExpression] = [element.value for element in options.elements]
        if any(isinstance(element, cst.StarredElement) for element in options.elements):
            self._left(node, f"the options of {label!r} are not written out, one by one")
            return None
        chances = ""
        if kind == "pchoice":
            pairs = [v.elements for v in values if isinstance(v, cst.Tuple | cst.List)]
            if [len(pair) for pair in pairs] != [2] * len(values):
                self._left(node, f"the options of {label!r} are no pairs of chance and option")
                return None
            values = [pair[1].value for pair in pairs]
            chances = f", weights=[{', '.join(text_of(pair[0].value) for pair in pairs)}]"
        if [constant(value) for value in values] != [*range(len(values))]:
            self.numbered.add(label)
        if not any(
            self._asked.holds(self._value(value)) or self._asked.makes(value) for value in values
        ):
            categorical = self._notes.needs("Categorical")
            for value in values:
                self._note_lists(value)
            if kind == "choice":
                elements = [e.with_changes(value=tupled(e.value)) for e in options.elements]
                now = options.with_changes(elements=elements)
                return Made(renamed(node, categorical, options, now), label)
            listed = ", ".join(text_of(tupled(value)) for value in values)
            return Made(called(categorical, f"[{listed}]{chances}"), label)
        return self._branches(label, node, options, values, chances)

    def _branches(
        self,
        label: str,
        node: cst.Call,
        options: cst.List | cst.Tuple,
        values: list[cst.BaseExpression],
        chances: str,
    ) -> Made | None:
        """Return a choice of dicts."""
        name = _telling(values)
        if name is None:
            self._left(
                node,
                f"the options of {label!r} hold ranges; write Choice({{key: {{name: range}}}}), "
                "which gives the function the key and the names that it opens in one dict",
            )
            return None
        branches: list[cst.DictElement] = []
        opened: set[str] = set()
        for element, value in zip(options.elements, values, strict=True):
            key = (entries(value) or {})[name]
            inner, names, is_all = self._table(_without(value, name))
            if not is_all or name in names:
                self._left(node, f"an option of {label!r} cannot be converted, so none is")
                return None
            opened |= names
            branches.append(cst.DictElement(key, inner, comma=element.comma))
        table = cst.Dict(branches)
        if isinstance(options, cst.List):
            table = table.with_changes(
                lbrace=cst.LeftCurlyBrace(options.lbracket.whitespace_after),
                rbrace=cst.RightCurlyBrace(options.rbracket.whitespace_before),
            )
        choice = self._notes.needs("Choice")
        if chances:
            now: cst.BaseExpression = called(choice, f"{text_of(table)}{chances}")
        else:
            now = renamed(node, choice, options, table)
        return Made(now, label, name=name, opened=frozenset(opened))

    def _value(self, node: cst.BaseExpression) -> cst.BaseExpression:
        return self._facts.value(node) or node

    def _note_lists(self, node: cst.BaseExpression) -> None:
        """Tell of lists that a variable holds, which Hyperopt gives a function as tuples."""
        known = self._value(node)
        lists = m.findall(known, m.List()) if known is not node else ()
        if any(one is not known for one in lists):
            self._notes.todo(
                self._facts.line(node),
                f"the function gets lists of {text_of(node)}, which Hyperopt made tuples of",
            )

    def _left(self, node: cst.CSTNode, text: str) -> None:
        self._notes.left(self._facts.line(node), text, self._facts.last_line(node))


class _Outermost(cst.CSTVisitor):
    """Has parts of spaces converted that stand in no other part."""

    def __init__(self, spaces: Spaces) -> None:
        self._spaces = spaces

    def on_visit(self, node: cst.CSTNode) -> bool:
        """Look into what is no part of a space."""
        return not (isinstance(node, cst.BaseExpression) and self._spaces.convert(node))


def _parts(table: cst.BaseExpression) -> Sequence[Any]:
    """Return the elements of a dict that is written out, or the arguments of ``dict``."""
    return table.args if isinstance(table, cst.Call) else table.elements  # type: ignore[attr-defined]


def _telling(options: list[cst.BaseExpression]) -> str | None:
    """Return the key whose constant values tell dicts apart; None if there is none."""
    tables = [entries(option) for option in options]
    if not all(isinstance(option, cst.Dict) for option in options) or None in tables:
        return None
    for key in tables[0] or {}:
        values = [constant((table or {}).get(key)) for table in tables]
        are_keys = all(isinstance(value, str | int | float) for value in values)
        if are_keys and len(set(values)) == len(values):
            return key
    return None


def _without(table: cst.BaseExpression, key: str) -> cst.BaseExpression:
    """Return a dict without a key."""
    assert isinstance(table, cst.Dict)
    rest = [e for e in table.elements if constant(getattr(e, "key", None)) != key]
    if rest and rest[-1] is not table.elements[-1]:
        rest[-1] = rest[-1].with_changes(comma=table.elements[-1].comma)
    return table.with_changes(elements=rest)


def _is_constant(node: cst.BaseExpression) -> bool:
    """Tell whether an expression has one value that can be told from it alone."""
    return is_literal(node) or not m.findall(node, m.Name() | m.Call())
