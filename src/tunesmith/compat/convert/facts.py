"""What is known of a script before it is changed."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import libcst as cst
import libcst.matchers as m
from libcst.metadata import (
    Assignment,
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
_LATER = (cst.FunctionDef, cst.Lambda)
"""What runs when it is called, and not where it is written."""


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
        self._lines = self.module.code.splitlines()
        self.bound: dict[str, set[str]] = {}
        self._assignments: dict[cst.CSTNode, Assignment] = {}
        for scope in self._all_scopes():
            for one in scope.assignments:
                imported = isinstance(one, ImportAssignment)
                paths = [q.name for q in one.get_qualified_names_for(one.name)]
                names = self.bound.setdefault(one.name.split(".")[0], set())
                names |= {*paths} if imported else {""}
                if isinstance(one, Assignment):
                    self._assignments[one.node] = one
        self._values: dict[cst.CSTNode, cst.BaseExpression] = {}
        self._attributes: dict[str, list[tuple[str, cst.BaseExpression]]] = {}
        for assign in self.find(m.Assign() | m.AnnAssign()):
            for target in targets_of(assign) if assign.value is not None else ():
                if isinstance(target, cst.Name):
                    self._values[target] = assign.value
                    block = self._parents[self._parents[assign]]
                    owner = self._parents.get(block)
                    if isinstance(owner, cst.ClassDef):
                        of_class = ("", assign.value)
                        self._attributes.setdefault(target.value, []).append(of_class)
                elif isinstance(target, cst.Attribute):
                    of_object = (text_of(target), assign.value)
                    self._attributes.setdefault(target.attr.value, []).append(of_object)

    # Places

    def find(self, matcher: m.BaseMatcherNode, within: cst.CSTNode | None = None) -> list[Any]:
        """Return the nodes that match, in the order in which they are written."""
        found = m.findall(self.module if within is None else within, matcher)
        return sorted(found, key=lambda node: self.place(node))

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

    def is_glued(self, node: cst.CSTNode) -> bool:
        """Tell whether a word ends where a node begins, as in ``return{}``."""
        line, column = self.place(node)
        return column > 0 and (self._lines[line - 1][column - 1].isidentifier())

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

    def statement(self, node: cst.CSTNode) -> cst.CSTNode:
        """Return the statement that a node stands in."""
        for parent in self.above(node):
            if isinstance(parent, cst.BaseSmallStatement | cst.BaseCompoundStatement):
                return parent
        return self.module

    def function_around(self, node: cst.CSTNode) -> cst.CSTNode:
        """Return the function that a node stands in; the module, if it is none."""
        return next((up for up in self.above(node) if isinstance(up, _LATER)), self.module)

    def is_in_class(self, function: cst.CSTNode) -> bool:
        """Tell whether a function is one of a class."""
        kinds = (*_LATER, cst.ClassDef)
        around = next((up for up in self.above(function) if isinstance(up, kinds)), None)
        return isinstance(around, cst.ClassDef)

    # Names

    def name(self, node: cst.CSTNode, library: str = "hyperopt") -> str | None:
        """Return what a name, or what is called, stands for within a library.

        None where it may stand for one thing or another.
        """
        target = node.func if isinstance(node, cst.Call) else node
        names: Any = self._names.get(target, ())
        found = {canonical([one], library) for one in (names() if callable(names) else names)}
        found.discard(None)
        return found.pop() if len(found) == 1 else None

    def is_read(self, node: cst.CSTNode) -> bool:
        """Tell whether a name or an attribute is looked at, and not given a value."""
        return self._contexts.get(node) is ExpressionContext.LOAD

    def is_bound(self, name: cst.Name) -> bool:
        """Tell whether a name that is looked at has a value, Python's own names included."""
        scope = self._scopes.get(name)
        return scope is not None and name.value in scope

    def definitions(self, name: cst.CSTNode) -> list[cst.CSTNode]:
        """Return what may give a name its value: targets, functions, classes and imports."""
        scope = self._scopes.get(name)
        if scope is None or not isinstance(name, cst.Name):
            return []
        return [one.node for one in scope[name.value] if isinstance(one, Assignment)]

    def definition(self, name: cst.CSTNode) -> cst.CSTNode | None:
        """Return what gives a name the value that is looked at; None if that is not known.

        Of several it is the last above that is sure to run before, if no other may run between.
        """
        found = self.definitions(name)
        if len(found) < 2:
            return found[0] if found else None
        around = [*self.above(name)]
        if {*map(self.function_around, [*found, name])} != {self.function_around(name)}:
            return None
        before = [
            one
            for one in found
            if self._block(one) in around
            and self.last_place(one) < self.place(name)
            and self.statement(one) not in around
        ]
        last = max(before, key=self.place, default=None)
        if last is None:
            return None
        loops = [up for up in around if isinstance(up, _LOOPS) and up not in self.above(last)]
        for other in found:
            is_later = self.place(other) > self.place(name) or self.statement(other) in around
            is_again = any(loop in self.above(other) for loop in loops)
            if self.place(other) > self.place(last) and (is_again or not is_later):
                return None
        return last

    def last_place(self, node: cst.CSTNode) -> tuple[int, int]:
        """Return the line and column where a node ends."""
        end = self._places[node].end
        return end.line, end.column

    def readers(self, definition: cst.CSTNode) -> list[cst.CSTNode]:
        """Return the places that may look at what a target, a function or a class gives a name."""
        one = self._assignments.get(definition)
        nodes = [access.node for access in one.references] if one is not None else []
        return [node for node in nodes if self.definition(node) in (definition, None)]

    def looked_at(self, target: cst.CSTNode) -> list[cst.CSTNode]:
        """Return the places that may look at what an assignment gives a value."""
        if isinstance(target, cst.Name):
            return self.readers(target)
        if not isinstance(target, cst.Attribute):
            return []
        named = self.find(m.Attribute(attr=m.Name(target.attr.value)))
        return [node for node in named if self.is_read(node)]

    def value(self, node: cst.CSTNode | None) -> cst.BaseExpression | None:
        """Return what a variable is given; an expression itself; None if that is not known."""
        if isinstance(node, cst.Name):
            return self._values.get(self.definition(node))  # type: ignore[arg-type]
        if isinstance(node, cst.Attribute):
            found = self._attributes.get(node.attr.value, [])
            of_this = [value for text, value in found if text == text_of(node)]
            if not of_this and self._is_object(node.value):
                of_this = [value for _, value in found]
            return of_this[0] if len(of_this) == 1 else None
        return node if isinstance(node, cst.BaseExpression) else None

    def source(self, node: cst.CSTNode | None) -> cst.BaseExpression | None:
        """Return what a variable is given, and what a function without parameters returns."""
        value = self.value(node)
        if not isinstance(value, cst.Call) or value.args:
            return value
        function = self.functions(value.func)[-1:]
        values = returned(function[0]) if function and not _parameters(function[0]) else []
        return self.value(values[0]) if len(values) == 1 else value

    def variables(self, function: cst.FunctionDef) -> set[str]:
        """Return the names that are given a value in a function."""
        return {
            one.name.split(".")[0]
            for scope in self._all_scopes()
            if getattr(scope, "node", None) is function
            for one in scope.assignments
        }

    # Functions

    def functions(self, node: cst.CSTNode | None) -> list[cst.CSTNode]:
        """Return the names that lead from an expression to the function it stands for, and that.

        The last is a FunctionDef or a Lambda; there is none where it is not seen.
        """
        path: list[cst.CSTNode] = []
        while node is not None and node not in path:
            path.append(node)
            if isinstance(node, _LATER):
                return path
            node = self._next(node)
        return []

    def calls(self, function: cst.CSTNode) -> list[cst.CSTNode]:
        """Return the names by which a function that is written with ``def`` may be looked at."""
        if not isinstance(function, cst.FunctionDef):
            return []
        if not self.is_in_class(function):
            return self.readers(function)
        attributes = self.find(m.Attribute(attr=m.Name(function.name.value)))
        return [node for node in attributes if self.is_read(node)]

    def is_known(self, name: cst.CSTNode) -> bool:
        """Tell whether a name may be a function's of the script: an attribute, of its objects."""
        return isinstance(name, cst.Name) or (
            isinstance(name, cst.Attribute) and self._is_object(name.value)
        )

    def sees(self, reader: cst.CSTNode, maker: cst.CSTNode) -> bool:
        """Tell whether what is made in one place is there in another, whatever else happens."""
        if self.function_around(reader) is not self.function_around(maker):
            return False
        around = [*self.above(reader)]
        blocks = (
            up
            for up in self.above(maker)
            if isinstance(up, cst.BaseSuite) and not isinstance(self._parents[up], cst.With)
        )
        return self.place(maker) < self.place(reader) and all(up in around for up in blocks)

    def is_repeated(
        self, node: cst.CSTNode, maker: cst.CSTNode, seen: Collection[cst.CSTNode] = ()
    ) -> bool:
        """Tell whether something may run over and over with what is made once before it."""
        around = [*self.above(maker)]
        for up in self.above(node):
            if up in around:
                return False
            if isinstance(up, (*_LOOPS, cst.Lambda)):
                return True
            if isinstance(up, cst.FunctionDef):
                calls = self.calls(up)
                if len(calls) != 1 or up in seen:
                    return True
                is_called = getattr(self.holder(calls[0]), "func", None) is calls[0]
                return not is_called or self.is_repeated(calls[0], maker, [*seen, up])
        return False

    def _next(self, node: cst.CSTNode) -> cst.CSTNode | None:
        """Return what comes next on the way from an expression to a function."""
        if isinstance(node, cst.Name):
            definition = self.definition(node)
            is_def = isinstance(definition, cst.FunctionDef)
            return definition if is_def else self.value(node)
        if isinstance(node, cst.Attribute):
            named = self.find(m.FunctionDef(name=m.Name(node.attr.value)))
            methods = [one for one in named if self.is_in_class(one)]
            kind = self._class(node.value)
            own = [one for one in methods if kind is not None and kind in self.above(one)]
            methods = own or methods
            return methods[0] if len(methods) == 1 else self.value(node)
        if not isinstance(node, cst.Call):
            return None
        if text_of(node.func).split(".")[-1] == "partial" and node.args:
            return node.args[0].value
        made = self.definition(node.func)
        if isinstance(made, cst.ClassDef):
            called = [
                one
                for one in self.find(m.FunctionDef(name=m.Name("__call__")), made)
                if self.is_in_class(one)
            ]
            return called[0] if called else None
        values = returned(made) if isinstance(made, cst.FunctionDef) else ()
        return values[0] if len(values) == 1 else None

    def _is_object(self, node: cst.CSTNode) -> bool:
        """Tell whether an expression is an object of a class of the script, or such a class."""
        return self._class(node) is not None

    def _class(self, node: cst.CSTNode) -> cst.ClassDef | None:
        """Return the class of the script that an expression is, or is an object of."""
        if m.matches(node, m.Name("self") | m.Name("cls")):
            return next((up for up in self.above(node) if isinstance(up, cst.ClassDef)), None)
        value = self.value(node) if isinstance(node, cst.Name) else node
        made = self.definition(value.func if isinstance(value, cst.Call) else node)
        return made if isinstance(made, cst.ClassDef) else None

    def _block(self, definition: cst.CSTNode) -> cst.CSTNode | None:
        """Return the block in which a definition is a statement; None if it is in another one."""
        if isinstance(definition, cst.FunctionDef | cst.ClassDef):
            return self._parents[definition]
        for up in self.above(definition):
            if isinstance(up, cst.SimpleStatementLine):
                return self._parents[up]
            if isinstance(up, cst.BaseCompoundStatement):
                break
        return None

    def _all_scopes(self) -> set[Scope]:
        return {scope for scope in self._scopes.values() if isinstance(scope, Scope)}


def _parameters(function: Any) -> bool:
    """Tell whether a function takes anything, the object of a method included."""
    params = function.params
    listed = [*params.params, *params.posonly_params, *params.kwonly_params]
    return bool(listed or params.star_kwarg) or isinstance(params.star_arg, cst.Param)


def targets_of(statement: cst.CSTNode) -> list[cst.BaseExpression]:
    """Return what an assignment gives a value; nothing for another statement."""
    if isinstance(statement, cst.Assign):
        return [target.target for target in statement.targets]
    return [statement.target] if isinstance(statement, cst.AnnAssign) else []


def returned(function: cst.CSTNode) -> list[cst.BaseExpression]:
    """Return what a function returns, those within it left out."""
    if isinstance(function, cst.Lambda):
        return [function.body]
    finder = _Returns()
    if isinstance(function, cst.FunctionDef):
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
