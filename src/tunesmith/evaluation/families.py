"""Families: fits that differ in a few parameters and can be made from one piece of work.

A family is found for an estimator by `family_of`, a generic function: one for a class of a
library of one's own is registered with ``family_of.register(TheClass)``, in a module named by
an entry point of the group ``tunesmith.families`` whose name is the library's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, singledispatch
from importlib import import_module
from importlib.metadata import entry_points
from numbers import Integral
from typing import Any, Protocol, Self, runtime_checkable

from tunesmith.trial import Work

CONTEXT = "_parent_callback_ctx"
"""What scikit-learn's pipelines put upon a part of theirs while it is fitted."""


@dataclass(frozen=True)
class Kept:
    """What one fit leaves to the others of its family.

    Parameters
    ----------
    value : object
        What they are made from.
    seconds : float
        What it took.
    budget : float
        How far it is trained.
    nbytes : int or None
        What it holds; None has it estimated.
    """

    value: Any
    seconds: float
    budget: float = 1
    nbytes: int | None = None


class Family(Protocol):
    """How the fits of one estimator share."""

    @property
    def free(self) -> frozenset[str]:
        """The parameters in which they may differ."""

    @property
    def whole(self) -> bool:
        """Whether they are one piece of work, which two workers would both do."""

    def rank(self, estimator: Any) -> float:
        """Return the place of a fit in the order that shares most, lowest first."""

    def cost(self, estimator: Any) -> float:
        """Return what a fit costs alone, in a unit of the family's own."""

    def fit(
        self, estimator: Any, X: Any, y: Any, params: Mapping[str, Any], kept: Kept | None
    ) -> tuple[Kept, Work]:
        """Fit an estimator from what is kept, equal to the bit to fitting it alone.

        Parameters
        ----------
        estimator : estimator object
            With its parameters set; to be fitted in place.
        X, y : indexable of length n_samples
            Training data.
        params : mapping of str to object
            Other arguments of ``fit``.
        kept : Kept or None
            What an earlier fit of the family has left.

        Returns
        -------
        (Kept, Work)
            What to leave to the next one, and what was done.
        """


@runtime_checkable
class Budgeted(Protocol):
    """An estimator that can stop training and go on."""

    budget_parameter: str

    @property
    def can_advance(self) -> bool:
        """Whether going on equals starting afresh, with the parameters as they are set."""

    def advance(self, X: Any, y: Any, *, to: int, **fit_params: Any) -> Self:
        """Train until the budget is `to`, from the start or from where it stopped."""


@singledispatch
def family_of(estimator: Any) -> Family | None:
    """Return how fits of an estimator share, with its parameters as they are set.

    Parameters
    ----------
    estimator : estimator object
        With all parameters set, seeds included.

    Returns
    -------
    Family or None
        None where it is not proven that sharing changes no bit.
    """
    if isinstance(estimator, Budgeted) and estimator.can_advance:
        family = GoingOn(estimator.budget_parameter)
        return family if is_count(getattr(estimator, family.parameter)) else None
    return None


@singledispatch
def rounding_family_of(estimator: Any) -> Family | None:
    """Return how fits of an estimator share that are then equal to rounding, not to the bit."""
    return None


class Projection(Protocol):
    """How the fits of one transformer share."""

    @property
    def free(self) -> frozenset[str]:
        """The parameters in which they may differ."""

    def fit_transform(
        self, transformer: Any, X: Any, kept: Kept | None
    ) -> tuple[Any, Kept] | None:
        """Fit and transform from what is kept, equal to the bit to doing so alone.

        Returns what it gives and what to leave to the next one; None where it is to be
        fitted alone.
        """


@singledispatch
def projection_of(transformer: Any) -> Projection | None:
    """Return how fits of a transformer share, with its parameters as they are set."""
    return None


def find_family(estimator: Any, *, rounding: bool = False) -> Family | None:
    """Return the family of an estimator, loading what its library's entry point names.

    Parameters
    ----------
    estimator : estimator object
        With all parameters set, seeds included.
    rounding : bool, default=False
        Whether those will do that are equal only to rounding, where there is no exact one.
    """
    load_for(estimator)
    family = family_of(estimator)
    return rounding_family_of(estimator) if family is None and rounding else family


def find_projection(transformer: Any) -> Projection | None:
    """Return what fits of a transformer have in common by algebra, if anything."""
    load_for(transformer)
    return projection_of(transformer)


_OWN = {
    "sklearn.decomposition": "tunesmith.evaluation.projections",
    "sklearn.ensemble": "tunesmith.evaluation.ensembles",
    "sklearn.linear_model": "tunesmith.evaluation.ridge",
    "sklearn.neighbors": "tunesmith.evaluation.neighbours",
}


def load_for(estimator: Any) -> None:
    """Load what is known of the libraries that an estimator's class is made from.

    Of other libraries than scikit-learn, it is what their entry points name.
    """
    for kind in type(estimator).__mro__:
        library, _, rest = kind.__module__.partition(".")
        _load(library)
        _load(f"{library}.{rest.partition('.')[0]}")


@cache
def _load(library: str) -> None:
    if library in _OWN:
        import_module(_OWN[library])
    for entry in entry_points(group="tunesmith.families", name=library):
        entry.load()


def is_count(value: Any) -> bool:
    """Whether a parameter is a budget as it should be; any other is an error to be met alone."""
    return isinstance(value, Integral) and int(value) > 0


@dataclass(frozen=True)
class ByBudget:
    """What fits have in common that differ in a budget alone.

    Parameters
    ----------
    parameter : str
        Name of the budget.
    """

    parameter: str

    @property
    def free(self) -> frozenset[str]:
        """The budget."""
        return frozenset({self.parameter})

    @property
    def whole(self) -> bool:
        """True: they are one run."""
        return True

    def cost(self, estimator: Any) -> float:
        """Return the budget."""
        return float(getattr(estimator, self.parameter))


@dataclass(frozen=True)
class GoingOn(ByBudget):
    """Fits that are one training run, stopped at one budget after the other."""

    def rank(self, estimator: Any) -> float:
        """Return the budget: the shortest run first."""
        return self.cost(estimator)

    def fit(
        self, estimator: Any, X: Any, y: Any, params: Mapping[str, Any], kept: Kept | None
    ) -> tuple[Kept, Work]:
        """Go on from where the last fit of the family stopped, if it did not go too far."""
        to = getattr(estimator, self.parameter)
        done, seconds = 0.0, 0.0
        if kept is not None and kept.budget <= to:
            adopt(estimator, kept.value)
            done, seconds = kept.budget, kept.seconds
        start = time.perf_counter()
        estimator.advance(X, y, to=to, **params)
        work = Work(
            fits=int(not done), budget_asked=to, budget_run=to - done, seconds_saved=seconds
        )
        seconds += time.perf_counter() - start
        return Kept(learned(estimator), seconds, to, _nbytes(estimator)), work


@dataclass(frozen=True)
class Prefixes(ByBudget):
    """Fits of an ensemble of which the smaller ones are the beginning of the largest.

    Parameters
    ----------
    parameter : str
        Name of the number of members.
    cut : callable
        Takes what a fitted ensemble has learned and a number of members; returns what it
        would have learned with so many.
    holds : callable
        Takes what a fitted ensemble has learned; returns whether it may be cut at all.
    along : frozenset of str, default=frozenset({"sample_weight"})
        Arguments of ``fit`` that look at no whole; with others nothing is shared.
    """

    cut: Callable[[Mapping[str, Any], int], dict[str, Any]]
    holds: Callable[[Mapping[str, Any]], bool] = lambda state: True
    along: frozenset[str] = frozenset({"sample_weight"})

    def rank(self, estimator: Any) -> float:
        """Return minus the number of members: the largest ensemble first."""
        return -self.cost(estimator)

    def fit(
        self, estimator: Any, X: Any, y: Any, params: Mapping[str, Any], kept: Kept | None
    ) -> tuple[Kept, Work]:
        """Take the beginning of the ensemble that is kept, if it is long enough."""
        size = getattr(estimator, self.parameter)
        if kept is not None and size <= kept.budget:
            adopt(estimator, self.cut(kept.value, size))
            saved = kept.seconds * size / kept.budget
            return kept, Work(budget_asked=size, seconds_saved=saved)
        start = time.perf_counter()
        fit_alone(estimator, X, y, params)
        state = learned(estimator)
        serves = self.holds(state) and self.along.issuperset(params)
        seconds = time.perf_counter() - start
        whole = Kept(state, seconds, size) if serves else Kept(None, seconds, 0)
        return whole, Work(fits=1, budget_asked=size, budget_run=size)


def _nbytes(estimator: Any) -> int | None:
    """Return the bytes that a fitted estimator says it holds, if it says so."""
    return getattr(estimator, "nbytes", None)


def fit_alone(estimator: Any, X: Any, y: Any, params: Mapping[str, Any]) -> None:
    """Fit an estimator by its class' own method."""
    targets = () if y is None else (y,)
    type(estimator).fit(estimator, X, *targets, **params)


def learned(estimator: Any) -> dict[str, Any]:
    """Return what an estimator holds besides its parameters and what was put upon it."""
    given = estimator.get_params(deep=False).keys() | {CONTEXT}
    return {
        name: value
        for name, value in vars(estimator).items()
        if name not in given and not name.startswith("__") and not _is_method(estimator, name)
    }


def adopt(estimator: Any, state: Mapping[str, Any]) -> None:
    """Have an estimator hold what another one has learned."""
    vars(estimator).update(state)


def _is_method(estimator: Any, name: str) -> bool:
    """Whether a name is one of the class' methods, which an instance's attribute hides."""
    return callable(getattr(type(estimator), name, None))
