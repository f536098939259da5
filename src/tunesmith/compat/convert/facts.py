"""What is known of a script before it is changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import libcst as cst
import libcst.matchers as m
from libcst.metadata import (
    ExpressionContext,
    ExpressionContextProvider,
    ImportAssignment,
    MetadataWrapper,
    ParentNodeProvider,
    PositionProvider,
    QualifiedNameProvider,
    Scope,
    ScopeProvider,
)

from tunesmith.compat.convert.names import canonical, text_of

_PARTS = (cst.Arg, cst.Element, cst.DictElement, cst.Index, cst.SubscriptElement)
_LOOPS = (cst.For, cst.While, cst.BaseComp)


class Facts:
    """Names, places and values of the nodes of a script.

    Parameters
    ----------
    wrapper : MetadataWrapper
        The script.

    Attributes
    ----------
    module : Module
        The script; nodes are those in it.
    bound : dict of str to set of str
        The names that are given a value somewhere, and what they are imported from; "" for those
        that the script makes.
    """

    def __init__(self, wrapper: MetadataWrapper) -> None:
        self.module = wrapper.module
        self._names = wrapper.resolve(QualifiedNameProvider)
        self._places = wrapper.resolve(PositionProvider)
        self._parents = wrapper.resolve(ParentNodeProvider)
        self._scopes = wrapper.resolve(ScopeProvider)
        self._contexts = wrapper.resolve(ExpressionContextProvider)
        self.bound: dict[str, set[str]] = {}
        for scope in self._all_scopes():
            for one in scope.assignments:
                imported = isinstance(one, ImportAssignment)
                paths = [q.name for q in one.get_qualified_names_for(one.name)]
                names = self.bound.setdefault(one.name.split(".")[0], set())
                names |= {*paths} if imported else {""}
        self._values: dict[cst.CSTNode, cst.BaseExpression] = {}
        self._attributes: dict[str, list[cst.BaseExpression]] = {}
        for assign in self.find(m.Assign() | m.AnnAssign()):
            for target in targets_of(assign):
                if isinstance(target, cst.Name) and assign.value is not None:
                    self._values[target] = assign.value
                elif isinstance(target, cst.Attribute) and assign.value is not None:
                    self._attributes.setdefault(text_of(target), []).append(assign.value)

    def find(self, matcher: m.BaseMatcherNode, within: cst.CSTNode | None = None) -> list[Any]:
        """Return the nodes that match, in the order in which they are written."""
        found = m.findall(self.module if within is None else within, matcher)
        return sorted(found, key=lambda node: self.place(node))

    def name(self, node: cst.CSTNode, library: str = "hyperopt") -> str | None:
        """Return what a name, or what is called, stands for within a library."""
        target = node.func if isinstance(node, cst.Call) else node
        names: Any = self._names.get(target, ())
        return canonical(names() if callable(names) else names, library)

    def line(self, node: cst.CSTNode) -> int:
        """Return the line where a node begins."""
        return self.place(node)[0]

    def last_line(self, node: cst.CSTNode) -> int:
        """Return the line where a node ends."""
        return int(self._places[node].end.line)

    def place(self, node: cst.CSTNode) -> tuple[int, int]:
        """Return the line and column where a node begins."""
        start = self._places[node].start
        return start.line, start.column

    def is_read(self, node: cst.CSTNode) -> bool:
        """Tell whether a name or an attribute is looked at, and not given a value."""
        return self._contexts.get(node) is ExpressionContext.LOAD

    def is_bound(self, name: cst.Name) -> bool:
        """Tell whether a name that is looked at has a value, Python's own names included."""
        scope = self._scopes.get(name)
        return scope is not None and name.value in scope

    def value(self, node: cst.CSTNode | None) -> cst.BaseExpression | None:
        """Return what a variable is given where it is given a value once; an expression itself."""
        if isinstance(node, cst.Name):
            scope = self._scopes.get(node)
            places = [one for one in scope[node.value]] if scope is not None else []
            target = getattr(places[0], "node", None) if len(places) == 1 else None
            return None if target is None else self._values.get(target)
        if isinstance(node, cst.Attribute):
            found = self._attributes.get(text_of(node), [])
            return found[0] if len(found) == 1 else None
        return node if isinstance(node, cst.BaseExpression) else None

    def readers(self, variable: cst.Name) -> list[cst.CSTNode]:
        """Return the places where the variable that a name stands for is looked at."""
        scope = self._scopes.get(variable)
        places = [*scope[variable.value]] if scope is not None else []
        return [access.node for one in places for access in one.references]

    def variables(self, function: cst.FunctionDef) -> set[str]:
        """Return the names that are given a value in a function."""
        return {
            one.name.split(".")[0]
            for scope in self._all_scopes()
            if getattr(scope, "node", None) is function
            for one in scope.assignments
        }

    def above(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """Yield what a node stands in, the innermost first."""
        while (node := self._parents.get(node)) is not None:  # type: ignore[assignment]
            yield node

    def holder(self, node: cst.CSTNode) -> cst.CSTNode:
        """Return the expression or statement that a node stands in."""
        for parent in self.above(node):
            if not isinstance(parent, _PARTS):
                return parent
        return self.module

    def sees(self, reader: cst.CSTNode, maker: cst.CSTNode) -> bool:
        """Tell whether a variable that is made in one place is known in another."""
        functions = [n for n in self.above(maker) if isinstance(n, cst.FunctionDef | cst.Lambda)]
        return not functions or functions[0] in self.above(reader)

    def is_repeated(self, node: cst.CSTNode, maker: cst.CSTNode) -> bool:
        """Tell whether a loop runs something over and over with what is made once before it."""
        around = [one for one in self.above(node) if isinstance(one, _LOOPS)]
        return any(loop not in self.above(maker) for loop in around)

    def _all_scopes(self) -> set[Scope]:
        return {scope for scope in self._scopes.values() if isinstance(scope, Scope)}


def targets_of(statement: cst.CSTNode) -> list[cst.BaseExpression]:
    """Return what an assignment gives a value; nothing for another statement."""
    if isinstance(statement, cst.Assign):
        return [target.target for target in statement.targets]
    return [statement.target] if isinstance(statement, cst.AnnAssign) else []
