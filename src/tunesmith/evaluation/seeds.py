"""One seed for each split, for estimators that are given none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import singledispatch
from typing import Any

from sklearn.base import clone

from tunesmith.evaluation.anatomy import parts
from tunesmith.evaluation.families import load_for

_NAME = "random_state"


def unseeded(estimator: Any) -> list[str]:
    """Return the names of an estimator's seeds that are None, those of its parts included.

    Parameters
    ----------
    estimator : estimator object
        With its parameters set.

    Examples
    --------
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from tunesmith.evaluation.seeds import unseeded
    >>> unseeded(RandomForestClassifier()), unseeded(RandomForestClassifier(random_state=0))
    (['random_state'], [])
    """
    params = estimator.get_params(deep=True)
    return [
        name
        for name, value in params.items()
        if value is None and name.rpartition("__")[2] == _NAME
    ]


def needs_seeds(estimator: Any, candidates: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a fit of some candidate would draw from generators nobody has seeded."""
    if _lacks(estimator):
        return True
    moved = (
        params
        for params in candidates
        if any(
            name.rpartition("__")[2] == _NAME or any(True for _ in parts(value))
            for name, value in params.items()
        )
    )
    return any(
        _lacks(clone(estimator).set_params(**clone(dict(params), safe=False))) for params in moved
    )


@singledispatch
def seeded(estimator: Any, seed: int) -> AbstractContextManager[None]:
    """Return a context in which a fit draws from a generator of `seed`.

    For estimators that have no parameter to be seeded by, and draw from a generator that all
    share: one for a class of a library is registered as its family is. It puts back the
    generator's state as it ends.

    Parameters
    ----------
    estimator : estimator object
        Not fitted.
    seed : int
        From 0 to 2**31 - 1.
    """
    return nullcontext()


@contextmanager
def seeding(estimator: Any, seed: int | None) -> Iterator[None]:
    """Seed what an estimator and its parts have no parameter for, while it is fitted."""
    with ExitStack() as stack:
        if seed is not None:
            for part in parts(estimator):
                load_for(part)
                stack.enter_context(seeded(part, seed))
        yield


def _lacks(estimator: Any) -> bool:
    return bool(unseeded(estimator)) or any(map(_draws_from_all, parts(estimator)))


def _draws_from_all(estimator: Any) -> bool:
    load_for(estimator)
    return seeded.dispatch(type(estimator)) is not seeded.dispatch(object)
