"""What functions return to Hyperopt, as the loss alone."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst
import libcst.matchers as m

from tunesmith.compat.convert.conversion import Notes
from tunesmith.compat.convert.facts import Facts
from tunesmith.compat.convert.names import constant, enclosed, entries, text_of

_STATUSES = {"STATUS_OK": "ok", "STATUS_FAIL": "fail"}


class Results:
    """Tells which dicts are results of a trial.

    A function is converted where each of its results is written out in its ``return``.

    Parameters
    ----------
    facts : Facts
        The script.
    notes : Notes
        Gets what is left to do.
    """

    def __init__(self, facts: Facts, notes: Notes) -> None:
        self._facts = facts
        self._statuses: dict[cst.CSTNode, str] = {}
        told: list[cst.CSTNode] = []
        for function in facts.find(m.FunctionDef() | m.Lambda()):
            values = _returned(function)
            is_asked = any(self._is_result(value) for value in values)
            returned = [v for v in values if is_asked and "status" in (entries(v) or {})]
            statuses = [self._status((entries(v) or {}).get("status")) for v in returned]
            if None not in statuses:
                self._statuses |= {v: s for v, s in zip(returned, statuses, strict=True) if s}
                continue
            told += returned
            notes.left(
                facts.line(returned[statuses.index(None)]),
                "the status is not written as one name, so the function is left; return the loss "
                'alone, and float("nan") where the trial has failed',
            )
        for node in facts.find(m.Dict() | m.Call(func=m.Name("dict"))):
            if self._is_result(node) and node not in self._statuses and node not in told:
                notes.left(
                    facts.line(node),
                    f"this result is not written in a return{_variable(facts, node)}; return the "
                    'loss alone, and float("nan") where the trial has failed',
                )

    def dropped(self, node: cst.CSTNode | None) -> list[str]:
        """Return the names of what else a result holds, but for its loss and status."""
        if node not in self._statuses:
            return []
        return sorted((entries(node) or {}).keys() - {"loss", "status"})

    def loss(self, was: cst.CSTNode, now: cst.BaseExpression) -> cst.BaseExpression:
        """Return the loss of a result; another expression as it is."""
        if was not in self._statuses:
            return now
        if self._statuses[was] == "fail":
            return cst.parse_expression('float("nan")')
        return enclosed((entries(now) or {})["loss"])

    def _is_result(self, node: cst.CSTNode) -> bool:
        found = entries(node) or {}
        if "status" not in found:
            return False
        return "loss" in found or self._facts.name(found["status"]) == "STATUS_FAIL"

    def _status(self, node: cst.BaseExpression | None) -> str | None:
        """Return "ok" or "fail"; None where that is not written."""
        if node is None:
            return None
        named = _STATUSES.get(self._facts.name(node) or "")
        return named or (constant(node) if constant(node) in ("ok", "fail") else None)


def _returned(function: cst.FunctionDef | cst.Lambda) -> Sequence[cst.BaseExpression]:
    """Return what a function returns, those within it left out."""
    if isinstance(function, cst.Lambda):
        return [function.body]
    finder = _Returns()
    function.body.visit(finder)
    return finder.found


class _Returns(cst.CSTVisitor):
    """Collects what is returned."""

    def __init__(self) -> None:
        self.found: list[cst.BaseExpression] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        """Look at what is returned, and not into other functions."""
        if isinstance(node, cst.Return) and node.value is not None:
            self.found.append(node.value)
        return not isinstance(node, cst.FunctionDef | cst.ClassDef | cst.Lambda)


def _variable(facts: Facts, node: cst.CSTNode) -> str:
    """Return the words that name the variable that is given a dict; none if there is none."""
    holder = facts.holder(node)
    if isinstance(holder, cst.Assign) and len(holder.targets) == 1:
        return f" but in {text_of(holder.targets[0].target)}"
    return ""
