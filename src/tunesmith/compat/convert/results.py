"""What functions return to Hyperopt, as the loss alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeGuard

import libcst as cst
import libcst.matchers as m

from tunesmith.compat.convert.conversion import Notes
from tunesmith.compat.convert.facts import Facts, returned
from tunesmith.compat.convert.names import constant, enclosed, entries, key_of, text_of

_STATUSES = {"STATUS_OK": "ok", "STATUS_FAIL": "fail"}
_PLAIN = ("staticmethod", "classmethod")
_FUNCTIONS = (cst.FunctionDef, cst.Lambda)
_TABLE = m.Dict() | m.Call(func=m.Name("dict"))
_ALONE = 'return the loss alone, and float("nan") where the trial has failed'


class Results:
    """Tells which dicts are results of a trial.

    They are what a function returns that is searched with, or that such a function hands on. A
    function is converted where each of its results is written out.

    Parameters
    ----------
    facts : Facts
        The script.
    notes : Notes
        Gets what is left to do.
    searched : mapping of libcst.CSTNode to libcst.BaseExpression
        What is searched with, by the calls of the searches.
    kept : sequence of libcst.BaseExpression
        What is searched with by searches that stay.

    Attributes
    ----------
    may_lack_losses : bool
        Whether a loss in the script may be infinite, or of a trial that has failed.
    """

    def __init__(
        self,
        facts: Facts,
        notes: Notes,
        searched: Mapping[cst.CSTNode, cst.BaseExpression],
        kept: Sequence[cst.BaseExpression],
    ) -> None:
        self._facts = facts
        self._notes = notes
        self._statuses: dict[cst.CSTNode, str] = {}
        self._losses: set[cst.CSTNode] = set()
        # Functions, and all that gives them a name.
        self._names: dict[cst.CSTNode, list[cst.CSTNode]] = {}
        # Where they are looked at by searches and by functions that return what they return.
        self._handed_on: set[cst.CSTNode] = set()
        self._told: set[cst.CSTNode] = set()
        for call, given in searched.items():
            if not self._add(given) and not self._is_python(given):
                notes.todo(
                    facts.line(call),
                    f"it is not seen what {text_of(given)} returns; it has to be the loss alone",
                )
        for given in kept:
            self._handed_on |= {*facts.functions(given)}
        for function in self._names:
            self._read(function)
        for function in self._changed():
            self._read_calls(function)
        self.may_lack_losses = any(map(self._may_lack_loss, self._statuses))
        for given in kept:
            for function in facts.functions(given)[-1:]:
                self._told |= {*facts.find(_TABLE, function)}
                notes.told.update(range(facts.line(function), facts.last_line(function) + 1))
        for node in facts.find(_TABLE):
            is_old = any(facts.name(status) in _STATUSES for status in self._given_status(node))
            if is_old and node not in self._statuses and node not in self._told:
                self._left(
                    node, f"it is not seen what gets this result; if a search does, {_ALONE}"
                )

    def dropped(self, node: cst.CSTNode) -> list[str]:
        """Return the names of what else a result holds, but for its loss and status."""
        if node not in self._statuses:
            return []
        return sorted((entries(node) or {}).keys() - {"loss", "status"})

    def loss(self, was: cst.CSTNode, now: cst.BaseExpression) -> cst.BaseExpression:
        """Return the loss of a result; another expression as it is."""
        if was in self._losses:
            assert isinstance(now, cst.Subscript)
            return now.value
        if was not in self._statuses:
            return now
        if self._statuses[was] == "fail":
            return cst.parse_expression('float("nan")')
        return enclosed((entries(now) or {})["loss"])

    def _add(self, given: cst.CSTNode) -> bool:
        """Add a function, and those that it returns the results of; tell whether it is seen."""
        path = self._facts.functions(given)
        if not path:
            return False
        function = path[-1]
        self._handed_on |= {*path}
        is_new = function not in self._names
        names = self._names.setdefault(function, [function])
        names += [one for one in map(self._facts.definition, path) if one is not None]
        for value in self._values(function) if is_new else ():
            if not isinstance(value, cst.Call) or not self._facts.is_known(value.func):
                continue
            if not self._add(value.func) and self._hands_over(function, value):
                text = f"it is not seen what {text_of(value.func)} returns"
                self._notes.todo(self._facts.line(value), f"{text}; it has to be the loss alone")
        return True

    def _hands_over(self, function: cst.CSTNode, call: cst.Call) -> bool:
        """Tell whether a function calls an imported one with all that it is given itself."""
        params = function.params.params if isinstance(function, _FUNCTIONS) else ()
        names = {param.name.value for param in params}
        given = {argument.value.value for argument in call.args if _is_name(argument.value)}
        return bool(names & given) and bool(self._facts.definitions(call.func))

    def _is_python(self, given: cst.CSTNode) -> bool:
        """Tell whether a function is one that Python gives a name, maybe a part of it."""
        if isinstance(given, cst.Call) and text_of(given.func).endswith("partial"):
            given = given.args[0].value if given.args else given
        return isinstance(given, cst.Name) and not self._facts.definitions(given)

    def _values(self, function: cst.CSTNode) -> Iterator[cst.BaseExpression]:
        """Yield what a function returns; of a variable for that alone, what it is given."""
        for value in returned(function):
            definition = self._facts.definition(value)
            is_alone = definition is not None and self._facts.readers(definition) == [value]
            yield (self._facts.value(value) if is_alone else None) or value

    def _read(self, function: cst.CSTNode) -> None:
        """Find the results of a function, where each is written out."""
        written = [v for v in self._values(function) if m.matches(v, _TABLE)]
        statuses = [self._status(entries(v) or {}) for v in written]
        if self._is_decorated(function) and written:
            self._leave(
                written, "it is not seen what the decorator does with this result", written
            )
        elif None in statuses:
            unknown = written[statuses.index(None)]
            text = "the function is left, as this result is not written out with one status"
            self._leave([unknown], text, written)
        else:
            self._statuses |= {v: s for v, s in zip(written, statuses, strict=True) if s}
        for node in self._facts.find(_TABLE | m.Assign(), function):
            states = map(self._state, self._given_status(node))
            if node not in self._statuses and any(states):
                self._leave([node], "this result is put together", [node])

    def _leave(
        self, nodes: list[cst.BaseExpression], text: str, told: list[cst.BaseExpression]
    ) -> None:
        for node in nodes:
            if node not in self._told:
                self._left(node, f"{text}; {_ALONE}")
        self._told |= {*told}

    def _changed(self) -> set[cst.CSTNode]:
        """Return the functions that return a loss now, and returned a result."""
        changed = {f for f in self._names if any(v in self._statuses for v in self._values(f))}
        before = 0
        while before < len(changed):
            before = len(changed)
            for function in self._names:
                calls = [v for v in self._values(function) if isinstance(v, cst.Call)]
                if any({*self._facts.functions(call.func)} & changed for call in calls):
                    changed.add(function)
        return changed

    def _read_calls(self, function: cst.CSTNode) -> None:
        """Find where a loss is read from a result, and tell where else one is looked at."""
        readers = [*self._facts.calls(function)]
        for definition in self._names[function]:
            readers += self._facts.readers(definition)
        for node in readers:
            call = self._facts.holder(node)
            is_call = isinstance(call, cst.Call) and call.func is node
            above = self._facts.holder(call) if is_call else None
            if node in self._handed_on or isinstance(above, cst.Expr):
                continue
            if isinstance(call, cst.Attribute) or not self._facts.is_known(node):
                continue
            if (
                isinstance(above, cst.Subscript)
                and above.value is call
                and key_of(above) == "loss"
            ):
                self._losses.add(above)
            else:
                self._notes.todo(
                    self._facts.line(node), f"{text_of(node)} returns the loss alone now"
                )

    def _status(self, result: Mapping[str, cst.BaseExpression]) -> str | None:
        """Return "ok" or "fail"; None where it is not written, or without a loss that is ok."""
        state = self._state(result["status"]) if "status" in result else None
        return state if state == "fail" or "loss" in result else None

    def _state(self, node: cst.BaseExpression) -> str | None:
        """Return "ok" or "fail", where an expression is one of them or a name for it."""
        state = _STATUSES.get(self._facts.name(node) or "") or constant(node)
        return state if state in ("ok", "fail") else None

    def _given_status(self, node: cst.CSTNode) -> list[cst.BaseExpression]:
        """Return what a dict, or an assignment to a part of it, gives as a status."""
        if isinstance(node, cst.Dict):
            pairs = [e for e in node.elements if isinstance(e, cst.DictElement)]
            return [pair.value for pair in pairs if constant(pair.key) == "status"]
        if isinstance(node, cst.Call):
            return [a.value for a in node.args if a.keyword and a.keyword.value == "status"]
        if isinstance(node, cst.Assign):
            return [node.value for one in node.targets if key_of(one.target) == "status"]
        return []

    def _may_lack_loss(self, result: cst.CSTNode) -> bool:
        """Tell whether the loss of a result is the value of its trial in Hyperopt alone."""
        loss = (entries(result) or {}).get("loss")
        is_failed = self._statuses[result] == "fail"
        return loss is not None and (is_failed or bool(re.search(r"\b(inf|nan)\b", text_of(loss))))

    def _is_decorated(self, function: cst.CSTNode) -> bool:
        decorators = function.decorators if isinstance(function, cst.FunctionDef) else ()
        return any(text_of(one.decorator) not in _PLAIN for one in decorators)

    def _left(self, node: cst.CSTNode, text: str) -> None:
        self._notes.left(self._facts.line(node), text, self._facts.last_line(node))


def _is_name(node: cst.CSTNode) -> TypeGuard[cst.Name]:
    return isinstance(node, cst.Name)
