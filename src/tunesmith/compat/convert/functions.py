"""The functions that a search of Hyperas is given."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import libcst as cst
import libcst.matchers as m

from tunesmith.compat.convert.facts import Facts
from tunesmith.compat.convert.names import text_of


class Functions:
    """The functions of a script, and those that ask a trial.

    Parameters
    ----------
    facts : Facts
        The script.

    Attributes
    ----------
    asking : set of FunctionDef
        Those that are given the trial, as they have templates or call others that have.
    known : list of FunctionDef
        Those that searches are given.
    """

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.asking: set[cst.FunctionDef] = set()
        self._models: set[cst.FunctionDef] = set()
        self._listed: set[cst.CSTNode] = set()
        self.known: list[cst.FunctionDef] = []
        self._methods: dict[str, list[cst.FunctionDef]] = {}
        for function in filter(facts.is_in_class, facts.find(m.FunctionDef())):
            self._methods.setdefault(function.name.value, []).append(function)

    def of(self, given: cst.BaseExpression) -> cst.FunctionDef | None:
        """Return the function that a name or an attribute stands for; None if it is unknown."""
        if isinstance(given, cst.Name):
            found: list[Any] = [self.facts.definition(given)]
        elif isinstance(given, cst.Attribute):
            found = self._methods.get(given.attr.value, [])
        else:
            return None
        one = found[0] if len(found) == 1 else None
        return one if isinstance(one, cst.FunctionDef) else None

    def searched(self, given: Mapping[str, cst.BaseExpression]) -> list[cst.FunctionDef]:
        """Return the functions that a search looks for templates in, in its order."""
        listed = [given["model"]]
        helpers = self.facts.value(given.get("functions"))
        if isinstance(helpers, cst.List | cst.Tuple):
            listed += [element.value for element in helpers.elements]
            self._listed |= {*listed}
        found = [one for one in map(self.of, listed) if one is not None]
        self._models.add(found[0])
        self.known += found
        return found

    def find_asking(self, templates: Container[cst.CSTNode]) -> None:
        """Find the functions that have to be given the trial."""
        self.asking = set(self._models)
        for function in self.known:
            if any(node in templates for node in m.findall(function, m.Set())):
                self.asking.add(function)
        before = 0
        while before < len(self.asking):
            before = len(self.asking)
            self.asking |= {one for one in self.known if any(self._calls(one))}

    def is_asking(self, call: cst.Call) -> bool:
        """Tell whether a call has to hand on the trial that its function is given."""
        function = self._called(call)
        within = any(one in self.asking for one in self.facts.above(call))
        return function in self.asking and within

    def remarks(self) -> Iterator[tuple[cst.CSTNode, str]]:
        """Yield uses of functions that ask a trial where there is none to be handed on."""
        for name in self.facts.find(m.Name()):
            function = self.of(name)
            if function not in self.asking or not self.facts.is_read(name):
                continue
            if name in self._listed:
                continue
            holder = self.facts.holder(name)
            if isinstance(holder, cst.Call) and holder.func is name and self.is_asking(holder):
                continue
            if not any(self.facts.name(up, "hyperas") for up in self._calls_around(name)):
                yield name, f"{name.value} has to be given a trial first"

    def is_method(self, function: cst.FunctionDef) -> bool:
        """Tell whether a function is given an object, or its class, before all else."""
        static = any(text_of(one.decorator) == "staticmethod" for one in function.decorators)
        return self.facts.is_in_class(function) and not static

    def parameters(self, function: cst.FunctionDef) -> tuple[list[str], list[str]]:
        """Return the parameters that may be named, and those of them without a default."""
        listed = [*function.params.params, *function.params.kwonly_params]
        if self.is_method(function):
            listed = listed[1:]
        needed = [one.name.value for one in listed if one.default is None]
        return [one.name.value for one in listed], needed

    def _called(self, call: cst.Call) -> cst.FunctionDef | None:
        return self.of(call.func) if isinstance(call.func, cst.Name) else None

    def _calls(self, function: cst.FunctionDef) -> Iterator[bool]:
        for call in m.findall(function, m.Call()):
            yield isinstance(call, cst.Call) and self._called(call) in self.asking

    def _calls_around(self, node: cst.CSTNode) -> Iterator[cst.Call]:
        return (one for one in self.facts.above(node) if isinstance(one, cst.Call))


@dataclass(frozen=True)
class Dataset:
    """What a function of data returns, and how a model is given it.

    Parameters
    ----------
    data : str
        The function.
    arguments : str, default="*dataset"
        What the model is given of it.
    variables : frozenset of str, default=frozenset()
        The names that it gives values to.
    note : str or None, default=None
        What is to be looked at by hand.
    error : str or None, default=None
        Why the model cannot be given it.
    """

    data: str
    arguments: str = "*dataset"
    variables: frozenset[str] = frozenset()
    note: str | None = None
    error: str | None = None

    @classmethod
    def of(cls, functions: Functions, data: cst.BaseExpression, model: cst.FunctionDef) -> Dataset:
        """Return what a function of data returns, by name where all is there, else in order."""
        name = (
            text_of(data) if isinstance(data, cst.Name | cst.Attribute) else f"({text_of(data)})"
        )
        function = functions.of(data)
        if function is None:
            return cls(name, note=f"it is not seen what {name} returns; it is given in order")
        variables = frozenset(functions.facts.variables(function))
        taken, needed = functions.parameters(model)
        returns = functions.facts.find(m.Return(), function)
        value = returns[-1].value if returns else None
        if value is None:
            return cls(name, error=f"{name} returns nothing; end it with return x_train, ...")
        if not isinstance(value, cst.Tuple | cst.List):
            # Of what is no tuple, a model with one parameter is given all.
            arguments = "dataset" if len(needed) <= 1 else "*dataset"
            return cls(name, arguments, variables)
        values = [element.value for element in value.elements]
        if any(isinstance(element, cst.StarredElement) for element in value.elements):
            note = f"it is not seen how much {name} returns; it is given in order"
            return cls(name, variables=variables, note=note)
        names = [one.value for one in values if isinstance(one, cst.Name)]
        if len(names) == len(values) and {*needed} <= {*names}:
            at = {one: place for place, one in enumerate(names)}
            places = {one: at[one] for one in taken if one in at}
            if [*places.values()] == [*range(len(names))] and [*places] == taken[: len(names)]:
                return cls(name, variables=variables)
            by_name = ", ".join(f"{one}=dataset[{n}]" for one, n in places.items())
            return cls(name, by_name, variables)
        if len(needed) <= len(values) <= len(taken):
            return cls(name, variables=variables)
        error = (
            f"{name} returns {len(values)} values, and {model.name.value} takes {len(taken)}; let "
            "them have the same names, or the same number"
        )
        return cls(name, error=error)

    def calling(self, model: str, trial: str) -> str:
        """Return a function of a trial that calls the model with the data, which is made once."""
        arguments = f"{trial}, {self.arguments}"
        return f"lambda {trial}, dataset={self.data}(): {model}({arguments})"
