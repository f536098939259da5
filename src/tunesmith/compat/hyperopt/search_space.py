"""A search space of Hyperopt as a space to sample from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tunesmith.compat.hyperopt.exceptions import BadSearchSpace, DuplicateLabel
from tunesmith.compat.hyperopt.pyll.base import Apply
from tunesmith.compat.hyperopt.ranges import Hyperparameter
from tunesmith.exceptions import SpaceError
from tunesmith.space import Categorical, Choice, Dimension, Space

Values = Mapping[str, Any]
"""What Hyperopt knows of a trial: numbers by label, those of choices being positions."""


class SearchSpace:
    """The hyperparameters of an expression, and the space they make.

    A choice opens what its options ask for. What is asked for under all options, or elsewhere as
    well, is always there; what is asked for under two choices that do not exclude each other is
    suggested always, and dropped where nobody asks.

    Parameters
    ----------
    expr : Apply
        The expression.

    Attributes
    ----------
    hyperparameters : dict of str to Hyperparameter
        By label, in the order in which they are met.
    space : Space
        Where samplers look.

    Raises
    ------
    BadSearchSpace
        If there is a draw without a label, or what a label stands for cannot be searched.
    DuplicateLabel
        If a label stands for two things.
    """

    def __init__(self, expr: Apply) -> None:
        self.expr = expr
        self._nodes: dict[str, Apply] = {}
        self._choices: set[str] = set()
        group = self._read(expr, {})
        self.hyperparameters = {
            label: Hyperparameter.read(label, node.pos_args[1], label in self._choices)
            for label, node in self._nodes.items()
        }
        optional = _settled(group)
        space = Space.read(self._described(group))
        dimensions = {label: self.hyperparameters[label].dimension for label in optional}
        self.space = space.with_optional(dimensions) if dimensions else space

    def memo(self, values: Values) -> dict[Apply, Any]:
        """Return the values of the hyperparameters' expressions, for `rec_eval`."""
        return {self._nodes[label]: values[label] for label in self._nodes if label in values}

    def values(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return Hyperopt's values for parameters of the space, those that are asked for."""
        known = {label: self.hyperparameters[label].value(p) for label, p in params.items()}
        return {label: known[label] for label in self._asked(known)}

    def params(self, values: Values) -> dict[str, Any]:
        """Return the parameters of the space for Hyperopt's values.

        Raises
        ------
        SpaceError
            If they are not in the space.
        """
        if unknown := [label for label in values if label not in self.hyperparameters]:
            raise SpaceError(f"there is no hyperparameter {unknown[0]!r}")
        return {label: self.hyperparameters[label].point(v) for label, v in values.items()}

    def check(self, values: Values) -> None:
        """Raise where the expression cannot be evaluated for values by label.

        Raises
        ------
        BadSearchSpace
            If a value is missing, or there is no such option.
        """
        for label in self._asked(values):
            if label not in values:
                raise BadSearchSpace(f"there is no value for {label!r}")

    def _asked(self, known: Values) -> dict[str, None]:
        """Return the labels that are looked at when the expression is evaluated."""
        asked: dict[str, None] = {}
        memo = self.memo(known)
        seen: set[Apply] = set()
        todo = [self.expr]
        while todo:
            node = todo.pop()
            if node in seen:
                continue
            seen.add(node)
            if node.name == "hyperopt_param":
                asked[node.pos_args[0].obj] = None  # type: ignore[attr-defined]
            elif node.name == "switch" and node.pos_args[0].name == "hyperopt_param":
                which, *options = node.pos_args
                label = which.pos_args[0].obj  # type: ignore[attr-defined]
                if which not in memo:
                    raise BadSearchSpace(f"there is no value for {label!r}")
                if memo[which] not in range(len(options)):
                    raise BadSearchSpace(
                        f"{label!r} has {len(options)} options, numbered from 0; there is no "
                        f"{memo[which]!r}"
                    )
                todo += [options[int(memo[which])], which]
            else:
                todo += reversed(node.inputs())
        return asked

    def _read(self, expr: Apply, done: dict[Apply, _Group]) -> _Group:
        """Return what an expression asks for; shared parts of it are read once."""
        if expr in done:
            return done[expr]
        group = _Group()
        if expr.name == "hyperopt_param":
            label = expr.pos_args[0].obj  # type: ignore[attr-defined]
            if self._nodes.setdefault(label, expr) is not expr:
                raise DuplicateLabel(
                    f"the label {label!r} stands for two hyperparameters; give one another name, "
                    "or write one and use it twice"
                )
            group.entries[label] = []
        elif expr.name == "switch" and expr.pos_args[0].name == "hyperopt_param":
            which, *options = expr.pos_args
            group = self._read(which, done).copy()
            label = which.pos_args[0].obj  # type: ignore[attr-defined]
            group.entries[label] = [self._read(option, done).copy() for option in options]
            self._choices.add(label)
        elif expr.stochastic and "rng" not in dict(expr.named_args):
            raise BadSearchSpace(
                f"{expr} draws a value that has no label; write hp.{expr.name}('name', ...)"
            )
        else:
            for argument in expr.inputs():
                group.add(self._read(argument, done))
        done[expr] = group
        return group

    def _described(self, group: _Group) -> dict[str, Dimension]:
        return {label: self._opening(label, options) for label, options in group.entries.items()}

    def _opening(self, label: str, options: list[_Group]) -> Dimension:
        dimension = self.hyperparameters[label].dimension
        if not any(option.entries for option in options):
            return dimension
        if not isinstance(dimension, Categorical):
            raise BadSearchSpace(f"the choice {label!r} is no choice by a whole number")
        numbers = dimension.values
        if not 0 <= min(numbers) <= max(numbers) < len(options):
            raise BadSearchSpace(
                f"the switch on {label!r} has {len(options)} options, and {label!r} goes from "
                f"{min(numbers)} to {max(numbers)}"
            )
        branches = {n: self._described(options[n]) for n in numbers}
        return Choice(branches, weights=dimension.weights)


@dataclass
class _Group:
    """What is asked for together.

    Parameters
    ----------
    entries : dict of str to list of _Group
        For each label what its options ask for besides; empty where it is no choice.
    """

    entries: dict[str, list[_Group]] = field(default_factory=dict)

    def copy(self) -> _Group:
        return _Group(
            {
                label: [option.copy() for option in options]
                for label, options in self.entries.items()
            }
        )

    def add(self, other: _Group) -> None:
        """Ask for what another group asks for as well."""
        for label, options in other.copy().entries.items():
            mine = self.entries.setdefault(label, [])
            mine += [_Group() for _ in range(len(options) - len(mine))]
            for ours, theirs in zip(mine, options, strict=False):
                ours.add(theirs)

    def labels(self) -> Iterator[str]:
        """Yield all labels, those that options ask for included."""
        for label, options in self.entries.items():
            yield label
            for option in options:
                yield from option.labels()

    def drop(self, labels: set[str]) -> None:
        """Ask no more for some labels, wherever."""
        for label in labels & self.entries.keys():
            del self.entries[label]
        for options in self.entries.values():
            for option in options:
                option.drop(labels)


def _settled(group: _Group) -> list[str]:
    """Make each label stand in one place, or in options of one choice; return those that cannot.

    The latter are dropped from the group.
    """
    _hoist(group)
    optional: dict[str, None] = {}
    while shared := _shared(group):
        group.drop(shared)
        optional.update(dict.fromkeys(sorted(shared)))
    return list(optional)


def _hoist(group: _Group) -> None:
    """Move up what all options of a choice ask for; drop below what is asked for above."""
    for options in group.entries.values():
        for option in options:
            _hoist(option)
    for options in [options for options in group.entries.values() if options]:
        common = set.intersection(*(set(option.entries) for option in options))
        for label in [label for label in options[0].entries if label in common]:
            for option in options:
                group.add(_Group({label: option.entries[label]}))
    for options in group.entries.values():
        for option in options:
            option.drop(set(group.entries))


def _shared(group: _Group) -> set[str]:
    """Return labels that stand under two choices that are open at once, with all they open."""
    seen: set[str] = set()
    shared: set[str] = set()
    for options in group.entries.values():
        below = {label for option in options for label in option.labels()}
        shared |= below & seen
        seen |= below
        for option in options:
            shared |= _shared(option)
    return shared | {label for label in _below(group, shared)}


def _below(group: _Group, above: set[str]) -> Iterator[str]:
    for label, options in group.entries.items():
        for option in options:
            if label in above:
                yield from option.labels()
            yield from _below(option, above)
