"""Scripts of Hyperopt."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import libcst as cst
import libcst.matchers as m
from libcst.metadata import PositionProvider, QualifiedNameProvider

from tunesmith.compat.convert.choices import Made, Spaces
from tunesmith.compat.convert.conversion import Notes
from tunesmith.compat.convert.names import canonical, constant, text_of
from tunesmith.compat.convert.ranges import PARAMETERS, arguments_of, read_range
from tunesmith.compat.hyperopt.fmin import fmin

_FMIN = inspect.signature(fmin).parameters
_SAMPLERS = {"tpe": "tpe", "rand": "random", "anneal": "tpe", "atpe": "auto", "mix": "auto"}
_DROPPED = {
    "loss_threshold": "there is no loss_threshold; ask and tell with Study, and stop there",
    "early_stop_fn": "there is no early_stop_fn; ask and tell with Study, and stop there",
    "pass_expr_memo_ctrl": "the function gets a dict of parameters, and no expression",
    "max_queue_len": "there is no max_queue_len; n_jobs= runs several trials at once",
}
_UNUSED = {"allow_trials_fmin", "catch_eval_exceptions", "trials"}


class Hyperopt(cst.CSTTransformer):
    """Rewrites a script of Hyperopt.

    Parameters
    ----------
    notes : Notes
        Gets what is left to do, and what is to be imported.
    module : libcst.Module
        The script.
    """

    METADATA_DEPENDENCIES = (QualifiedNameProvider, PositionProvider)

    def __init__(self, notes: Notes, module: cst.Module) -> None:
        super().__init__()
        self._notes = notes
        self._spaces = Spaces(notes)
        names = {name.value for name in m.findall(module, m.Name())}  # type: ignore[attr-defined]
        self._result = "result" if "result" not in names else "search_result"
        self._space_names: set[str] = set()
        self._trials: set[str] = set()
        self._best: set[str] = set()
        self._choices: set[str] = set()
        self._lines_above: tuple[cst.EmptyLine, ...] = ()

    def visit_Call(self, node: cst.Call) -> None:
        if self._name(node) == "fmin":
            given = _given(node)
            if m.matches(given.get("space", cst.Name("_")), m.Name()):
                self._space_names.add(text_of(given["space"]))

    def visit_Module(self, node: cst.Module) -> None:
        """Look for what is used before it is converted."""
        for call in m.findall(node, m.Call()):
            if isinstance(call, cst.Call) and self._name(call) == "fmin":
                self.visit_Call(call)
        for assign in m.findall(node, m.Assign(targets=[m.AssignTarget(m.Name())])):
            if not isinstance(assign, cst.Assign) or not isinstance(assign.value, cst.Call):
                continue
            target = text_of(assign.targets[0].target)
            called = self._name(assign.value)
            if called in ("Trials", "SparkTrials"):
                self._trials.add(target)
            elif called == "fmin":
                self._best.add(target)

    # Spaces

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        name = self._name(original_node) or ""
        line = self._line(original_node)
        if name.startswith("hp.") and name[3:] in PARAMETERS:
            return self._dimension(name[3:], updated_node, line)
        if name in ("scope.int", "pyll.scope.int", "base.scope.int"):
            return self._whole(updated_node, line)
        if name == "space_eval" and len(updated_node.args) == 2:
            return updated_node.args[1].value
        if name == "fmin":
            return self._minimize(original_node, updated_node, line)
        if self._is_of_trials(updated_node, "len"):
            return cst.parse_expression(f"len({self._result}.trials)")
        if self._is_of_trials(updated_node, "losses"):
            return cst.parse_expression(f"[trial.value for trial in {self._result}.trials]")
        return updated_node

    def _is_of_trials(self, call: cst.Call, name: str) -> bool:
        """Tell whether a function or a method is called for the trials."""
        if name == "len":
            of_one = m.matches(call, m.Call(func=m.Name("len"), args=[m.Arg(m.Name())]))
            return of_one and text_of(call.args[0].value) in self._trials
        return text_of(call) in {f"{trials}.{name}()" for trials in self._trials}

    def _dimension(self, kind: str, node: cst.Call, line: int) -> cst.BaseExpression:
        label, rest = node.args[:1], node.args[1:]
        name = constant(label[0].value) if label else None
        if not isinstance(name, str):
            self._notes.left(line, f"hp.{kind} has no label that is written out; write it by hand")
            return node
        texts = [(a.keyword.value if a.keyword else None, text_of(a.value)) for a in rest]
        if kind in ("choice", "pchoice"):
            self._choices.add(name)
            return self._spaces.choice(name, kind, rest[0].value if rest else None, node, line)
        given = arguments_of(kind, texts)
        found = read_range(kind, given, self._notes)
        if found is None:
            self._notes.left(line, f"tunesmith has no hp.{kind}; write another range by hand")
            return node
        return self._spaces.number(Made(name, kind, given), found, line)

    def _whole(self, node: cst.Call, line: int) -> cst.BaseExpression:
        inner = node.args[0].value if node.args else None
        made = self._spaces.made.get(inner) if inner is not None else None
        if made is not None and made.kind == "quniform":
            found = read_range("quniform", made.given, self._notes, whole=True)
            assert found is not None
            return self._spaces.number(made, found, line)
        if made is not None and made.kind in ("randint", "uniformint"):
            assert inner is not None
            return inner
        self._notes.left(line, "scope.int of this cannot be converted; write Int(low, high)")
        return node

    def leave_BinaryOperation(
        self, original_node: cst.BinaryOperation, updated_node: cst.BinaryOperation
    ) -> cst.BaseExpression:
        if {updated_node.left, updated_node.right} & self._spaces.made.keys():
            self._notes.left(
                self._line(original_node),
                "a range cannot be computed with; do that in the function",
            )
        return updated_node

    def leave_DictElement(
        self, original_node: cst.DictElement, updated_node: cst.DictElement
    ) -> cst.DictElement:
        return self._spaces.element(updated_node, self._line(original_node))

    def leave_Assign(self, original_node: cst.Assign, updated_node: cst.Assign) -> cst.Assign:
        target = text_of(updated_node.targets[0].target)
        if target not in self._space_names:
            return updated_node
        space = self._spaces.whole(updated_node.value, target, self._line(original_node))
        return updated_node.with_changes(value=space)

    # Searches

    def _minimize(self, was: cst.Call, node: cst.Call, line: int) -> cst.BaseExpression:
        given = _given(node)
        space = given.get("space", cst.parse_expression("{}"))
        name = text_of(space)
        if not m.matches(space, m.Name()):
            name = ""
            space = self._spaces.whole(space, name, line)
        function = self._spaces.adapted(name, text_of(given.get("fn", cst.Name("function"))))
        arguments = [
            function,
            text_of(space),
            f"n_iter={text_of(given['max_evals'])}" if "max_evals" in given else "n_iter=100",
        ]
        if "max_evals" not in given:
            self._notes.todo(line, "n_iter= has to say how many trials there are to be")
        arguments.append(f"sampler={self._sampler(_given(was).get('algo'), line)}")
        arguments += self._further(given, line)
        for unused in given.keys() & _DROPPED.keys():
            self._notes.todo(line, _DROPPED[unused])
        self._notes.needs("minimize")
        return cst.parse_expression(f"minimize({', '.join(arguments)})")

    def _further(self, given: dict[str, cst.BaseExpression], line: int) -> list[str]:
        found = []
        if "rstate" in given:
            seed = given["rstate"]
            if isinstance(seed, cst.Call) and m.matches(seed, _SEEDED):
                found.append(f"random_state={text_of(seed.args[0].value)}")
            else:
                self._notes.todo(line, "random_state= takes a whole number, in place of rstate")
        for old, new in {"timeout": "timeout", "trials_save_file": "storage"}.items():
            if old in given:
                found.append(f"{new}={text_of(given[old])}")
        if "points_to_evaluate" in given:
            found.append(f"initial={text_of(given['points_to_evaluate'])}")
            if self._choices:
                self._notes.todo(line, "initial= takes the options themselves, not their numbers")
        quiet = [text_of(given[n]) for n in ("verbose", "show_progressbar") if n in given]
        if "False" in quiet:
            found.append("progress=False")
        return found

    def _sampler(self, algo: cst.BaseExpression | None, line: int) -> str:
        if algo is None:
            return '"tpe"'
        name = self._name(algo) or ""
        if name.removesuffix(".suggest") in _SAMPLERS:
            kind = name.removesuffix(".suggest")
            if kind in ("anneal", "mix"):
                self._notes.todo(line, f"there is no {kind}; sampler= says what is near to it")
            return f'"{_SAMPLERS[kind]}"'
        if isinstance(algo, cst.Call) and text_of(algo.func).endswith("partial"):
            inner = self._name(algo.args[0].value) if algo.args else None
            if inner == "tpe.suggest":
                return self._estimators(algo.args[1:], line)
            if inner == "mix.suggest":
                self._notes.todo(line, "there is no mix; sampler= says what is near to it")
                return '"auto"'
        self._notes.todo(line, f"sampler= is to be chosen for algo={text_of(algo)}")
        return '"tpe"'

    def _estimators(self, arguments: Sequence[cst.Arg], line: int) -> str:
        names = {"n_startup_jobs": "n_startup", "n_EI_candidates": "n_candidates"}
        found = []
        for argument in arguments:
            old = argument.keyword.value if argument.keyword else ""
            if old in names:
                found.append(f"{names[old]}={text_of(argument.value)}")
            else:
                self._notes.todo(line, f"TPESampler has no {old}; it is left out")
        self._notes.needs("TPESampler", "tunesmith.samplers.tpe")
        return f"TPESampler({', '.join(found)})"

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> Any:
        """Drop what makes trials; give the result of a search a name besides its best values."""
        before = original_node.body[0]
        value = getattr(before, "value", None)
        called = self._name(value) if isinstance(value, cst.Call) else None
        if called in ("Trials", "SparkTrials") and isinstance(before, cst.Assign):
            for target in before.targets:
                if not isinstance(target.target, cst.Name):
                    text = f"there is no {text_of(target.target)} any more; keep {self._result}"
                    self._notes.todo(self._line(original_node), text)
            self._lines_above = (*self._lines_above, *updated_node.leading_lines)
            return cst.RemoveFromParent()
        above, self._lines_above = (*self._lines_above, *updated_node.leading_lines), ()
        updated_node = updated_node.with_changes(leading_lines=above)
        return self._named(updated_node) if called == "fmin" else updated_node

    def _named(self, line: cst.SimpleStatementLine) -> Any:
        now = line.body[0]
        call = text_of(now).split("=", 1)[1] if isinstance(now, cst.Assign) else text_of(now)
        first = cst.parse_statement(f"{self._result} = {call.removeprefix('return').strip()}")
        first = first.with_changes(leading_lines=line.leading_lines)
        if isinstance(now, cst.Assign):
            second = f"{text_of(now.targets[0].target)} = {self._result}.best_params"
        elif isinstance(now, cst.Return):
            second = f"return {self._result}.best_params"
        else:
            return first
        return cst.FlattenSentinel([first, cst.parse_statement(second)])

    # Results

    def leave_Return(self, original_node: cst.Return, updated_node: cst.Return) -> cst.Return:
        value = updated_node.value
        if not isinstance(value, cst.Dict):
            return updated_node
        told = self._told(value, self._line(original_node))
        return updated_node if told is None else updated_node.with_changes(value=told)

    def leave_Lambda(self, original_node: cst.Lambda, updated_node: cst.Lambda) -> cst.Lambda:
        if not isinstance(updated_node.body, cst.Dict):
            return updated_node
        told = self._told(updated_node.body, self._line(original_node))
        return updated_node if told is None else updated_node.with_changes(body=told)

    def _told(self, result: cst.Dict, line: int) -> cst.BaseExpression | None:
        """Return the loss of a result; None if it is none."""
        found = {
            constant(element.key): element.value
            for element in result.elements
            if isinstance(element, cst.DictElement)
        }
        status = text_of(found["status"]) if "status" in found else ""
        if status.endswith("STATUS_FAIL"):
            return cst.parse_expression('float("nan")')
        if "loss" not in found or "status" not in found:
            return None
        if more := sorted(str(key) for key in found if key not in ("loss", "status")):
            self._notes.todo(
                line, f"the function returns the loss alone; {', '.join(more)} is dropped"
            )
        return found["loss"]

    def leave_Subscript(
        self, original_node: cst.Subscript, updated_node: cst.Subscript
    ) -> cst.BaseExpression:
        written = "".join(text_of(original_node).split()).replace('"', "'")
        for trials in self._trials:
            if written == f"{trials}.best_trial['result']['loss']":
                return cst.parse_expression(f"{self._result}.best_value")
        for best in self._best:
            for choice in self._choices:
                if written == f"{best}['{choice}']":
                    self._notes.todo(
                        self._line(original_node),
                        f"{written} is the option itself now, not its number",
                    )
        return updated_node

    def leave_Attribute(
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.BaseExpression:
        if not isinstance(updated_node.value, cst.Name):
            return updated_node
        if updated_node.value.value not in self._trials:
            return updated_node
        name = updated_node.attr.value
        if name == "argmin":
            return cst.parse_expression(f"{self._result}.best_params")
        if name not in ("losses", "best_trial"):
            self._notes.todo(
                self._line(original_node),
                f"{text_of(updated_node)}: see {self._result}.trials, whose members have params, "
                "value and error",
            )
        return updated_node

    def _name(self, node: cst.CSTNode) -> str | None:
        target = node.func if isinstance(node, cst.Call) else node
        return canonical(self.get_metadata(QualifiedNameProvider, target, set()), "hyperopt")

    def _line(self, node: cst.CSTNode) -> int:
        return int(self.get_metadata(PositionProvider, node).start.line)


_SEEDED = m.Call(
    m.Attribute(attr=m.Name("default_rng") | m.Name("RandomState"))
    | m.Name("default_rng")
    | m.Name("RandomState"),
    [m.Arg(keyword=None, star="")],
)
"""A generator made from one number."""


def _given(call: cst.Call) -> dict[str, cst.BaseExpression]:
    """Return the arguments of a call of fmin by name."""
    names = iter(_FMIN)
    return {
        argument.keyword.value if argument.keyword else next(names): argument.value
        for argument in call.args
    }
