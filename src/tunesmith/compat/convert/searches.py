"""A search of a script, and its trials."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import libcst as cst
import libcst.matchers as m

from tunesmith.compat.convert.conversion import Notes
from tunesmith.compat.convert.facts import Facts, targets_of
from tunesmith.compat.convert.made import Whole
from tunesmith.compat.convert.names import text_of

_TRIALS = ("Trials", "SparkTrials")


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
    numbered : set of str, default=set()
        Labels of choices whose best values are options, and were numbers.
    renamed : dict of str to str, default={}
        Labels that are not the names of the space, and these names.
    constants : set of str, default=set()
        Names in the space that have one value.
    """

    call: cst.Call
    given: Mapping[str, cst.BaseExpression]
    result: str | None = None
    whole: Whole | None = None
    numbered: set[str] = field(default_factory=set)
    renamed: dict[str, str] = field(default_factory=dict)
    constants: set[str] = field(default_factory=set)

    def values(self, best: str) -> str:
        """Return what the function is called with for the dict of best values."""
        return best if self.whole is None else self.whole.values(best)


def maker_of(facts: Facts, given: cst.CSTNode | None) -> cst.Call | None:
    """Return what makes the trials that a search is given; None if that is not seen."""
    made = facts.value(given)
    return made if isinstance(made, cst.Call) and facts.name(made) in _TRIALS else None


class Trials:
    """The trials that searches are given, and that are not made any more.

    Parameters
    ----------
    facts : Facts
        The script.
    notes : Notes
        Gets what is left to do.
    searches : mapping of libcst.CSTNode to Search
        The searches that are converted.
    left : sequence of Search
        Those that stay.

    Attributes
    ----------
    dropped : dict of libcst.Call to Search
        What makes trials that one search uses alone, which is not needed any more.
    """

    def __init__(
        self,
        facts: Facts,
        notes: Notes,
        searches: Mapping[cst.CSTNode, Search],
        left: Sequence[Search],
    ) -> None:
        self.dropped: dict[cst.CSTNode, Search] = {}
        self._facts = facts
        self._notes = notes
        self._searches = searches
        makers = {call: maker_of(facts, s.given.get("trials")) for call, s in searches.items()}
        others = [maker_of(facts, search.given.get("trials")) for search in left]
        used = Counter(maker for maker in [*makers.values(), *others] if maker is not None)
        for call, search in searches.items():
            maker, given = makers[call], search.given.get("trials")
            if given is None or m.matches(given, m.Name("None")):
                continue
            if maker is None:
                why = f"it is not seen what {text_of(given)} is"
            elif used[maker] > 1 or facts.is_repeated(call, maker):
                why = "a search goes on with them"
            else:
                self.dropped[maker] = search
                continue
            notes.todo(
                facts.line(call),
                f"trials={text_of(given)} is left out: {why}; storage= keeps trials, and goes on "
                "with them",
            )
            definition = facts.definition(given)
            for reader in facts.readers(definition) if definition is not None else ():
                if facts.holder(reader) not in searches:
                    text = f"{text_of(reader)} gets no trials of the search; see what that returns"
                    notes.todo(facts.line(reader), text)

    def n_jobs(self, search: Search) -> list[str]:
        """Return how many trials run at once, as an argument of minimize; tell of the rest."""
        maker = maker_of(self._facts, search.given.get("trials"))
        if maker is None:
            return []
        found = []
        is_spark = self._facts.name(maker) == "SparkTrials"
        for argument in maker.args:
            name = argument.keyword.value if argument.keyword else "parallelism"
            if is_spark and name == "parallelism" and not argument.star:
                found.append(f"n_jobs={text_of(argument.value)}")
            else:
                self._notes.todo(
                    self._facts.line(search.call),
                    f"{text_of(argument)} of {text_of(maker.func)} is left out",
                )
        if is_spark and not found:
            self._notes.todo(
                self._facts.line(search.call), "n_jobs= says how many trials run at once"
            )
        return found

    def search(self, trials: cst.CSTNode) -> Search | None:
        """Return the search that a variable holds the trials of."""
        made = self._facts.value(trials) if isinstance(trials, cst.Name) else None
        return None if made is None else self.dropped.get(made)

    def result(self, trials: cst.CSTNode) -> str | None:
        """Return the variable of a search's result, where its trials are looked at after it."""
        search = self.search(trials)
        if search is None or not self._facts.sees(trials, search.call):
            return None
        return search.result

    def note_gone(self, statement: cst.CSTNode) -> None:
        """Tell where trials that are not made any more are still looked at."""
        for target in targets_of(statement):
            if isinstance(target, cst.Name):
                for reader in filter(self._is_in_need, self._facts.readers(target)):
                    self._notes.todo(
                        self._facts.line(reader),
                        f"there is no {target.value} any more; see what the search returns",
                    )
                continue
            result = next(iter(self._searches.values())).result or "the result"
            text = f"there is no {text_of(target)} any more; keep {result}"
            self._notes.todo(self._facts.line(statement), text)
            for reader in self._readers(target):
                self._notes.todo(self._facts.line(reader), text)

    def _readers(self, target: cst.BaseExpression) -> Iterator[cst.CSTNode]:
        """Yield where trials are looked at that are kept in an object or a container."""
        for node in self._facts.looked_at(target):
            if self._facts.holder(node) not in self._searches:
                yield node

    def _is_in_need(self, trials: cst.CSTNode) -> bool:
        """Tell whether what looks at trials needs them, though their search does not."""
        holder = self._facts.holder(trials)
        is_read_from_result = isinstance(holder, cst.Attribute) or (
            m.matches(holder, m.Call(func=m.Name("len"))) and self.result(trials) is not None
        )
        return holder not in self._searches and not is_read_from_result
