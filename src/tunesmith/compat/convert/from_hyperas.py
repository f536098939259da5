"""Scripts of Hyperas."""

from __future__ import annotations

import inspect
from collections import Counter
from typing import Any

import libcst as cst
import libcst.matchers as m
from libcst.metadata import (
    ExpressionContext,
    ExpressionContextProvider,
    PositionProvider,
    QualifiedNameProvider,
)

from tunesmith.compat.convert.conversion import Notes
from tunesmith.compat.convert.names import canonical, text_of
from tunesmith.compat.convert.ranges import PARAMETERS, arguments_of, read_range
from tunesmith.compat.hyperas.optim import minimize

_MINIMIZE = inspect.signature(minimize).parameters
_SAMPLERS = {"tpe": "tpe", "rand": "random", "anneal": "tpe", "atpe": "auto"}
_TEMPLATE = m.Set(elements=[m.Element(m.Set(elements=[m.Element(m.Call(func=m.Name()))]))])


class Hyperas(cst.CSTTransformer):
    """Rewrites a script of Hyperas: templates become what a trial is asked for.

    Parameters
    ----------
    notes : Notes
        Gets what is left to do, and what is to be imported.
    module : libcst.Module
        The script.
    """

    METADATA_DEPENDENCIES = (
        QualifiedNameProvider,
        PositionProvider,
        ExpressionContextProvider,
    )

    def __init__(self, notes: Notes, module: cst.Module) -> None:
        super().__init__()
        self._notes = notes
        self._names = _Names(module)
        self._within: list[bool] = []

    def leave_Set(self, original_node: cst.Set, updated_node: cst.Set) -> cst.BaseExpression:
        if not m.matches(original_node, _TEMPLATE):
            return updated_node
        line = self._line(original_node)
        call: Any = updated_node.elements[0].value.elements[0].value  # type: ignore[attr-defined]
        kind, name = call.func.value, self._names.of[original_node]
        if kind not in PARAMETERS:
            self._notes.left(line, f"there is no distribution {kind!r}")
            return updated_node
        self._within[-1:] = [True] if self._within else []
        if kind == "choice":
            return cst.parse_expression(
                f'trial.suggest_categorical("{name}", {text_of(call.args[0].value)})'
            )
        texts = [(a.keyword.value if a.keyword else None, text_of(a.value)) for a in call.args]
        found = None
        if kind != "pchoice":
            found = read_range(kind, arguments_of(kind, texts), self._notes)
        if found is None or found.asked is None:
            self._notes.left(line, f"a trial cannot be asked for {kind}; choose another range")
            return updated_node
        if found.note:
            self._notes.todo(line, found.note)
        asked = found.asked.format(name=f'"{name}"')
        return cst.parse_expression(f"trial.{asked}")

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        if self._name(original_node) == "distributions.conditional" and updated_node.args:
            return updated_node.args[0].value
        return updated_node

    def visit_Name(self, node: cst.Name) -> None:
        """Tell of the values of a trial, as Hyperas names them."""
        if node.value != "space" or not self._within:
            return
        context = self.get_metadata(ExpressionContextProvider, node, None)
        known = self.get_metadata(QualifiedNameProvider, node, set())
        if context is ExpressionContext.LOAD and not known:
            self._notes.todo(
                self._line(node),
                "there is no space any more; trial.params has what was asked for so far",
            )

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        self._within.append(False)

    def leave_FunctionDef(
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.FunctionDef:
        if not self._within.pop():
            return updated_node
        if self._within:
            self._within[-1] = True
            return updated_node
        params = updated_node.params
        comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" ")) if params.params else None
        trial = cst.Param(cst.Name("trial"), comma=comma or cst.MaybeSentinel.DEFAULT)
        return updated_node.with_changes(
            params=params.with_changes(params=(trial, *params.params))
        )

    def leave_Return(self, original_node: cst.Return, updated_node: cst.Return) -> cst.Return:
        value = updated_node.value
        if not isinstance(value, cst.Dict):
            return updated_node
        found = {
            text_of(e.key).strip("'\""): e.value
            for e in value.elements
            if isinstance(e, cst.DictElement)
        }
        if "loss" not in found or "status" not in found:
            return updated_node
        if "model" in found:
            self._notes.todo(
                self._line(original_node),
                "the function returns the loss alone; make the best model again from "
                "result.best_params, or use SearchCV with KerasClassifier, which keeps it",
            )
        return updated_node.with_changes(value=found["loss"])

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> Any:
        """Replace a search."""
        statement = original_node.body[0] if len(original_node.body) == 1 else None
        call = getattr(statement, "value", None)
        if not isinstance(call, cst.Call) or self._name(call) != "optim.minimize":
            return updated_node
        names = iter(_MINIMIZE)
        given = {
            a.keyword.value if a.keyword else next(names): text_of(a.value) for a in call.args
        }
        line = self._line(original_node)
        algo = given.get("algo", "tpe.suggest").split(".")[-2:][0]
        if algo not in _SAMPLERS:
            self._notes.todo(line, f"sampler= is to be chosen for algo={given.get('algo')}")
        seed = given.get("rseed", "1337")
        for name in ("functions", "return_space"):
            if name in given:
                self._notes.todo(
                    line, f"{name}= is left out; functions that ask a trial are given it"
                )
        self._notes.needs("minimize")
        model = given.get("model", "model")
        made = [
            f"dataset = {given.get('data', 'data')}()",
            f"result = minimize(lambda trial: {model}(trial, *dataset), {{}}, "
            f'n_iter={given.get("max_evals", "10")}, sampler="{_SAMPLERS.get(algo, "auto")}", '
            f"random_state={seed})",
        ]
        if isinstance(statement, cst.Assign):
            target = statement.targets[0].target
            first = target.elements[0].value if isinstance(target, cst.Tuple) else target
            made.append(f"{text_of(first)} = result.best_params")
            if isinstance(target, cst.Tuple) and len(target.elements) > 1:
                model = text_of(target.elements[1].value)
                if model != "_":
                    self._notes.todo(line, f"{model} is to be made again from result.best_params")
        statements: list[Any] = [cst.parse_statement(text) for text in made]
        leading = updated_node.leading_lines
        statements[0] = statements[0].with_changes(leading_lines=leading)
        return cst.FlattenSentinel(statements)

    def _name(self, node: cst.CSTNode) -> str | None:
        target = node.func if isinstance(node, cst.Call) else node
        return canonical(self.get_metadata(QualifiedNameProvider, target, set()), "hyperas")

    def _line(self, node: cst.CSTNode) -> int:
        return int(self.get_metadata(PositionProvider, node).start.line)


class _Names(cst.CSTVisitor):
    """The names that Hyperas gives templates: see `tunesmith.compat.hyperas.templates`."""

    def __init__(self, module: cst.Module) -> None:
        self.of: dict[cst.CSTNode, str] = {}
        self._words: dict[cst.CSTNode, str] = {}
        self._found: list[cst.CSTNode] = []
        module.visit(self)
        first: dict[str, str] = {}
        for node in self._found:
            if node in self._words:
                first.setdefault(text_of(node), self._words[node])
        seen: Counter[str] = Counter()
        base = ""
        for node in self._found:
            base = first.get(text_of(node)) or base or _distribution(node)
            self.of[node] = f"{base}_{seen[base]}" if seen[base] else base
            seen[base] += 1

    def visit_Set(self, node: cst.Set) -> None:
        if m.matches(node, _TEMPLATE):
            self._found.append(node)

    def visit_Call(self, node: cst.Call) -> None:
        name = node.func
        word = name.attr.value if isinstance(name, cst.Attribute) else text_of(name)
        for number, argument in enumerate(node.args):
            if argument.keyword is not None:
                self._words[argument.value] = argument.keyword.value
            elif number == 0 and argument.star == "":
                self._words[argument.value] = word

    def visit_Assign(self, node: cst.Assign) -> None:
        target = node.targets[-1].target
        if isinstance(target, cst.Name):
            self._words[node.value] = target.value
        elif isinstance(target, cst.Attribute):
            self._words[node.value] = target.attr.value


def _distribution(node: cst.CSTNode) -> str:
    call: Any = node.elements[0].value.elements[0].value  # type: ignore[attr-defined]
    return str(call.func.value)
