"""Where a script asks for hyperparameters of Hyperopt."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst
import libcst.matchers as m

from tunesmith.compat.convert.facts import Facts, returned, targets_of
from tunesmith.compat.convert.ranges import PARAMETERS

INT = ("scope.int", "pyll.scope.int", "base.scope.int")
_GROUPS = m.List() | m.Tuple() | m.Set() | m.Dict() | m.BaseComp()


class Asked:
    """Tells which expressions are hyperparameters, and which have some in them.

    Parameters
    ----------
    facts : Facts
        The script.
    """

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        # Names of variables, attributes and functions that may give some.
        self._names: set[str] = set()
        self._find_makers()

    def is_range(self, node: cst.CSTNode | None) -> bool:
        """Tell whether an expression is a hyperparameter of Hyperopt's."""
        name = (self._facts.name(node) or "") if isinstance(node, cst.Call) else ""
        return name in INT or (name.startswith("hp.") and name[3:] in PARAMETERS)

    def holds(self, node: cst.CSTNode | None) -> bool:
        """Tell whether there are hyperparameters in an expression."""
        calls = m.findall(node, m.Call()) if node is not None else ()
        return any(self.is_range(call) for call in calls)

    def is_group(self, node: cst.CSTNode) -> bool:
        """Tell whether an expression is a list, dict or the like of hyperparameters."""
        return m.matches(node, _GROUPS) and self.holds(node)

    def makes(self, node: cst.CSTNode) -> bool:
        """Tell whether what an expression gives may have hyperparameters in it."""
        if isinstance(node, cst.Call) and self._facts.name(node) in ("fmin", "space_eval"):
            return False
        if isinstance(node, cst.Name) and node.value in self._names:
            return True
        return self.is_range(node) or any(map(self.makes, node.children))

    def _find_makers(self) -> None:
        """Find the names of variables, attributes and functions that may give some."""
        kinds = m.Assign() | m.AnnAssign() | m.AugAssign() | m.For() | m.FunctionDef() | m.Call()
        given = [pair for node in self._facts.find(kinds) for pair in _given(node)]
        before = -1
        while before < len(self._names):
            before = len(self._names)
            self._names |= {name for name, value in given if self.makes(value)}


def _given(node: cst.CSTNode) -> Iterator[tuple[str, cst.BaseExpression]]:
    """Yield the names that a statement or a call gives something, and what."""
    if isinstance(node, cst.Assign | cst.AnnAssign | cst.AugAssign) and node.value is not None:
        targets = [node.target] if isinstance(node, cst.AugAssign) else targets_of(node)
        yield from ((name, node.value) for target in targets for name in _names_of(target))
    elif isinstance(node, cst.For):
        yield from ((name, node.iter) for name in _names_of(node.target))
    elif isinstance(node, cst.FunctionDef):
        yield from ((node.name.value, value) for value in returned(node))
    elif isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute):
        names = [*_names_of(node.func.value)]
        yield from ((name, one.value) for one in node.args for name in names)


def _names_of(target: cst.CSTNode) -> Iterator[str]:
    """Yield the names of the variables and attributes that a target is, or is within."""
    if isinstance(target, cst.Name):
        yield target.value
    elif isinstance(target, cst.Attribute):
        yield target.attr.value
    elif isinstance(target, cst.Subscript | cst.StarredElement):
        yield from _names_of(target.value)
    elif isinstance(target, cst.Tuple | cst.List):
        for element in target.elements:
            yield from _names_of(element.value)
