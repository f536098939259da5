"""What a user's function is called with."""

from __future__ import annotations

import hashlib
import operator
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import deepcopy
from typing import Any

import numpy as np

from tunesmith.evaluation.verdicts import Stop
from tunesmith.exceptions import SpaceError
from tunesmith.space import Categorical, Dimension, Float, Int
from tunesmith.space.dimension import brief
from tunesmith.space.growth import alike, nearest
from tunesmith.trial import Job, Met, Reports


class Trial(dict[str, Any]):
    """The parameters of a trial, as a dict, and what a function may say and ask on its way.

    Parameters
    ----------
    job : Job
        What is to be run.
    names : frozenset of str, default=frozenset()
        The parameters of the given space.
    seed : int, default=0
        The seed of the search.
    sign : {1, -1}, default=1
        What makes a report one to be maximised.

    Attributes
    ----------
    number : int
        Number of the trial, from 0.

    Examples
    --------
    >>> from tunesmith.evaluation.handle import Trial
    >>> from tunesmith.trial import Job
    >>> trial = Trial(Job(0, 0, {"x": 0.5}))
    >>> trial.suggest_int("n", 3, 3)
    3
    >>> trial
    {'x': 0.5, 'n': 3}
    >>> trial.report(0.25)
    >>> trial.should_prune()
    False
    """

    __slots__ = ("_job", "_met", "_names", "_reports", "_seed", "_sign", "number")

    def __init__(
        self, job: Job, names: frozenset[str] = frozenset(), seed: int = 0, sign: int = 1
    ) -> None:
        given = job.params if job.space is None else _only(job, names)
        # What a function does to a list must not change what is recorded, or the space.
        super().__init__((name, _own(value)) for name, value in given.items())
        self.number = job.trial
        self._job, self._names, self._seed, self._sign = job, names, seed, sign
        self._met: dict[str, Met] = {}
        self._reports: list[tuple[int, float]] = []

    @property
    def params(self) -> dict[str, Any]:
        """The parameters that were given and those asked for so far, as a new dict."""
        job = self._job
        given = dict(job.params) if job.space is None else _only(job, self._names)
        return given | {one.name: one.value for one in self._met.values()}

    @property
    def met(self) -> tuple[Met, ...]:
        """The parameters asked for so far."""
        return tuple(self._met.values())

    @property
    def reports(self) -> Reports:
        """What has been reported so far: (step, value)."""
        return tuple(self._reports)

    def report(self, value: float, step: int | None = None) -> None:
        """Say how the trial does so far.

        Parameters
        ----------
        value : float
            What the function would return if it ended here, or a number like it. NaN is worse than
            any.
        step : int or None, default=None
            How far it is, such as an epoch; 0 or more, and more than before. None: the next one.
            Where the step before is repeated, a warning says that the report is not counted.

        Raises
        ------
        TypeError
            If `value` is no number, or `step` is not whole.
        ValueError
            If `step` is below 0, or below that of an earlier report.
        """
        number = _number(value)
        last = self._reports[-1][0] if self._reports else -1
        at = last + 1 if step is None else _step(step)
        if at == last:
            warnings.warn(
                f"step={at} has been reported already; this report is not counted", stacklevel=2
            )
        elif at < last:
            raise ValueError(f"step={at} was reported after step={last}; report steps in order")
        else:
            self._reports.append((at, number))

    def should_prune(self) -> bool:
        """Tell whether the trial does so badly that it should end: raise `TrialPruned` then.

        Judged by its reports, and by what was known of other trials when it was started. False
        before the first report, and where no `scheduler` stops trials.
        """
        judge = self._job.judge
        if judge is None or not self._reports:
            return False
        reports = tuple((step, self._sign * value) for step, value in self._reports)
        return isinstance(judge(reports), Stop)

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Ask for a parameter that is a real number.

        Parameters
        ----------
        name : str
            The parameter. Asked for again in the same trial, it has the same value.
        low, high : float
            The bounds, both included. They may be others in another trial.
        step : float or None, default=None
            Distance between the values, from `low` on. None: any value.
        log : bool, default=False
            Whether each order of magnitude is equally likely.

        Returns
        -------
        float

        Raises
        ------
        SpaceError
            If there are no such numbers, or a parameter of that name is of another kind.
        """
        value: float = self._suggest(name, lambda: Float(low, high, step=step, log=log))
        return value

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int:
        """Ask for a parameter that is a whole number.

        Parameters
        ----------
        name, low, high, log
            As for `suggest_float`.
        step : int, default=1
            Distance between the values, from `low` on.

        Returns
        -------
        int

        Raises
        ------
        SpaceError
            As for `suggest_float`.
        """
        every = None if step == 1 else step
        value: int = self._suggest(name, lambda: Int(low, high, step=every, log=log))
        return value

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Ask for a parameter that is one of some choices.

        Parameters
        ----------
        name : str
            As for `suggest_float`.
        choices : sequence
            None, bools, numbers and strings, and lists, tuples and dicts of them. They may be
            others in another trial.

        Returns
        -------
        object
            One of the choices.

        Raises
        ------
        SpaceError
            As for `suggest_float`, or if a choice is something else.
        """
        return deepcopy(self._suggest(name, lambda: _choices(name, choices)))

    def _suggest(self, name: str, describe: Callable[[], Dimension]) -> Any:
        if not isinstance(name, str) or not name:
            raise SpaceError(f"the name of a parameter has to be a string, got {name!r}")
        try:
            dimension = describe()
            if name in self._names:
                return self._given(dimension, name)
            if name not in self._met:
                self._met[name] = Met(name, dimension, self._chosen(name, dimension))
                self[name] = deepcopy(self._met[name].value)
        except SpaceError as error:
            raise SpaceError(f"the parameter {name!r}: {error}") from None
        met = self._met[name]
        if met.dimension != dimension:
            raise SpaceError(
                f"the parameter {name!r} was asked for as {brief(met.dimension)}, and then as "
                f"{brief(dimension)}; give each a name of its own"
            )
        return met.value

    def _given(self, dimension: Dimension, name: str) -> Any:
        if name not in self._job.params:
            raise SpaceError("it is in the space that was given, and not active in this trial")
        value = self._job.params[name]
        if value not in dimension:
            raise SpaceError(
                f"it is in the space that was given, and has the value {brief(value)} there, "
                f"which is not in {brief(dimension)}; leave it out of one of the two"
            )
        return value

    def _chosen(self, name: str, dimension: Dimension) -> Any:
        """Return what was suggested, if it is in the dimension, or a random value of it."""
        space = self._job.space
        earlier = None if space is None else dict(space.branches[0].entries).get(name)
        if earlier is not None:
            if not alike(earlier, dimension):
                raise SpaceError(
                    f"in earlier trials it was {brief(earlier)}, and now {brief(dimension)}; give "
                    "each a name of its own"
                )
            with suppress(KeyError, SpaceError):
                return nearest(dimension, self._job.params[name])
        digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        entropy = [self._seed, self.number, int.from_bytes(digest)]
        return dimension.decode(np.random.default_rng(entropy).random())


def _only(job: Job, names: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in job.params.items() if name in names}


def _own(value: Any) -> Any:
    return deepcopy(value) if isinstance(value, list | dict | set | np.ndarray) else value


def _number(value: Any) -> float:
    if not isinstance(value, str | bytes):
        with suppress(Exception):  # whatever a user's object raises
            return float(value)
    raise TypeError(
        f"report() takes a number, got {brief(value)} (of type {type(value).__name__})"
    )


def _step(step: Any) -> int:
    try:
        at = operator.index(step)
    except TypeError:
        raise TypeError(f"step has to be a whole number or None, got {step!r}") from None
    if at < 0:
        raise ValueError(f"step has to be 0 or more, got {at}")
    return at


def _choices(name: str, choices: Any) -> Categorical:
    dimension = Categorical(choices)
    for value in dimension.values:
        if not _is_plain(value):
            raise SpaceError(
                f"a choice is None, a bool, a number, a string, or a list, tuple or dict of them, "
                f"so that it can be recorded; got {brief(value)}. Choose its name, and look it up "
                f"in a dict: table[trial.suggest_categorical({name!r}, list(table))]"
            )
    return dimension


def _is_plain(value: Any) -> bool:
    kind = type(value)
    if kind in (list, tuple):
        return all(map(_is_plain, value))
    if kind is dict:
        return all(type(key) is str and _is_plain(item) for key, item in value.items())
    if isinstance(value, np.generic):
        return value.dtype.kind in "biufcUSmM"
    return value is None or kind in (bool, int, float, str)
