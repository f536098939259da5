"""Search spaces of Hyperopt as tunesmith's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import libcst as cst

from tunesmith.compat.convert.conversion import Notes
from tunesmith.compat.convert.names import constant, text_of
from tunesmith.compat.convert.ranges import Range


@dataclass(frozen=True)
class Made:
    """A range that stands in place of a hyperparameter.

    Parameters
    ----------
    label : str
        What the hyperparameter was called.
    kind : str
        What it was drawn from.
    given : mapping of str to str
        Its arguments.
    name : str or None, default=None
        Of a choice of dicts, the key whose values tell them apart: the name that it has now.
    """

    label: str
    kind: str
    given: Mapping[str, str] = field(default_factory=dict)
    name: str | None = None


class Spaces:
    """Converts the parts of search spaces, innermost first.

    Parameters
    ----------
    notes : Notes
        Gets what is left to do, and what is to be imported.

    Attributes
    ----------
    made : dict of libcst.CSTNode to Made
        What stands in place of hyperparameters.
    """

    def __init__(self, notes: Notes) -> None:
        self.made: dict[cst.CSTNode, Made] = {}
        self._notes = notes
        self._shapes: dict[str, str] = {}

    def number(self, made: Made, found: Range, line: int) -> cst.BaseExpression:
        """Return a range of numbers."""
        self._notes.needs(found.kind)
        if found.note is not None:
            self._notes.todo(line, found.note)
        return self._made(str(found), made)

    def choice(
        self,
        label: str,
        kind: str,
        options: cst.BaseExpression | None,
        call: cst.Call,
        line: int,
    ) -> cst.BaseExpression:
        """Return a choice; the call as it is where it cannot be converted."""
        if not isinstance(options, cst.List | cst.Tuple):
            if options is None or kind == "pchoice":
                self._notes.left(line, f"the options of {label!r} are not written out")
                return call
            self._notes.needs("Categorical")
            return self._made(f"Categorical(list({text_of(options)}))", Made(label, kind))
        chances, values = "", [element.value for element in options.elements]
        if kind == "pchoice":
            pairs = [v.elements for v in values if isinstance(v, cst.Tuple | cst.List)]
            values = [pair[1].value for pair in pairs]
            chances = f", weights=[{', '.join(text_of(pair[0].value) for pair in pairs)}]"
        if not any(self._opens(value) for value in values):
            self._notes.needs("Categorical")
            listed = ", ".join(map(text_of, values))
            return self._made(f"Categorical([{listed}]{chances})", Made(label, kind))
        name = _telling(values)
        if name is None:
            self._notes.left(
                line,
                f"the options of {label!r} hold ranges; write Choice({{key: {{name: range}}}}), "
                "which gives the function the key and the names that it opens in one dict",
            )
            return call
        branches = []
        for value in values:
            entries = _entries(value)
            key = next(text_of(v) for k, v in entries if constant(k) == name)
            inner = [f"{text_of(k)}: {text_of(v)}" for k, v in entries if constant(k) != name]
            branches.append(f"{key}: {{{', '.join(inner)}}}")
        self._notes.needs("Choice")
        text = f"Choice({{{', '.join(branches)}}}{chances})"
        return self._made(text, Made(label, kind, name=name))

    def element(self, node: cst.DictElement, line: int) -> cst.DictElement:
        """Return an entry of a dict; one that is a choice of dicts gets its new name."""
        made = self.made.get(node.value)
        if made is None or made.name is None:
            return node
        key = text_of(node.key)
        if constant(node.key) != made.name:
            self._notes.todo(
                line,
                f"what the choice opens is not in a dict under {key} any more: the function "
                f"reads {made.name!r} and the other names from its own dict",
            )
        return node.with_changes(key=cst.SimpleString(repr(made.name).replace("'", '"')))

    def whole(self, space: cst.BaseExpression, name: str, line: int) -> cst.BaseExpression:
        """Return a whole space as a dict, and note how the function is to be called with it."""
        made = self.made.get(space)
        if made is not None and made.name is not None:
            return cst.parse_expression(f'{{"{made.name}": {text_of(space)}}}')
        if made is not None:
            self._shapes[name] = f'params["{made.label}"]'
            return cst.parse_expression(f'{{"{made.label}": {text_of(space)}}}')
        if isinstance(space, cst.List | cst.Tuple):
            parts = [self.made.get(element.value) for element in space.elements]
            if all(part is not None and part.name is None for part in parts):
                labels = [part.label for part in parts if part is not None]
                values = ", ".join(f'params["{label}"]' for label in labels)
                self._shapes[name] = f"({values})" if len(labels) > 1 else f"({values},)"
                entries = ", ".join(
                    f'"{label}": {text_of(element.value)}'
                    for label, element in zip(labels, space.elements, strict=True)
                )
                return cst.parse_expression(f"{{{entries}}}")
        if isinstance(space, cst.Dict):
            self._check_flat(space, line)
        elif not isinstance(space, cst.Name | cst.Call | cst.Attribute):
            self._notes.left(line, "the space has to be a dict of names and ranges")
        return space

    def adapted(self, name: str, function: str) -> str:
        """Return a function as it is called with a dict of parameters."""
        shape = self._shapes.get(name)
        if shape is None:
            return function
        called = function if function.isidentifier() else f"({function})"
        return f"lambda params: {called}({shape})"

    def _check_flat(self, space: cst.Dict, line: int) -> None:
        for element in space.elements:
            if isinstance(element.value, cst.Dict) and self._opens(element.value):
                self._notes.left(
                    line, "a space is one dict; move the names of the dicts within it up"
                )

    def _opens(self, node: cst.CSTNode) -> bool:
        """Tell whether ranges stand in an option."""
        return node in self.made or any(self._opens(child) for child in node.children)

    def _made(self, text: str, made: Made) -> cst.BaseExpression:
        node = cst.parse_expression(text)
        self.made[node] = made
        return node


def _entries(node: cst.BaseExpression) -> list[tuple[cst.BaseExpression, cst.BaseExpression]]:
    """Return the keys and values of a dict that is written out."""
    elements = node.elements if isinstance(node, cst.Dict) else ()
    return [(e.key, e.value) for e in elements if isinstance(e, cst.DictElement)]


def _telling(options: list[cst.BaseExpression]) -> str | None:
    """Return the key whose constant values tell dicts apart; None if there is none."""
    if not all(isinstance(option, cst.Dict) for option in options):
        return None
    tables = [{constant(k): constant(v) for k, v in _entries(option)} for option in options]
    for key in tables[0]:
        values = [repr(table.get(key)) for table in tables]
        told_apart = "None" not in values and len(set(values)) == len(values)
        if isinstance(key, str) and told_apart:
            return key
    return None
