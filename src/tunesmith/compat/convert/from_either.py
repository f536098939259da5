"""What the scripts of both libraries have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard

import libcst as cst
import libcst.matchers as m

from tunesmith.compat.convert.best import Best
from tunesmith.compat.convert.conversion import Notes
from tunesmith.compat.convert.facts import Facts, targets_of
from tunesmith.compat.convert.lines import in_place_of, without_empty
from tunesmith.compat.convert.names import key_of, text_of
from tunesmith.compat.convert.results import Results
from tunesmith.compat.convert.searches import Search, Trials

_WIDTH = 99
_LINE = (cst.Assign, cst.AnnAssign, cst.Return, cst.Expr)


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

    _function: str
    """The argument of a search that is its function."""

    def __init__(self, facts: Facts, notes: Notes) -> None:
        super().__init__()
        self.searches: dict[cst.CSTNode, Search] = {}
        self._facts = facts
        self._notes = notes
        self._replaced: dict[cst.CSTNode, cst.BaseExpression] = {}
        # Searches that are left as they were, though their arguments are known.
        self._searches_left: list[Search] = []
        # What makes algorithms that nothing asks for any more.
        self._algorithms: set[cst.CSTNode] = set()
        self._plan()
        self._best = Best(facts, notes, self.searches, self._name_results())
        if self.searches:
            self._trials = Trials(facts, notes, self.searches, self._searches_left)
            self._plan_algorithms()
            self._note_handlers()
            functions = {call: s.given[self._function] for call, s in self.searches.items()}
            kept = [search.given[self._function] for search in self._searches_left]
            self._results = Results(facts, notes, functions, kept)

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
        listed = ", ".join(names)
        are = "is" if len(names) == 1 else "are"
        self._notes.todo(line, f"the function returns the loss alone; {listed} {are} dropped")

    # Searches

    def _read(self, call: cst.Call, parameters: Sequence[str]) -> Search | None:
        """Return a search; None, and a remark, if its arguments are not written out."""
        in_order = iter(parameters)
        given: dict[str, cst.BaseExpression] = {}
        for argument in call.args:
            name = argument.keyword.value if argument.keyword else next(in_order, "")
            if argument.star or not name or name in given:
                called = text_of(call.func)
                self._left(
                    call,
                    f"the arguments of {called} are not written out, one by one; it is left, and "
                    "its function and space may not be as it needs them any more",
                )
                return None
            given[name] = argument.value
        return Search(call, given)

    def _called(self, search: Search, arguments: Sequence[str]) -> cst.BaseExpression:
        """Return a call of minimize, of several lines where it is long and the search had some."""
        minimize = self._notes.needs("minimize")
        short = f"{minimize}({', '.join(arguments)})"
        line, column = self._facts.place(search.call)
        if search.result is not None:
            column = self._facts.place(self._facts.holder(search.call))[1] + len(search.result) + 3
        is_short = column + len(short) <= _WIDTH and "\n" not in short
        if is_short or line == self._facts.last_line(search.call):
            return cst.parse_expression(short)
        listed = "".join(f"    {argument},\n" for argument in arguments)
        return cst.parse_expression(f"{minimize}(\n{listed})")

    def _name_results(self) -> list[tuple[Search, cst.BaseExpression]]:
        """Give results names; return what the best values are given to."""
        base = self._notes.free("result", "search_result")
        targets: list[tuple[Search, cst.BaseExpression]] = []
        seen = 0
        for call, search in self.searches.items():
            holder = self._facts.holder(call)
            if isinstance(holder, _LINE):
                seen += 1
                search.result = base if seen == 1 else self._notes.free(f"{base}_{seen}")
                targets += ((search, target) for target in self._targets(holder))
        return targets

    def _targets(self, statement: cst.CSTNode) -> list[cst.BaseExpression]:
        """Return what a statement gives the best values to."""
        return targets_of(statement)

    def _note_handlers(self) -> None:
        """Tell where a script awaits what its function raises."""
        for call in self.searches:
            for up in self._facts.above(call):
                if isinstance(up, cst.FunctionDef | cst.Lambda):
                    break
                if not isinstance(up, cst.Try) or up.body not in self._facts.above(call):
                    continue
                for handler in up.handlers:
                    if handler.type is not None and text_of(handler.type) in _STOPS:
                        continue
                    self._notes.todo(
                        self._facts.line(handler),
                        "what the function raises does not come here any more: it is a trial that "
                        "has failed, and the search goes on",
                    )

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
            definition = self._facts.definition(variable) if variable is not None else None
            if definition is None or not self._is_algorithm(made):
                continue
            if all(reader in given for reader in self._facts.readers(definition)):
                self._algorithms.add(made)

    def _is_algorithm(self, made: cst.BaseExpression | None) -> TypeGuard[cst.BaseExpression]:
        if isinstance(made, cst.Call) and text_of(made.func).endswith("partial") and made.args:
            made = made.args[0].value
        return made is not None and (self._facts.name(made) or "").endswith(".suggest")

    # Nodes

    def on_visit(self, node: cst.CSTNode) -> bool:
        """Look into what is not replaced as a whole."""
        return node not in self._replaced and super().on_visit(node)

    def on_leave(self, original_node: Any, updated_node: Any) -> Any:
        """Replace what is known to be replaced; let no word run into what replaces a bracket."""
        if original_node in self._replaced:
            made: Any = self._replaced[original_node]
        else:
            made = super().on_leave(original_node, updated_node)
        is_new = isinstance(made, cst.BaseExpression) and made is not updated_node
        if is_new and self._facts.is_glued(original_node):
            made = made.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
        return made

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        search = self.searches.get(original_node)
        if search is not None:
            made = self._minimize(search, updated_node)
            if search.result is not None:
                return made
            return cst.parse_expression(self._values(search, text_of(made)))
        if m.matches(original_node, m.Call(func=m.Name("len"), args=[m.Arg()])):
            trials: Any = original_node.args[0].value
            trials = trials.value if m.matches(trials, _TRIALS) else trials
            result = self._trials.result(trials)
            if result is not None:
                return cst.parse_expression(f"len({result}.trials)")
        if m.matches(original_node, m.Call(func=m.Attribute(attr=m.Name("losses")), args=[])):
            result = self._trials.result(original_node.func.value)  # type: ignore[attr-defined]
            if result is not None:
                if self._results.may_lack_losses:
                    text = "a trial that has failed, or whose loss is infinite, has the value None"
                    self._notes.todo(self._facts.line(original_node), text)
                return cst.parse_expression(f"[trial.value for trial in {result}.trials]")
        return self._loss(original_node, updated_node)

    def leave_Dict(self, original_node: cst.Dict, updated_node: cst.Dict) -> cst.BaseExpression:
        return self._loss(original_node, updated_node)

    def leave_Attribute(
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.BaseExpression:
        search, name = self._trials.search(original_node.value), original_node.attr.value
        if search is None:
            return updated_node
        result = self._trials.result(original_node.value)
        if name == "argmin" and result is not None:
            return cst.parse_expression(f"{result}.best_params")
        is_counted = name == "trials" and m.matches(
            self._facts.holder(original_node), m.Call(func=m.Name("len"))
        )
        if result is None or not (is_counted or name in ("losses", "best_trial")):
            self._notes.todo(
                self._facts.line(original_node),
                f"{text_of(original_node)}: see {search.result or 'result'}.trials of the search, "
                "whose members have params, value and error",
            )
        return updated_node

    def leave_FormattedStringExpression(
        self,
        original_node: cst.FormattedStringExpression,
        updated_node: cst.FormattedStringExpression,
    ) -> cst.FormattedStringExpression:
        """Use other quotes than those of the text around, as older Pythons need it."""
        was, now = text_of(original_node), text_of(updated_node)
        around = next(
            up for up in self._facts.above(original_node) if isinstance(up, cst.FormattedString)
        )
        mark = around.start[-1]
        if was == now or mark not in now or mark in was:
            return updated_node
        other = '"' if mark == "'" else "'"
        if other in now or "\\" in now:
            self._left(original_node, "what is in this text stays; give it a variable before")
            return original_node
        return updated_node.with_changes(
            expression=cst.parse_expression(text_of(updated_node.expression).replace(mark, other))
        )

    def leave_Subscript(
        self, original_node: cst.Subscript, updated_node: cst.Subscript
    ) -> cst.BaseExpression:
        best: cst.BaseExpression = original_node
        for key in ("loss", "result"):
            if not isinstance(best, cst.Subscript) or key_of(best) != key:
                break
            best = best.value
        else:
            if isinstance(best, cst.Attribute) and best.attr.value == "best_trial":
                result = self._trials.result(best.value)
                if result is not None:
                    return cst.parse_expression(f"{result}.best_value")
        return self._loss(original_node, updated_node)

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
        lines = in_place_of(original_node, updated_node, parts)
        return cst.FlattenSentinel(lines) if len(lines) > 1 else lines[0]

    def leave_SimpleStatementSuite(
        self, original_node: cst.SimpleStatementSuite, updated_node: cst.SimpleStatementSuite
    ) -> cst.SimpleStatementSuite:
        parts = self._statements(original_node, updated_node)
        return updated_node.with_changes(body=parts or [cst.Pass()])

    def leave_IndentedBlock(
        self, original_node: cst.IndentedBlock, updated_node: cst.IndentedBlock
    ) -> Any:
        return without_empty(updated_node)

    def leave_Module(self, original_node: cst.Module, updated_node: cst.Module) -> Any:
        looked_at: list[tuple[Search, cst.CSTNode]] = []
        for node in self._facts.find(m.Attribute(attr=m.Name("argmin"))):
            search = self._trials.search(node.value)
            if search is not None and self._trials.result(node.value) is not None:
                looked_at.append((search, node))
        for call, search in self.searches.items():
            if search.result is None or isinstance(self._facts.holder(call), cst.Return):
                looked_at.append((search, call))
        self._best.note(looked_at)
        return without_empty(updated_node)

    def _statements(self, was: Any, now: Any) -> list[cst.BaseSmallStatement]:
        found: list[cst.BaseSmallStatement] = []
        for before, after in zip(was.body, now.body, strict=True):
            value = getattr(before, "value", None)
            search = self.searches.get(value) if value is not None else None
            if value in self._trials.dropped and targets_of(before):
                self._trials.note_gone(before)
            elif value in self._algorithms and len(targets_of(before)) == 1:
                continue
            elif search is not None and search.result is not None:
                name = cst.AssignTarget(cst.Name(search.result))
                found.append(cst.Assign([name], after.value))
                found += self._given_best(search, before, after)
            else:
                found += self._statement(before, after)
        return found

    def _statement(self, before: Any, after: Any) -> list[cst.BaseSmallStatement]:
        """Return what comes of a statement that makes no search."""
        return [after]

    def _given_best(
        self, search: Search, before: cst.BaseSmallStatement, now: Any
    ) -> list[cst.BaseSmallStatement]:
        """Return what gives the best values of a search to what it gave them to."""
        if isinstance(before, cst.Expr):
            return []
        best = cst.parse_expression(self._values(search, search.result or ""))
        return [now.with_changes(value=best)]

    def _left(self, node: cst.CSTNode, text: str) -> None:
        self._notes.left(self._facts.line(node), text, self._facts.last_line(node))


_TRIALS = m.Attribute(attr=m.Name("trials"))
_STOPS = ("KeyboardInterrupt", "SystemExit")
"""What ends a search wherever it is raised."""
