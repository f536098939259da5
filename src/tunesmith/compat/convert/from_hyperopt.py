"""Scripts of Hyperopt."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

import libcst as cst
import libcst.matchers as m

from tunesmith.compat.convert.choices import Spaces
from tunesmith.compat.convert.conversion import Notes
from tunesmith.compat.convert.facts import Facts
from tunesmith.compat.convert.from_either import Script, Search
from tunesmith.compat.convert.names import constant, is_literal, text_of
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
            if "trials" not in search.given and self._maker(search.given.get("timeout")):
                # Where earlier releases take trials.
                names = {"timeout": "trials"}
                search.given = {names.get(n, n): value for n, value in search.given.items()}
            self.searches[call] = search
        if not self.searches:
            return
        for search in self.searches.values():
            search.whole = self._spaces.whole(search.given["space"])
        self._spaces.rest()
        self._replaced |= self._spaces.replaced
        self._renamed |= self._spaces.renamed
        if not all(map(_gives_values, self.searches.values())):
            self._numbered |= self._spaces.numbered

    # Spaces

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        args = original_node.args
        if self._facts.name(original_node) != "space_eval" or len(args) != 2:
            return super().leave_Call(original_node, updated_node)
        best = args[1].value
        is_best = best in self.searches or text_of(best) in self._best
        if not is_best and not self._is_argmin(best):
            return updated_node
        space = self._facts.value(args[0].value)
        shapes = {self._facts.value(s.given["space"]): s.shape for s in self.searches.values()}
        shape = shapes.get(space, "{0}")
        now = updated_node.args[1].value
        return now if shape == "{0}" else cst.parse_expression(shape.format(text_of(now)))

    # Searches

    def _values(self, search: Search, result: str) -> str:
        best = f"{result}.best_params"
        return best if not _gives_values(search) else search.shape.format(best)

    def _minimize(self, search: Search, now: cst.Call) -> cst.BaseExpression:
        given = search.given
        after = {name: a.value for name, a in zip(given, now.args, strict=True)}
        line = self._facts.line(search.call)
        function = text_of(after["fn"])
        if search.whole is not None:
            function = search.whole.calling(function)
        n_iter = text_of(given["max_evals"]) if "max_evals" in given else "None"
        if n_iter == "None":
            n_iter = "100"
            self._notes.todo(line, "n_iter= has to say how many trials there are to be")
        arguments = [
            function,
            text_of(after["space"]),
            f"n_iter={n_iter}",
            f"sampler={self._sampler(self._algorithm(search), line)}",
            *self._n_jobs(search),
            *self._further(search, line),
        ]
        for name in given.keys() - _CONVERTED - _NEEDLESS:
            if text_of(given[name]) not in ("None", "False"):
                self._notes.todo(line, _DROPPED.get(name, f"{name}= is left out"))
        minimize = self._notes.needs("minimize")
        return cst.parse_expression(f"{minimize}({', '.join(arguments)})")

    def _further(self, search: Search, line: int) -> list[str]:
        given = {n: v for n, v in search.given.items() if text_of(v) not in ("None", '""', "''")}
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
            if self._spaces.numbered:
                self._notes.todo(line, "initial= takes the options themselves, not their numbers")
            if self._spaces.renamed:
                old, new = min(self._spaces.renamed.items())
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


def _gives_values(search: Search) -> bool:
    """Tell whether a search gives values of the space, and not numbers of options by labels."""
    return text_of(search.given.get("return_argmin", cst.Name("True"))) == "False"
