"""Scripts of Hyperas."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import libcst as cst
import libcst.matchers as m

from tunesmith.compat.convert.conversion import Notes
from tunesmith.compat.convert.facts import Facts, targets_of
from tunesmith.compat.convert.from_either import Script
from tunesmith.compat.convert.functions import Dataset, Functions
from tunesmith.compat.convert.names import constant, is_literal, text_of
from tunesmith.compat.convert.ranges import ASKED, PARAMETERS, arguments_of, read_range
from tunesmith.compat.convert.searches import Search
from tunesmith.compat.convert.templates import TEMPLATE, call_of, names_of
from tunesmith.compat.hyperas.optim import minimize

_MINIMIZE = inspect.signature(minimize).parameters
_SAMPLERS = {"tpe": "tpe", "rand": "random", "anneal": "tpe", "atpe": "auto"}
_SEVERAL = ("optim.best_models", "optim.best_ensemble")


class Hyperas(Script):
    """Rewrites a script of Hyperas: templates become what a trial is asked for."""

    _function = "model"

    def __init__(self, facts: Facts, notes: Notes) -> None:
        self._trial = notes.free("trial")
        self._functions = Functions(facts)
        self._names: dict[cst.CSTNode, str] = {}
        # Templates whose best values are options already.
        self._evaluated: set[cst.CSTNode] = set()
        self._datasets: dict[cst.CSTNode, Dataset] = {}
        self._within: list[cst.FunctionDef] = []
        # Names of choices whose best values are options, and were numbers.
        self._numbered: set[str] = set()
        super().__init__(facts, notes)

    def _plan(self) -> None:
        for call in self._facts.find(m.Call()):
            name = self._facts.name(call, "hyperas")
            if name in _SEVERAL:
                self._left(
                    call,
                    f"there is no {name}; make models again from the params of the best of "
                    "result.trials",
                )
            search = self._read(call, [*_MINIMIZE]) if name == "optim.minimize" else None
            if search is not None and self._is_known(search):
                self.searches[call] = search
        for search in self.searches.values():
            search.numbered = self._numbered
            functions = self._functions.searched(search.given)
            for node, name in names_of(self._facts, functions).items():
                self._names.setdefault(node, name)
                if text_of(search.given.get("eval_space", cst.Name("False"))) != "False":
                    self._evaluated.add(node)
                elif text_of(call_of(node).func) == "choice":
                    self._numbered.add(name)
        self._functions.find_asking(self._names)
        if self.searches:
            for node, text in self._functions.remarks():
                self._notes.todo(self._facts.line(node), text)

    def _is_known(self, search: Search) -> bool:
        """Tell whether the functions of a search are known; else tell of it."""
        if not {"model", "data"} <= search.given.keys():
            self._left(search.call, "optim.minimize has to be given a model and data")
            return False
        model = self._functions.of(search.given["model"])
        if model is None:
            text = text_of(search.given["model"])
            self._left(search.call, f"it is not seen what {text} is; its templates are left")
            return False
        dataset = Dataset.of(self._functions, search.given["data"], model)
        if dataset.error is not None:
            self._left(search.call, dataset.error)
            return False
        if dataset.note is not None:
            self._notes.todo(self._facts.line(search.call), dataset.note)
        self._datasets[search.call] = dataset
        return True

    # Templates

    def leave_Set(self, original_node: cst.Set, updated_node: cst.Set) -> cst.BaseExpression:
        if original_node not in self._names:
            if m.matches(original_node, TEMPLATE):
                self._left(original_node, "no search that is converted looks at this template")
            return updated_node
        made = self._asked(original_node, updated_node)
        if isinstance(made, str):
            self._left(original_node, made)
            return updated_node
        return made

    def _asked(self, was: cst.Set, now: cst.Set) -> cst.BaseExpression | str:
        """Return what a trial is asked for; if it cannot be, why."""
        call, name = call_of(now), f'"{self._names[was]}"'
        kind = text_of(call.func)
        if any(isinstance(n, cst.FormattedString) for n in self._facts.above(was)):
            return "a template in a text stays; give it a variable before"
        if kind not in PARAMETERS:
            return f"there is no distribution {kind!r}"
        if any(argument.star for argument in call.args):
            return f"the arguments of {kind} are not written out, one by one"
        texts = [(a.keyword.value if a.keyword else None, text_of(a.value)) for a in call.args]
        given = arguments_of(kind, texts)
        if given is None:
            return f"{kind} takes {', '.join(PARAMETERS[kind])}; write it so"
        if kind == "choice":
            return self._choice(was, call.args[0].value, name)
        found = None if kind == "pchoice" else read_range(kind, given, self._notes)
        if found is None or found.kind not in ASKED:
            return f"a trial cannot be asked for {kind}; choose another range"
        if found.note:
            self._notes.todo(self._facts.line(was), found.note)
        return cst.parse_expression(f"{self._trial}.{found.asked(name)}")

    def _choice(
        self, template: cst.Set, now: cst.BaseExpression, name: str
    ) -> cst.BaseExpression | str:
        was, label = call_of(template).args[0].value, self._names[template]
        asked = f"{self._trial}.suggest_categorical({name}"
        if not isinstance(now, cst.List | cst.Tuple):
            known = self._facts.value(was)
            is_range = m.matches(known, m.Call(func=m.Name("range"))) if known else False
            if known is None or not (is_range or is_literal(known)):
                self._notes.todo(
                    self._facts.line(was),
                    f"it is not seen what {text_of(was)} holds; options have to be None, bools, "
                    "numbers and texts, and lists, tuples and dicts of them",
                )
            return cst.parse_expression(f"{asked}, list({text_of(now)}))")
        if any(isinstance(element, cst.StarredElement) for element in now.elements):
            return "the options of choice are not written out, one by one"
        if is_literal(now):
            if constant(now) == [*range(len(now.elements))]:
                self._numbered.discard(label)
            call: Any = cst.parse_expression(f"{asked}, options)")
            return call.with_deep_changes(call.args[1], value=now)  # type: ignore[no-any-return]
        # Options are asked for by number: they need not be values that can be recorded, and what
        # stands in one of them is asked for where it is taken.
        self._numbered.discard(label)
        if template in self._evaluated:
            self._notes.todo(
                self._facts.line(template),
                f"the best value of {name} is the number of its option, in spite of eval_space",
            )
        options = ", ".join(f"lambda: {text_of(e.value)}" for e in now.elements)
        numbers = ", ".join(map(str, range(len(now.elements))))
        return cst.parse_expression(f"[{options}][{asked}, [{numbers}])]()")

    # Functions

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        if self._facts.name(original_node, "hyperas") == "distributions.conditional":
            return updated_node.args[0].value if updated_node.args else updated_node
        if self._functions.is_asking(original_node):
            return updated_node.with_changes(
                args=_with(cst.Arg(cst.Name(self._trial)), updated_node.args)
            )
        return super().leave_Call(original_node, updated_node)

    def visit_Name(self, node: cst.Name) -> None:
        """Tell of the values of a trial, as Hyperas names them, and of variables of data."""
        within = [f for f in self._within if f in self._functions.known]
        if not within or not self._facts.is_read(node) or self._facts.is_bound(node):
            return
        line = self._facts.line(node)
        if node.value == "space" and within[0] in self._functions.asking:
            self._notes.todo(
                line,
                f"there is no space any more; {self._trial}.params has what was asked for so far",
            )
        elif any(node.value in dataset.variables for dataset in self._datasets.values()):
            is_module = any(self._facts.bound.get(node.value, {""}) - {""})
            self._notes.todo(
                line,
                f"{node.value} is imported in the function of data; import it at the top"
                if is_module
                else f"{node.value} is a variable of the function of data; return it there, and "
                "take it as a parameter",
            )

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        self._within.append(node)

    def leave_FunctionDef(
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.FunctionDef:
        self._within.pop()
        if original_node not in self._functions.asking:
            return updated_node
        params = updated_node.params
        at = 1 if self._functions.is_method(original_node) else 0
        trial = cst.Param(cst.Name(self._trial))
        is_posonly = len(params.posonly_params) > at
        kind = "posonly_params" if is_posonly else "params"
        listed = [*getattr(params, kind)]
        listed = [*listed[:at], *_with(trial, listed[at:])]
        if at and len(listed) > 1 and not listed[0].comma:
            listed[0] = listed[0].with_changes(comma=_COMMA)
        return updated_node.with_changes(params=params.with_changes(**{kind: listed}))

    def _dropped(self, names: Sequence[str], line: int) -> None:
        if "model" in names:
            self._notes.todo(
                line,
                "the function returns the loss alone; make the best model again from "
                "best_params of the search, or use SearchCV with KerasClassifier, which keeps it",
            )
        if others := [name for name in names if name != "model"]:
            super()._dropped(others, line)

    # Searches

    def _minimize(self, search: Search, now: cst.Call) -> cst.BaseExpression:
        given = search.given
        line = self._facts.line(search.call)
        made = self._algorithm(search)
        algo = "tpe.suggest" if made is None else text_of(made)
        kind = algo.split(".")[-2:][0]
        if kind not in _SAMPLERS:
            self._notes.todo(line, f"sampler= is to be chosen for algo={algo}")
        if kind == "anneal":
            self._notes.todo(line, "there is no anneal; sampler= says what is near to it")
        if "return_space" in given and text_of(given["return_space"]) != "False":
            self._notes.todo(line, "return_space= is left out; there is no space")
        seed = text_of(given["rseed"]) if "rseed" in given else "1337"
        arguments = [
            self._datasets[search.call].calling(text_of(given["model"]), self._trial),
            "{}",
            f"n_iter={text_of(given['max_evals']) if 'max_evals' in given else '10'}",
            f'sampler="{_SAMPLERS.get(kind, "auto")}"',
            f"random_state={seed}",
            *self._trials.n_jobs(search),
        ]
        if "verbose" in given and text_of(given["verbose"]) in ("False", "0"):
            arguments.append("progress=False")
        return self._called(search, arguments)

    def _targets(self, statement: cst.CSTNode) -> list[cst.BaseExpression]:
        targets = targets_of(statement)
        firsts = [t.elements[0].value for t in targets if isinstance(t, cst.Tuple | cst.List)]
        return firsts or targets

    def _values(self, search: Search, result: str) -> str:
        holder = self._facts.holder(search.call)
        if isinstance(holder, cst.Subscript) and m.matches(holder, _FIRST):
            return f"{result}.best_params"
        self._notes.todo(
            self._facts.line(search.call),
            "None stands for the best model, to be made again from best_params of the search",
        )
        return f"({result}.best_params, None)"

    def leave_Subscript(
        self, original_node: cst.Subscript, updated_node: cst.Subscript
    ) -> cst.BaseExpression:
        if original_node.value in self.searches and m.matches(original_node, _FIRST):
            return updated_node.value
        return super().leave_Subscript(original_node, updated_node)

    def _given_best(
        self, search: Search, before: cst.BaseSmallStatement, now: Any
    ) -> list[cst.BaseSmallStatement]:
        targets = targets_of(before)
        target = targets[0] if len(targets) == 1 else None
        if not isinstance(target, cst.Tuple | cst.List):
            return super()._given_best(search, before, now)
        best, *others = [element.value for element in target.elements]
        for place, other in enumerate(others):
            if text_of(other) == "_" or text_of(other).startswith("*"):
                continue
            made = f"{text_of(other)} is to be made again from {search.result}.best_params"
            gone = f"there is no {text_of(other)} any more"
            self._notes.todo(self._facts.line(before), gone if place else made)
        name = cst.AssignTarget(best)  # type: ignore[arg-type]
        return [cst.Assign([name], cst.parse_expression(f"{search.result}.best_params"))]


_FIRST = m.Subscript(slice=[m.SubscriptElement(slice=m.Index(value=m.Integer("0")))])
_COMMA = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))


def _with(first: Any, rest: Sequence[Any]) -> list[Any]:
    """Return arguments or parameters with one before them."""
    return [first.with_changes(comma=_COMMA), *rest] if rest else [first]
