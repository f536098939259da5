"""A search space of Hyperopt, read as one of tunesmith's."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import libcst as cst

from tunesmith.compat.convert.asked import INT, Asked
from tunesmith.compat.convert.conversion import Notes
from tunesmith.compat.convert.facts import Facts
from tunesmith.compat.convert.made import Made, Whole, called, dict_of, quoted, renamed, tupled
from tunesmith.compat.convert.names import constant, entries, text_of
from tunesmith.compat.convert.ranges import PARAMETERS, arguments_of, read_range


class Stays(Exception):
    """That a space cannot be converted, and why.

    Parameters
    ----------
    *reasons : (libcst.CSTNode, str)
        What stands in the way.
    """

    def __init__(self, *reasons: tuple[cst.CSTNode, str]) -> None:
        super().__init__()
        self.reasons = reasons


class Reading:
    """Reads a space, or a part of one.

    Parameters
    ----------
    facts : Facts
        The script.
    notes : Notes
        Gets what is to be imported.
    asked : Asked
        Tells hyperparameters.

    Attributes
    ----------
    placed : dict of libcst.CSTNode to libcst.BaseExpression
        What stands in place of hyperparameters that variables hold.
    remarks : list of (libcst.CSTNode, str)
        What is left to do by hand.
    numbered : set of str
        Labels of choices whose best values are options, and were numbers.
    renamed : dict of str to str
        Labels that are not the names of the space, and these names.
    constants : set of str
        Names that have one value.
    """

    def __init__(self, facts: Facts, notes: Notes, asked: Asked) -> None:
        self.placed: dict[cst.CSTNode, cst.BaseExpression] = {}
        self.remarks: list[tuple[cst.CSTNode, str]] = []
        self.numbered: set[str] = set()
        self.renamed: dict[str, str] = {}
        self.constants: set[str] = set()
        self._facts = facts
        self._notes = notes
        self._asked = asked

    def whole(self, found: cst.BaseExpression) -> Whole:
        """Return a space, given what a search is given, where it is written.

        Raises
        ------
        Stays
            If it cannot be converted.
        """
        if self._asked.is_range(found):
            made = self.range(found)
            if made.name is not None:
                self.renamed[made.label] = made.name
                return Whole(dict_of({made.name: made.node}))
            return Whole(dict_of({made.label: made.node}), (made.label,), is_one=True)
        if isinstance(found, cst.DictComp):
            return Whole(self.comprehension(found))
        if isinstance(found, cst.List | cst.Tuple):
            values = [self._value(element.value) for element in found.elements]
            if not all(map(self._asked.is_range, values)):
                raise Stays((found, "the space has to be a dict of names and ranges"))
            parts = [self.range(value) for value in values]
            listed = {part.label: part.node for part in parts if part.name is None}
            if len(listed) < len(parts):
                raise Stays((found, "the space has to be a dict of names and ranges"))
            return Whole(dict_of(listed), (*listed,))
        return Whole(self.table(found)[0])

    def comprehension(self, node: cst.DictComp) -> cst.BaseExpression:
        """Return a comprehension of names and ranges whose labels are the names."""
        if not self._asked.is_range(node.value):
            raise Stays((node, "ranges are written out, each under its name; these stay"))
        made = self.range(node.value, node.key)
        return node.with_changes(value=made.node)

    def table(self, node: cst.BaseExpression) -> tuple[cst.BaseExpression, frozenset[str]]:
        """Return a dict of names and ranges, and all names that there may be in it."""
        taken: set[str] = set()
        labels: dict[str, object] = {}
        parts: list[cst.CSTNode] = []
        reasons: list[tuple[cst.CSTNode, str]] = []
        for part in parts_of(node):
            try:
                now, made = self._part(part)
                name = made.name or _key(part)
                names = {name, *made.opened} if isinstance(name, str) else {*made.opened}
                if clash := sorted(names & taken):
                    text = f"{clash[0]!r} would be set twice in one space; give it another name"
                    raise Stays((part.value, f"{text}, in the function, too"))
            except Stays as stays:
                reasons += stays.reasons
                continue
            if made.label and made.label in labels:
                text = f"{labels[made.label]!r} and {name!r} have one value in Hyperopt"
                self.remarks.append((part.value, f"{text}; here each has its own"))
            labels[made.label] = name
            taken |= names
            parts.append(now)
        if reasons:
            raise Stays(*reasons)
        changed = node.with_changes(
            **{"args" if isinstance(node, cst.Call) else "elements": parts}
        )
        return changed, frozenset(taken)

    def range(self, node: cst.BaseExpression, key: cst.BaseExpression | None = None) -> Made:
        """Return what stands in place of a hyperparameter.

        Parameters
        ----------
        node : libcst.BaseExpression
            The hyperparameter.
        key : libcst.BaseExpression or None, default=None
            What its name is in the space, where the label may be no literal but this.
        """
        assert isinstance(node, cst.Call)
        name = self._facts.name(node) or ""
        if name in INT:
            return self._int(node, key)
        kind = name.removeprefix("hp.")
        arguments = list(node.args)
        at = next((a for a in arguments if a.keyword and a.keyword.value == "label"), None)
        at = at or (arguments[0] if arguments and arguments[0].keyword is None else None)
        label = constant(at.value) if at is not None else None
        is_choice = kind in ("choice", "pchoice")
        if at is not None and key is not None and text_of(key) == text_of(at.value):
            label = "" if label is None and not is_choice else label
        if not isinstance(label, str) or at is None:
            raise Stays((node, f"hp.{kind} has no label that is written out; write it by hand"))
        arguments.remove(at)
        if any(argument.star for argument in arguments):
            raise Stays((node, f"the arguments of {label!r} are not written out, one by one"))
        texts = [(a.keyword.value if a.keyword else None, text_of(a.value)) for a in arguments]
        given = arguments_of(kind, texts)
        if given is None:
            wanted = ", ".join(PARAMETERS[kind])
            raise Stays((node, f"hp.{kind} takes a label and {wanted}; write it so"))
        if is_choice:
            return self._choice(label, kind, node, arguments[0].value)
        return self._number(node, Made(node, label, kind, given))

    def put(self, node: cst.BaseExpression, key: cst.BaseExpression | None) -> cst.BaseExpression:
        """Return what becomes of a range that is put under a key, or given to a variable."""
        made = self.range(node, key)
        if made.name is not None:
            raise Stays((node, "a choice of dicts is written in the dict that is its space"))
        name = constant(key)
        if isinstance(name, str) and made.label and name != made.label:
            self.renamed[made.label] = name
        elif key is not None and not isinstance(name, str) and made.label:
            text = f"{made.label!r} has the name {text_of(key)} in the space, and in best"
            self.remarks.append((node, text))
        return made.node

    def _part(self, part: Any) -> tuple[Any, Made]:
        """Return what becomes of a name and its range."""
        if isinstance(part, cst.StarredDictElement):
            made = self._spread(part.value)
            return part.with_changes(value=made.node), made
        key = _key(part)
        if key is not None and not isinstance(key, str):
            raise Stays((part.value, f"{key!r} is no name; a space has texts for names"))
        made = self._entry(part)
        name = made.name or key
        if made.name is not None:
            self.remarks.append(
                (
                    part.value,
                    f"what the choice opens is not in a dict under {quoted(key)} any more: the "
                    f"function reads {made.name!r} and the other names from its own dict",
                )
            )
        if made.label and name is None:
            text = f"{made.label!r} has the name {text_of(part.key)} in the space, and in best"
            self.remarks.append((part.key, text))
        if made.label and isinstance(name, str) and made.label != name:
            self.renamed[made.label] = name
        now = part.with_changes(value=made.node)
        if made.name is not None:
            is_call = isinstance(part, cst.Arg)
            word = cst.Name(made.name) if is_call else cst.SimpleString(quoted(made.name))
            now = now.with_changes(**{"keyword" if is_call else "key": word})
        return now, made

    def _spread(self, value: cst.BaseExpression) -> Made:
        """Return the names of another space that is written out, whose parts are in this one."""
        if isinstance(value, cst.DictComp):
            return Made(self.comprehension(value), "", "constant")
        table = self._facts.value(value)
        if not isinstance(table, cst.Dict) or entries(table) is None:
            raise Stays((value, f"it is not seen what {text_of(value)} holds"))
        now, names = self.table(table)
        if table is value:
            return Made(now, "", "constant", opened=names)
        self.placed[table] = now
        return Made(value, "", "constant", opened=names)

    def _entry(self, part: Any) -> Made:
        """Return what a value of a dict becomes."""
        value: cst.BaseExpression = part.value
        found = self._value(value)
        if self._asked.is_range(found):
            made = self.range(found, getattr(part, "key", None))
            if found is value:
                return made
            # The range is where its variable is given it.
            self.placed[found] = made.node
            return Made(value, made.label, made.kind, name=made.name, opened=made.opened)
        if self._asked.holds(value):
            text = "a space is one dict; move the names of what is within it up"
            computed = "a range cannot be computed with; do that in the function"
            raise Stays((value, text if self._asked.is_group(value) else computed))
        if self._asked.makes(value):
            raise Stays((value, f"it is not seen which ranges {text_of(value)} holds"))
        key = _key(part)
        if isinstance(key, str):
            self.constants.add(key)
        self._note_lists(value)
        if not self._is_known(found):
            text = f"it is not seen what {text_of(value)} is; it is taken for a constant"
            self.remarks.append((value, text))
        categorical = self._notes.needs("Categorical")
        return Made(called(categorical, f"[{text_of(tupled(value))}]"), "", "constant")

    def _number(self, node: cst.BaseExpression, made: Made, whole: bool = False) -> Made:
        found = read_range(made.kind, made.given, self._notes, whole)
        if found is None:
            text = f"tunesmith has no hp.{made.kind} as this; write a range by hand"
            raise Stays((node, text))
        if found.note is not None:
            self.remarks.append((node, found.note))
        text = found.written(self._notes.needs(found.kind))
        return Made(cst.parse_expression(text), made.label, made.kind, made.given)

    def _int(self, node: cst.Call, key: cst.BaseExpression | None) -> Made:
        inner = node.args[0].value if len(node.args) == 1 else None
        if inner is not None and self._asked.is_range(inner):
            # What is said of the range is said again of the whole number.
            before = [*self.remarks]
            made = self.range(inner, key)
            self.remarks = before
            if made.kind == "quniform":
                return self._number(node, made, whole=True)
            if made.kind in ("randint", "uniformint"):
                return made
        raise Stays((node, "scope.int of this cannot be converted; write Int(low, high)"))

    def _choice(self, label: str, kind: str, node: cst.Call, options: cst.BaseExpression) -> Made:
        asked = self._asked
        if not isinstance(options, cst.List | cst.Tuple):
            known = self._value(options)
            if kind == "pchoice" or asked.makes(options) or asked.holds(known):
                raise Stays((node, f"the options of {label!r} are not written out"))
            self.numbered.add(label)
            self._note_options(options)
            categorical = self._notes.needs("Categorical")
            text = text_of(options)
            is_list = isinstance(options, cst.ListComp) or text.startswith("list(")
            return Made(called(categorical, text if is_list else f"list({text})"), label)
        values: list[cst.BaseExpression] = [element.value for element in options.elements]
        if any(isinstance(element, cst.StarredElement) for element in options.elements):
            raise Stays((node, f"the options of {label!r} are not written out, one by one"))
        chances = ""
        if kind == "pchoice":
            pairs = [v.elements for v in values if isinstance(v, cst.Tuple | cst.List)]
            if [len(pair) for pair in pairs] != [2] * len(values):
                text = f"the options of {label!r} are no pairs of chance and option"
                raise Stays((node, text))
            values = [pair[1].value for pair in pairs]
            chances = f", weights=[{', '.join(text_of(pair[0].value) for pair in pairs)}]"
        if [constant(value) for value in values] != [*range(len(values))]:
            self.numbered.add(label)
        if any(asked.holds(self._value(value)) or asked.makes(value) for value in values):
            return self._branches(label, node, options, values, chances)
        categorical = self._notes.needs("Categorical")
        for value in values:
            self._note_lists(value)
        if kind == "choice":
            elements = [e.with_changes(value=tupled(e.value)) for e in options.elements]
            now = options.with_changes(elements=elements)
            return Made(renamed(node, categorical, options, now), label)
        listed = ", ".join(text_of(tupled(value)) for value in values)
        return Made(called(categorical, f"[{listed}]{chances}"), label)

    def _branches(
        self,
        label: str,
        node: cst.Call,
        options: cst.List | cst.Tuple,
        values: list[cst.BaseExpression],
        chances: str,
    ) -> Made:
        """Return a choice of dicts."""
        name = _telling(values)
        if name is None:
            raise Stays(
                (
                    node,
                    f"the options of {label!r} hold ranges; write Choice({{key: {{name: "
                    "range}}), which gives the function the key and the names that it opens in "
                    "one dict",
                )
            )
        branches: list[cst.DictElement] = []
        opened: set[str] = set()
        constants = {*self.constants}
        for element, value in zip(options.elements, values, strict=True):
            key = (entries(value) or {})[name]
            inner, names = self.table(_without(value, name))
            if name in names:
                raise Stays((node, f"{name!r} would be set twice in one space"))
            opened |= names
            branches.append(cst.DictElement(key, inner, comma=element.comma))
        self.constants = constants
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

    def _is_known(self, value: cst.BaseExpression) -> bool:
        """Tell whether a value is seen to be no range: it is made here, or by a call."""
        if isinstance(value, cst.Name):
            places = self._facts.definitions(value)
            is_python = not places and hasattr(builtins, value.value)
            return is_python or any(isinstance(p, cst.FunctionDef | cst.ClassDef) for p in places)
        return True

    def _note_lists(self, node: cst.BaseExpression) -> None:
        """Tell of a value that is a list by its name, which Hyperopt gives as a tuple."""
        known = self._value(node)
        if known is not node and _is_listed(known):
            self._note_tuples(node)

    def _note_options(self, options: cst.BaseExpression) -> None:
        """Tell of options that are lists, which Hyperopt gives as tuples."""
        known = self._value(options)
        if isinstance(known, cst.ListComp):
            values = [known.elt]
        elif isinstance(known, cst.List | cst.Tuple):
            values = [element.value for element in known.elements]
        else:
            return
        if any(map(_is_listed, values)):
            self._note_tuples(options)

    def _note_tuples(self, node: cst.BaseExpression) -> None:
        text = f"the function gets lists of {text_of(node)}, which Hyperopt made tuples of"
        self.remarks.append((node, text))


def parts_of(table: cst.BaseExpression) -> Sequence[Any]:
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


def _key(part: Any) -> Any:
    """Return the name in a part of a dict, or the keyword of an argument; None if not written."""
    if isinstance(part, cst.Arg):
        return part.keyword.value if part.keyword else None
    return constant(getattr(part, "key", None))


def _is_listed(node: cst.BaseExpression) -> bool:
    """Tell whether a value is a list, or has one as a part."""
    if isinstance(node, cst.List | cst.ListComp):
        return True
    if isinstance(node, cst.Tuple):
        return any(_is_listed(element.value) for element in node.elements)
    if isinstance(node, cst.BinaryOperation):
        return _is_listed(node.left) or _is_listed(node.right)
    if isinstance(node, cst.Dict):
        return any(_is_listed(element.value) for element in node.elements)
    return False
