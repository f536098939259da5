"""What the scripts of both libraries have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import libcst as cst
import libcst.matchers as m

from tunesmith.compat.convert.choices import Whole
from tunesmith.compat.convert.conversion import Notes
from tunesmith.compat.convert.facts import Facts, targets_of
from tunesmith.compat.convert.names import constant, text_of
from tunesmith.compat.convert.results import Results

_TRIALS = ("Trials", "SparkTrials")
_LINE = (cst.Assign, cst.AnnAssign, cst.Return, cst.Expr)
_NOTHING = cst.Pass()
"""What stands in a line of its own in place of what is dropped, until its block is known."""


@dataclass
class Search:
    """A search of a script.

    Parameters
    ----------
    call : libcst.Call
        What begins it.
    given : mapping of str to libcst.BaseExpression
        Its arguments by name.
    result : str or None, default=None
        The variable that its result gets; None where it stands in an expression.
    whole : Whole or None, default=None
        Its space; None where that is not known.
    """

    call: cst.Call
    given: Mapping[str, cst.BaseExpression]
    result: str | None = None
    whole: Whole | None = None

    @property
    def shape(self) -> str:
        """What its best values are, where {0} is the dict of them."""
        return "{0}" if self.whole is None else self.whole.shape


class Script(cst.CSTTransformer):
    """Rewrites what the scripts of both libraries have in common: trials, results, best values.

    Parameters
    ----------
    facts : Facts
        The script.
    notes : Notes
        Gets what is left to do, and what is to be imported.

    Attributes
    ----------
    searches : dict of libcst.CSTNode to Search
        The searches that can be converted.
    """

    def __init__(self, facts: Facts, notes: Notes) -> None:
        super().__init__()
        self.searches: dict[cst.CSTNode, Search] = {}
        self._facts = facts
        self._notes = notes
        self._replaced: dict[cst.CSTNode, cst.BaseExpression] = {}
        self._numbered: set[str] = set()
        self._renamed: dict[str, str] = {}
        # What makes trials that are made no more, and the search that they were for.
        self._trials: dict[cst.CSTNode, Search] = {}
        # What makes algorithms that nothing asks for any more.
        self._algorithms: set[cst.CSTNode] = set()
        self._best: set[str] = set()
        self._plan()
        self._name_results()
        if self.searches:
            self._plan_trials()
            self._plan_algorithms()
            self._results = Results(facts, notes)

    # What is done by each library

    def _plan(self) -> None:
        """Find the searches that can be converted, and tell of the others."""
        raise NotImplementedError

    def _minimize(self, search: Search, now: cst.Call) -> cst.BaseExpression:
        """Return the call that replaces a search's."""
        raise NotImplementedError

    def _values(self, search: Search, result: str) -> str:
        """Return what stands for what the search gave, given its result."""
        raise NotImplementedError

    def _dropped(self, names: Sequence[str], line: int) -> None:
        """Tell what of a result is dropped."""
        self._notes.todo(
            line, f"the function returns the loss alone; {', '.join(names)} is dropped"
        )

    # Searches

    def _read(self, call: cst.Call, parameters: Sequence[str]) -> Search | None:
        """Return a search; None, and a remark, if its arguments are not written out."""
        in_order = iter(parameters)
        given: dict[str, cst.BaseExpression] = {}
        for argument in call.args:
            name = argument.keyword.value if argument.keyword else next(in_order, "")
            if argument.star or not name:
                called = text_of(call.func)
                self._left(call, f"the arguments of {called} are not written out, one by one")
                return None
            given[name] = argument.value
        return Search(call, given)

    def _name_results(self) -> None:
        base = self._notes.free("result", "search_result")
        seen = 0
        for call, search in self.searches.items():
            holder = self._facts.holder(call)
            if not isinstance(holder, _LINE):
                continue
            seen += 1
            search.result = base if seen == 1 else self._notes.free(f"{base}_{seen}")
            self._best |= {text_of(target) for target in self._targets(holder)}

    def _targets(self, statement: cst.CSTNode) -> list[cst.BaseExpression]:
        """Return what a statement gives the best values to."""
        return targets_of(statement)

    # Algorithms

    def _algorithm(self, search: Search) -> cst.BaseExpression | None:
        """Return what a search is given to suggest points, as it is written where it is made."""
        given = search.given.get("algo")
        return self._facts.value(given) or given

    def _plan_algorithms(self) -> None:
        """Find what makes algorithms for variables that only searches read."""
        given = [search.given.get("algo") for search in self.searches.values()]
        for search in self.searches.values():
            variable, made = search.given.get("algo"), self._algorithm(search)
            if not isinstance(variable, cst.Name) or not self._is_algorithm(made):
                continue
            if all(reader in given for reader in self._facts.readers(variable)):
                self._algorithms.add(made)

    def _is_algorithm(self, made: cst.BaseExpression | None) -> TypeGuard[cst.BaseExpression]:
        if isinstance(made, cst.Call) and text_of(made.func).endswith("partial") and made.args:
            made = made.args[0].value
        return made is not None and (self._facts.name(made) or "").endswith(".suggest")

    # Trials

    def _plan_trials(self) -> None:
        """Find what makes trials that one search uses alone: it is not needed any more."""
        makers = {call: self._maker(s.given.get("trials")) for call, s in self.searches.items()}
        used = Counter(maker for maker in makers.values() if maker is not None)
        for call, search in self.searches.items():
            maker, given = makers[call], search.given.get("trials")
            if given is None or m.matches(given, m.Name("None")):
                continue
            if maker is None:
                why = f"it is not seen what {text_of(given)} is"
            elif used[maker] > 1 or self._facts.is_repeated(call, maker):
                why = "a search goes on with them"
            else:
                self._trials[maker] = search
                continue
            self._notes.todo(
                self._facts.line(call),
                f"trials={text_of(given)} is left out: {why}; storage= keeps trials, and goes on "
                "with them",
            )

    def _maker(self, given: cst.BaseExpression | None) -> cst.Call | None:
        """Return what makes the trials that a search is given."""
        made = self._facts.value(given)
        if isinstance(made, cst.Call) and self._facts.name(made) in _TRIALS:
            return made
        return None

    def _n_jobs(self, search: Search) -> list[str]:
        """Return how many trials run at once, as an argument of minimize; tell of the rest."""
        maker = self._maker(search.given.get("trials"))
        found = []
        for argument in maker.args if maker is not None else ():
            name = argument.keyword.value if argument.keyword else "parallelism"
            is_spark = maker is not None and self._facts.name(maker) == "SparkTrials"
            if is_spark and name == "parallelism" and not argument.star:
                found.append(f"n_jobs={text_of(argument.value)}")
            else:
                self._notes.todo(
                    self._facts.line(search.call),
                    f"{text_of(argument)} of {text_of(maker.func) if maker else ''} is left out",
                )
        if maker is not None and self._facts.name(maker) == "SparkTrials" and not found:
            self._notes.todo(
                self._facts.line(search.call), "n_jobs= says how many trials run at once"
            )
        return found

    def _search_of(self, trials: cst.CSTNode) -> Search | None:
        """Return the search that a variable holds the trials of."""
        if not isinstance(trials, cst.Name):
            return None
        made = self._facts.value(trials)
        return None if made is None else self._trials.get(made)

    def _result_of(self, trials: cst.CSTNode) -> str | None:
        """Return the variable of a search's result, where its trials are looked at."""
        search = self._search_of(trials)
        if search is None or not self._facts.sees(trials, search.call):
            return None
        return search.result

    # Nodes

    def on_visit(self, node: cst.CSTNode) -> bool:
        """Look into what is not replaced as a whole."""
        return node not in self._replaced and super().on_visit(node)

    def on_leave(self, original_node: Any, updated_node: Any) -> Any:
        """Replace what is known to be replaced."""
        if original_node in self._replaced:
            return self._replaced[original_node]
        return super().on_leave(original_node, updated_node)

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        search = self.searches.get(original_node)
        if search is not None:
            made = self._minimize(search, updated_node)
            if search.result is not None:
                return made
            return cst.parse_expression(self._values(search, text_of(made)))
        if m.matches(original_node, m.Call(func=m.Name("len"), args=[m.Arg(m.Name())])):
            result = self._result_of(original_node.args[0].value)
            if result is not None:
                return cst.parse_expression(f"len({result}.trials)")
        if m.matches(original_node, m.Call(func=m.Attribute(attr=m.Name("losses")), args=[])):
            result = self._result_of(original_node.func.value)  # type: ignore[attr-defined]
            if result is not None:
                return cst.parse_expression(f"[trial.value for trial in {result}.trials]")
        return updated_node

    def leave_Attribute(
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.BaseExpression:
        search, name = self._search_of(original_node.value), original_node.attr.value
        if search is None:
            return updated_node
        result = self._result_of(original_node.value)
        if name == "argmin" and result is not None:
            return cst.parse_expression(f"{result}.best_params")
        if name not in ("losses", "best_trial") or result is None:
            self._notes.todo(
                self._facts.line(original_node),
                f"{text_of(original_node)}: see {search.result or 'result'}.trials of the search, "
                "whose members have params, value and error",
            )
        return updated_node

    def leave_Subscript(
        self, original_node: cst.Subscript, updated_node: cst.Subscript
    ) -> cst.BaseExpression:
        best = original_node
        for key in ("loss", "result"):
            if not isinstance(best, cst.Subscript) or _key(best) != key:
                return updated_node
            best = best.value  # type: ignore[assignment]
        if isinstance(best, cst.Attribute) and best.attr.value == "best_trial":
            result = self._result_of(best.value)
            if result is not None:
                return cst.parse_expression(f"{result}.best_value")
        return updated_node

    def leave_Return(self, original_node: cst.Return, updated_node: cst.Return) -> cst.Return:
        if original_node.value is None or updated_node.value is None:
            return updated_node
        return updated_node.with_changes(value=self._loss(original_node.value, updated_node.value))

    def leave_Lambda(self, original_node: cst.Lambda, updated_node: cst.Lambda) -> cst.Lambda:
        return updated_node.with_changes(body=self._loss(original_node.body, updated_node.body))

    def _loss(self, was: cst.BaseExpression, now: cst.BaseExpression) -> cst.BaseExpression:
        if names := self._results.dropped(was):
            self._dropped(names, self._facts.line(was))
        return self._results.loss(was, now)

    # Statements

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> Any:
        """Drop what makes trials; give the result of a search a name besides its best values."""
        parts = self._statements(original_node, updated_node)
        if len(parts) == len(updated_node.body) or len(original_node.body) > 1 or not parts:
            lines = [updated_node.with_changes(body=parts or [_NOTHING])]
        else:
            lines = [cst.SimpleStatementLine([part]) for part in parts]
            lines[-1] = lines[-1].with_changes(
                trailing_whitespace=updated_node.trailing_whitespace
            )
            lines[0] = lines[0].with_changes(leading_lines=updated_node.leading_lines)
        if not parts:
            lines[0] = lines[0].with_changes(trailing_whitespace=cst.TrailingWhitespace())
        kept = Counter(text_of(comment) for line in lines for comment in _comments(line))
        lost = []
        for comment in _comments(original_node):
            if kept[text_of(comment)] > 0:
                kept[text_of(comment)] -= 1
            else:
                lost.append(cst.EmptyLine(comment=comment))
        lines[0] = lines[0].with_changes(leading_lines=[*lines[0].leading_lines, *lost])
        return cst.FlattenSentinel(lines) if len(lines) > 1 else lines[0]

    def leave_SimpleStatementSuite(
        self, original_node: cst.SimpleStatementSuite, updated_node: cst.SimpleStatementSuite
    ) -> cst.SimpleStatementSuite:
        parts = self._statements(original_node, updated_node)
        return updated_node.with_changes(body=parts or [cst.Pass()])

    def leave_IndentedBlock(
        self, original_node: cst.IndentedBlock, updated_node: cst.IndentedBlock
    ) -> cst.IndentedBlock:
        body, below = _without_empty(updated_node.body)
        if not body:
            body, below = [cst.SimpleStatementLine([cst.Pass()], leading_lines=below)], []
        return updated_node.with_changes(body=body, footer=[*below, *updated_node.footer])

    def leave_Module(self, original_node: cst.Module, updated_node: cst.Module) -> cst.Module:
        self._note_best()
        body, below = _without_empty(updated_node.body)
        return updated_node.with_changes(body=body, footer=[*below, *updated_node.footer])

    def _statements(self, was: Any, now: Any) -> list[cst.BaseSmallStatement]:
        found: list[cst.BaseSmallStatement] = []
        for before, after in zip(was.body, now.body, strict=True):
            value = getattr(before, "value", None)
            search = self.searches.get(value) if value is not None else None
            if value in self._trials and targets_of(before):
                self._note_gone(before)
            elif value in self._algorithms and len(targets_of(before)) == 1:
                continue
            elif search is not None and search.result is not None:
                name = cst.AssignTarget(cst.Name(search.result))
                found.append(cst.Assign([name], after.value))
                found += self._given_best(search, before, after)
            else:
                found.append(after)
        return found

    def _given_best(
        self, search: Search, before: cst.BaseSmallStatement, now: Any
    ) -> list[cst.BaseSmallStatement]:
        """Return what gives the best values of a search to what it gave them to."""
        if isinstance(before, cst.Expr):
            return []
        best = cst.parse_expression(self._values(search, search.result or ""))
        return [now.with_changes(value=best)]

    def _note_gone(self, statement: cst.CSTNode) -> None:
        """Tell where trials that are not made any more are still looked at."""
        for target in targets_of(statement):
            if isinstance(target, cst.Name):
                for reader in filter(self._is_in_need, self._facts.readers(target)):
                    self._notes.todo(
                        self._facts.line(reader),
                        f"there is no {target.value} any more; see what the search returns",
                    )
            else:
                result = next(iter(self.searches.values())).result or "the result"
                text = f"there is no {text_of(target)} any more; keep {result}"
                self._notes.todo(self._facts.line(statement), text)

    def _is_in_need(self, trials: cst.CSTNode) -> bool:
        """Tell whether what looks at trials needs them, though their search does not."""
        holder = self._facts.holder(trials)
        is_read_from_result = isinstance(holder, cst.Attribute) or (
            m.matches(holder, m.Call(func=m.Name("len"))) and self._result_of(trials) is not None
        )
        return holder not in self.searches and not is_read_from_result

    # Best values

    def _note_best(self) -> None:
        """Tell where best values may be taken for numbers of options, or by other names."""
        if not self._numbered and not self._renamed:
            return
        for node in self._looked_at():
            text, line = text_of(node), self._facts.line(node)
            holder = self._facts.holder(node)
            if not isinstance(node, cst.Name | cst.Attribute):
                text = "what it gives"
            key = _key(holder) if isinstance(holder, cst.Subscript) else None
            if isinstance(key, str):
                if key in self._renamed:
                    self._notes.todo(line, f"{text}[{key!r}] is under {self._renamed[key]!r} now")
                elif key in self._numbered:
                    self._notes.todo(
                        line, f"{text}[{key!r}] is the option itself now, not its number"
                    )
            elif self._is_shown(holder):
                continue
            elif self._numbered:
                self._notes.todo(line, f"{text} holds options themselves now, not their numbers")
            else:
                old, new = min(self._renamed.items())
                self._notes.todo(
                    line, f"{text} has the names of the space now: {old!r} is under {new!r}"
                )

    def _looked_at(self) -> Iterator[cst.CSTNode]:
        """Yield where best values are looked at."""
        for node in self._facts.find(m.Name() | m.Attribute()):
            is_best = text_of(node) in self._best and self._facts.is_read(node)
            if is_best or self._is_argmin(node):
                yield node
        for call, search in self.searches.items():
            if search.result is None or isinstance(self._facts.holder(call), cst.Return):
                yield call

    def _is_argmin(self, node: cst.CSTNode) -> bool:
        """Tell whether something is the best values of trials that are not there any more."""
        is_named = isinstance(node, cst.Attribute) and node.attr.value == "argmin"
        return is_named and self._result_of(node.value) is not None  # type: ignore[attr-defined]

    def _is_shown(self, holder: cst.CSTNode) -> bool:
        """Tell whether best values are but shown, or given to what gives values for numbers."""
        if isinstance(holder, cst.Call):
            shown = m.matches(holder.func, m.Name("print") | m.Name("pprint") | m.Name("sorted"))
            return shown or self._facts.name(holder) == "space_eval"
        return isinstance(holder, cst.Expr | cst.FormattedStringExpression)

    def _left(self, node: cst.CSTNode, text: str) -> None:
        self._notes.left(self._facts.line(node), text, self._facts.last_line(node))


def _key(node: cst.CSTNode) -> Any:
    """Return the index of a subscript where it is a literal."""
    is_one = isinstance(node, cst.Subscript) and len(node.slice) == 1
    index = node.slice[0].slice if is_one else None  # type: ignore[attr-defined]
    return constant(index.value) if isinstance(index, cst.Index) else None


def _comments(node: cst.CSTNode) -> list[Any]:
    return [*m.findall(node, m.Comment())]


def _without_empty(body: Sequence[Any]) -> tuple[list[Any], list[cst.EmptyLine]]:
    """Return statements without empty ones, whose lines above go to what follows, or below."""
    kept: list[Any] = []
    above: list[cst.EmptyLine] = []
    for statement in body:
        lines = [*statement.leading_lines]
        if any(line.comment for line in above):
            lines = [*above, *lines]
        elif len(above) > len(lines):
            lines = above
        if isinstance(statement, cst.SimpleStatementLine) and statement.body[0] is _NOTHING:
            above = lines
        else:
            kept.append(statement.with_changes(leading_lines=lines))
            above = []
    return kept, [line for line in above if line.comment]
