"""Scripts of Hyperopt."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from typing import Any

import libcst as cst
import libcst.matchers as m

from tunesmith.compat.convert.conversion import Notes
from tunesmith.compat.convert.facts import Facts, targets_of
from tunesmith.compat.convert.from_either import Script
from tunesmith.compat.convert.names import constant, is_literal, text_of
from tunesmith.compat.convert.searches import Search, maker_of
from tunesmith.compat.convert.spaces import Spaces
from tunesmith.compat.convert.uses import note_uses
from tunesmith.compat.hyperopt.fmin import fmin

_FMIN = inspect.signature(fmin).parameters
_SAMPLERS = {"tpe": "tpe", "rand": "random", "anneal": "tpe", "atpe": "auto", "mix": "auto"}
_CONVERTED = {
    "algo",
    "fn",
    "max_evals",
    "points_to_evaluate",
    "return_argmin",
    "rstate",
    "show_progressbar",
    "space",
    "timeout",
    "trials",
    "trials_save_file",
    "verbose",
}
_NEEDLESS = {"allow_trials_fmin", "catch_eval_exceptions"}
_DROPPED = {
    "loss_threshold": "there is no loss_threshold; ask and tell with Study, and stop there",
    "early_stop_fn": "there is no early_stop_fn; ask and tell with Study, and stop there",
    "pass_expr_memo_ctrl": "the function gets a dict of parameters, and no expression",
    "max_queue_len": "there is no max_queue_len; n_jobs= runs several trials at once",
}


class Hyperopt(Script):
    """Rewrites a script of Hyperopt."""

    _function = "fn"

    def __init__(self, facts: Facts, notes: Notes) -> None:
        self._spaces = Spaces(facts, notes)
        super().__init__(facts, notes)

    def _plan(self) -> None:
        for call in self._facts.find(m.Call()):
            search = self._read(call, [*_FMIN]) if self._facts.name(call) == "fmin" else None
            if search is None:
                continue
            if not {"fn", "space"} <= search.given.keys():
                self._left(call, "fmin has to be given a function and a space")
                continue
            if "trials" not in search.given and maker_of(self._facts, search.given.get("timeout")):
                # Where earlier releases take trials.
                names = {"timeout": "trials"}
                search.given = {names.get(n, n): value for n, value in search.given.items()}
            self.searches[call] = search
        if not self.searches:
            return
        for search in self.searches.values():
            self._spaces.read(search.given["space"])
        self._spaces.settle()
        for call, search in [*self.searches.items()]:
            if self._spaces.stays(search.given["space"]):
                text = "this search stays, as its space does; tunesmith.compat.hyperopt runs it"
                self._left(call, text)
                self._searches_left.append(self.searches.pop(call))
        if not self.searches:
            return
        self._spaces.rest()
        given = [search.given["space"] for search in self.searches.values()]
        note_uses(self._facts, self._notes, self._spaces.replaced, given)
        self._replaced |= self._spaces.replaced
        for search in self.searches.values():
            found = self._spaces.whole(search.given["space"])
            readings = [self._spaces.loose]
            if found is not None:
                search.whole, reading = found
                readings.append(reading)
            if not _gives_values(search):
                for reading in readings:
                    search.numbered |= reading.numbered
                    search.renamed |= reading.renamed
                    search.constants |= reading.constants

    # Spaces

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        search = self._evaluated(original_node)
        if search is None:
            return super().leave_Call(original_node, updated_node)
        best = search.values(text_of(updated_node.args[1].value))
        holder = self._facts.holder(original_node)
        # What was a dict of its own stays one.
        is_kept = isinstance(holder, cst.Assign | cst.AnnAssign) and search.values("") == ""
        return cst.parse_expression(f"dict({best})" if is_kept else best)

    def _statement(self, before: Any, after: Any) -> list[cst.BaseSmallStatement]:
        """Drop what gave a variable of numbers the values that it has already."""
        made = getattr(before, "value", None)
        search = self._evaluated(made) if isinstance(made, cst.Call) else None
        if isinstance(made, cst.Call) and search is not None and search.values("") == "":
            best = text_of(made.args[1].value)
            if [text_of(target) for target in targets_of(before)] == [best]:
                return []
        return super()._statement(before, after)

    def _evaluated(self, call: cst.Call) -> Search | None:
        """Return the search whose best values a call of ``space_eval`` gives the options for."""
        if self._facts.name(call) != "space_eval" or len(call.args) != 2:
            return None
        best = call.args[1].value
        is_known = self._best.holds(best)
        if isinstance(best, cst.Attribute) and best.attr.value == "argmin":
            is_known = is_known or self._trials.result(best.value) is not None
        if not is_known:
            return None
        space = self._facts.source(call.args[0].value)
        of_space = (
            s for s in self.searches.values() if self._facts.source(s.given["space"]) is space
        )
        return next(of_space, None)

    # Searches

    def _values(self, search: Search, result: str) -> str:
        best = f"{result}.best_params"
        return search.values(best) if _gives_values(search) else best

    def _minimize(self, search: Search, now: cst.Call) -> cst.BaseExpression:
        given = search.given
        after = {name: a.value for name, a in zip(given, now.args, strict=True)}
        line = self._facts.line(search.call)
        function = text_of(after["fn"])
        if search.whole is not None:
            function = search.whole.calling(function)
        n_iter = text_of(given["max_evals"]) if "max_evals" in given else "None"
        if isinstance(constant(given.get("max_evals")), float):
            n_iter = f"int({n_iter})"
        if re.search(r"\b(None|inf|maxsize)\b", n_iter):
            n_iter = "100"
            self._notes.todo(line, "n_iter= has to say how many trials there are to be")
        arguments = [
            function,
            text_of(after["space"]),
            f"n_iter={n_iter}",
            f"sampler={self._sampler(self._algorithm(search), line)}",
            *self._trials.n_jobs(search),
            *self._further(search, line),
        ]
        for name in given.keys() - _CONVERTED - _NEEDLESS:
            if text_of(given[name]) not in ("None", "False"):
                self._notes.todo(line, _DROPPED.get(name, f"{name}= is left out"))
        return self._called(search, arguments)

    def _further(self, search: Search, line: int) -> list[str]:
        given = {n: v for n, v in search.given.items() if text_of(v) not in ("None", '""', "''")}
        found = []
        if "rstate" in given:
            seed = given["rstate"]
            if isinstance(seed, cst.Call) and m.matches(seed, _SEEDED | _NAMED):
                found.append(f"random_state={text_of(seed.args[0].value)}")
            else:
                self._notes.todo(line, "random_state= takes a whole number, in place of rstate")
        for old, new in {"timeout": "timeout", "trials_save_file": "storage"}.items():
            if old in given:
                found.append(f"{new}={text_of(given[old])}")
        if "points_to_evaluate" in given:
            found.append(f"initial={text_of(given['points_to_evaluate'])}")
            if search.numbered:
                self._notes.todo(line, "initial= takes the options themselves, not their numbers")
            if search.renamed:
                old, new = min(search.renamed.items())
                self._notes.todo(
                    line, f"initial= takes the names of the space: {new!r} is what was {old!r}"
                )
        shown = [given[n] for n in ("verbose", "show_progressbar") if n in given]
        if any(is_literal(value) and not constant(value) for value in shown):
            found.append("progress=False")
        elif not all(is_literal(value) for value in shown):
            self._notes.todo(line, "progress= says whether progress is shown")
        if "return_argmin" in given and not is_literal(given["return_argmin"]):
            self._notes.todo(line, "best values are the options themselves, not their numbers")
        return found

    def _sampler(self, algo: cst.BaseExpression | None, line: int) -> str:
        if algo is None or text_of(algo) == "None":
            return '"tpe"'
        name = self._facts.name(algo) or ""
        if name.removesuffix(".suggest") in _SAMPLERS:
            kind = name.removesuffix(".suggest")
            if kind in ("anneal", "mix"):
                self._notes.todo(line, f"there is no {kind}; sampler= says what is near to it")
            return f'"{_SAMPLERS[kind]}"'
        if isinstance(algo, cst.Call) and text_of(algo.func).endswith("partial"):
            inner = self._facts.name(algo.args[0].value) if algo.args else None
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
                text = old or text_of(argument.value)
                self._notes.todo(line, f"TPESampler has no {text}; it is left out")
        sampler = self._notes.needs("TPESampler", "tunesmith.samplers.tpe")
        return f"{sampler}({', '.join(found)})"


_SEEDED = m.Call(
    m.Attribute(attr=m.Name("default_rng") | m.Name("RandomState"))
    | m.Name("default_rng")
    | m.Name("RandomState"),
    [m.Arg(keyword=None, star="")],
)
"""A generator made from one number."""
_NAMED = m.Call(_SEEDED.func, [m.Arg(keyword=m.Name("seed"), star="")])


def _gives_values(search: Search) -> bool:
    """Tell whether a search gives values of the space, and not numbers of options by labels."""
    return text_of(search.given.get("return_argmin", cst.Name("True"))) == "False"
