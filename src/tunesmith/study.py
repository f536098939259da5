"""Minimise or maximise any Python function of parameters."""

from __future__ import annotations

import math
import numbers
import secrets
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from tunesmith.engine import Engine, wide_enough
from tunesmith.evaluation.function import FunctionEvaluator
from tunesmith.exceptions import Conflict, SearchTimeout, StudyMismatch
from tunesmith.executors import Executor
from tunesmith.executors.inline import InlineExecutor
from tunesmith.keys import content_key
from tunesmith.progress import Progress, make_progress
from tunesmith.samplers import Sampler
from tunesmith.samplers.grid import GridSampler
from tunesmith.samplers.names import as_sampler
from tunesmith.schedulers.full import FullScheduler
from tunesmith.space import Space
from tunesmith.storage import Storage, open_storage
from tunesmith.storage.journal import Journal
from tunesmith.storage.parts import check_same, part
from tunesmith.storage.recorder import StudyRecorder
from tunesmith.trial import Ledger, Outcome, Part, State, StudyHead

Function = Callable[[dict[str, Any]], Any]


@dataclass(frozen=True)
class FinishedTrial:
    """What came of one trial.

    Parameters
    ----------
    number : int
        From 0, in the order of their start.
    params : mapping of str to object
        What the function was called with.
    value : float or None
        What it returned; None where there is none.
    state : State
        What became of it.
    error : str or None
        Why there is no value.
    seconds : float
        How long the function took.
    """

    number: int
    params: Mapping[str, Any]
    value: float | None
    state: State
    error: str | None
    seconds: float


@dataclass(frozen=True)
class Result:
    """What `minimize` or `maximize` has found.

    Parameters
    ----------
    trials : tuple of FinishedTrial
        Those that have ended, in the order of their start.
    direction : {"minimize", "maximize"}
        Which value is the best one.

    Examples
    --------
    >>> from tunesmith import Float, minimize
    >>> result = minimize(lambda p: (p["x"] - 2) ** 2, {"x": Float(0, 5)}, 20, random_state=0)
    >>> round(result.best_params["x"])
    2
    """

    trials: tuple[FinishedTrial, ...]
    direction: Literal["minimize", "maximize"]

    @property
    def best_trial(self) -> FinishedTrial:
        """The trial with the best value; of equal ones the first.

        Raises
        ------
        ValueError
            If no trial has a value; tells what the last one failed with.
        """
        found = [trial for trial in self.trials if trial.value is not None]
        if not found:
            last = f"; the last one: {self.trials[-1].error}" if self.trials else ""
            raise ValueError(f"none of {len(self.trials)} trials has a value{last}")
        sign = 1 if self.direction == "minimize" else -1
        return min(found, key=lambda trial: sign * (trial.value or 0.0))

    @property
    def best_params(self) -> Mapping[str, Any]:
        """The parameters of the best trial."""
        return self.best_trial.params

    @property
    def best_value(self) -> float:
        """The value of the best trial."""
        value = self.best_trial.value
        assert value is not None
        return value

    def __repr__(self) -> str:
        failed = sum(trial.value is None for trial in self.trials)
        without = f", {failed} without a value" if failed else ""
        text = f"{len(self.trials)} trials{without}"
        if failed < len(self.trials):
            text += f"; best {self.best_value:.6g} at {dict(self.best_params)}"
        return f"<Result of {self.direction}: {text}>"


def minimize(
    function: Function,
    space: Any,
    n_iter: int,
    *,
    sampler: str | Sampler = "auto",
    random_state: int | None = None,
    n_jobs: int | None = None,
    in_flight: int | None = None,
    storage: Any = None,
    study_name: str | None = None,
    executor: Executor | futures.Executor | None = None,
    timeout: float | None = None,
    progress: bool | Literal["auto"] = "auto",
) -> Result:
    """Find parameters at which a function is small.

    A call that raises, or returns no finite number, is a trial that has failed: its reason is
    kept, the sampler keeps away from there, and the search goes on.

    Parameters
    ----------
    function : callable
        Takes a dict of parameters, returns a number.
    space : dict, list of dicts or Space
        What each parameter ranges over: `tunesmith.Float`, `Int`, `Categorical` or `Choice`,
        lists of values, or scipy distributions.
    n_iter : int
        Number of trials. Where the space has fewer points, all of them.
    sampler : str or Sampler, default="auto"
        What suggests parameters, as in `SearchCV`.
    random_state : int or None, default=None
        Seed of all that is drawn.
    n_jobs : int or None, default=None
        Number of worker processes. None is 1: calls are made in this process.
    in_flight : int or None, default=None
        How many trials may be under way, as in `SearchCV`.
    storage : path, URL, Storage or None, default=None
        Where to record every trial as it ends. The same call again goes on from there.
    study_name : str or None, default=None
        Name of the study in `storage`. None is a name made from the function's content.
    executor : Executor, concurrent.futures.Executor or None, default=None
        Where to call the function instead of in `n_jobs` processes.
    timeout : float or None, default=None
        Seconds for all trials. When they have passed, a warning says how far the search came.
    progress : bool or "auto", default="auto"
        Whether to show how far the search is, on standard error.

    Returns
    -------
    Result
        With ``best_params``, ``best_value`` and ``trials``.

    Raises
    ------
    TypeError, ValueError
        For bad input, before the function is called.
    SearchTimeout
        If `timeout` ran out before one trial had ended.
    StudyMismatch
        If the study of that name was made from another function.

    Examples
    --------
    >>> from tunesmith import Float, Int, minimize
    >>> def loss(params):
    ...     return (params["x"] - 0.3) ** 2 + abs(params["n"] - 7)
    >>> space = {"x": Float(0, 1), "n": Int(1, 10)}
    >>> result = minimize(loss, space, n_iter=40, random_state=0)
    >>> result.best_params["n"], round(result.best_params["x"], 1)
    (7, 0.3)
    """
    return _optimized("minimize", **locals())


def maximize(
    function: Function,
    space: Any,
    n_iter: int,
    *,
    sampler: str | Sampler = "auto",
    random_state: int | None = None,
    n_jobs: int | None = None,
    in_flight: int | None = None,
    storage: Any = None,
    study_name: str | None = None,
    executor: Executor | futures.Executor | None = None,
    timeout: float | None = None,
    progress: bool | Literal["auto"] = "auto",
) -> Result:
    """Find parameters at which a function is large; all else is as for `minimize`.

    Parameters
    ----------
    function, space, n_iter, sampler, random_state, n_jobs, in_flight, storage, study_name
        As for `minimize`.
    executor, timeout, progress
        As for `minimize`.

    Returns
    -------
    Result
        With ``best_params``, ``best_value`` and ``trials``.

    Raises
    ------
    TypeError, ValueError, SearchTimeout, StudyMismatch
        As for `minimize`.

    Examples
    --------
    >>> from tunesmith import Float, maximize
    >>> maximize(lambda p: -abs(p["x"]), {"x": Float(-1, 1)}, 20, random_state=0).best_value > -0.1
    True
    """
    return _optimized("maximize", **locals())


def _optimized(
    direction: Literal["minimize", "maximize"],
    *,
    function: Function,
    space: Any,
    n_iter: int,
    sampler: str | Sampler,
    random_state: int | None,
    n_jobs: int | None,
    in_flight: int | None,
    storage: Any,
    study_name: str | None,
    executor: Executor | futures.Executor | None,
    timeout: float | None,
    progress: bool | Literal["auto"],
) -> Result:
    deadline = time.monotonic() + (math.inf if timeout is None else _above_0("timeout", timeout))
    if not callable(function):
        raise TypeError(f"function={function!r} cannot be called; give a function of a dict")
    _whole("n_iter", n_iter, least=1)
    if random_state is not None:
        _whole("random_state", random_state, least=0)
    if in_flight is not None:
        _whole("in_flight", in_flight, least=1)
    read, chosen = Space.read(space), as_sampler(sampler)
    n_trials = _n_trials(read, chosen, n_iter)
    runs_on = _executor(executor, n_jobs)
    evaluator = FunctionEvaluator(function)
    display = make_progress(progress)
    with _study(storage, study_name, direction, function) as study:
        facts = study.facts(random_state, in_flight or wide_enough(runs_on.workers, 1))
        if random_state is None and storage is None and in_flight is None:
            window = None
        else:
            window = in_flight or facts["in_flight"]
        seed = facts["seed"] if random_state is None else random_state
        sign = -1 if direction == "minimize" else 1
        ledger = Ledger(1, read.n_dimensions, _objective(sign), read.encode, seed)
        engine = Engine(
            space=read,
            sampler=chosen,
            scheduler=FullScheduler(n_trials),
            evaluator=evaluator,
            executor=runs_on,
            ledger=ledger,
            recorder=study.recorder(evaluator, display, n_trials),
            observe=_observer(ledger, display, direction, n_trials),
            in_flight=window,
            deadline=deadline,
        )
        try:
            in_time = engine.run()
        except KeyboardInterrupt as stop:
            stop.add_note(f"{_account(ledger, n_trials)} {study.how_to_go_on}")
            raise
        finally:
            display.stop()
    if not in_time:
        text = f"timeout={timeout} seconds ran out: {_account(ledger, n_trials)}"
        if not ledger.outcomes:
            raise SearchTimeout(f"{text} Give a larger timeout=. {study.how_to_go_on}")
        warnings.warn(f"{text} {study.how_to_go_on}", stacklevel=3)
    return Result(tuple(_finished(ledger)), direction)


def _finished(ledger: Ledger) -> Iterator[FinishedTrial]:
    for number, params in enumerate(ledger.params):
        if (outcome := ledger.outcomes.get((number, 0))) is not None:
            value = _value(outcome)
            yield FinishedTrial(
                number, params, value, outcome.state, outcome.error, outcome.fit_time
            )


def _value(outcome: Outcome) -> float | None:
    score = outcome.test_scores
    return score if isinstance(score, float) else None


def _objective(sign: int) -> Callable[[Outcome], float]:
    def objective(outcome: Outcome) -> float:
        value = _value(outcome)
        return math.nan if value is None else sign * value

    return objective


def _observer(
    ledger: Ledger, display: Progress, direction: str, n_trials: int
) -> Callable[[Outcome, float | None], None]:
    """Return what tells whoever watches how far the search is."""
    sign = -1 if direction == "minimize" else 1
    best: tuple[float, Mapping[str, Any]] | None = None
    done = 0
    display.start(n_trials, direction)

    def observe(outcome: Outcome, score: float | None) -> None:
        nonlocal best, done
        done += 1
        if score is not None and score == score and (best is None or score > best[0]):
            best = (score, ledger.params[outcome.trial])
        value, params = (None, None) if best is None else (sign * best[0], best[1])
        display.update(done=done, best=value, best_params=params)

    return observe


def _account(ledger: Ledger, n_trials: int) -> str:
    return f"{len(ledger.outcomes)} of {n_trials} trials have ended."


def _executor(executor: Executor | futures.Executor | None, n_jobs: int | None) -> Executor:
    if executor is None and n_jobs in (None, 1):
        return InlineExecutor()
    # joblib and what it imports take longer to load than a small search runs.
    from tunesmith.executors.choice import choose_executor

    return choose_executor(executor, n_jobs)


def _n_trials(space: Space, sampler: Sampler, n_iter: int) -> int:
    size = sampler.size(space) if isinstance(sampler, GridSampler) else space.size
    if size < n_iter:
        warnings.warn(
            f"the space has {size} points, fewer than n_iter={n_iter}: {size} are tried",
            stacklevel=4,
        )
    return int(min(size, n_iter))


def _whole(name: str, value: Any, least: int) -> None:
    if not isinstance(value, numbers.Integral) or isinstance(value, bool):
        raise TypeError(f"{name} has to be a whole number, got {value!r}")
    if value < least:
        raise ValueError(f"{name} has to be {least} or more, got {value}")


def _above_0(name: str, value: Any) -> float:
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise TypeError(f"{name} has to be a number or None, got {value!r}")
    if not float(value) > 0:
        raise ValueError(f"{name} has to be above 0, got {value}")
    return float(value)


@contextmanager
def _study(
    storage: Any, name: str | None, direction: str, function: Function
) -> Iterator[_Unkept | _Kept]:
    """Open the study of a search, and close it."""
    if storage is None:
        yield _Unkept()
        return
    parts = {"function": part("function", function)}
    opened = open_storage(storage)
    kept = _Kept(opened, str(storage), name, direction, parts)
    try:
        yield kept
    finally:
        try:
            kept.close()
        finally:
            if opened is not storage:
                opened.close()


class _Unkept:
    """Stands in for a study where nothing is kept."""

    how_to_go_on = 'To be able to go on from here next time, give storage="FILE.db".'

    def facts(self, random_state: int | None, in_flight: int) -> Mapping[str, Any]:
        seed = secrets.randbits(31) if random_state is None else random_state
        return {"seed": seed, "in_flight": in_flight}

    def recorder(self, evaluator: FunctionEvaluator, display: Progress, n: int) -> None:
        return None


class _Kept:
    """The study of a function: found or made, and written to."""

    def __init__(
        self,
        storage: Storage,
        where: str,
        name: str | None,
        direction: str,
        parts: Mapping[str, Part],
    ) -> None:
        self._storage, self._where = storage, where
        self._kind, self._parts = direction, dict(parts)
        self._name = name or f"{direction}-{parts['function'].digest[:12]}"
        self._journal: Journal | None = None

    @property
    def how_to_go_on(self) -> str:
        return f"Call it again to go on from the study {self._name!r} in {self._where}."

    def facts(self, random_state: int | None, in_flight: int) -> Mapping[str, Any]:
        """Return what was drawn once for the study; make it, if it is new.

        Raises
        ------
        StudyMismatch
            If it was made from something else.
        """
        head = self._find()
        if head is None:
            seed = secrets.randbits(31) if random_state is None else int(random_state)
            facts = {"seed": seed, "in_flight": in_flight}
            head = StudyHead(self._name, self._kind, self._parts, facts, created=time.time())
            try:
                self._storage.create(head)
            except Conflict:
                head = self._find()
        if head is None:
            raise StudyMismatch(f"the study {self._name!r} was made and removed again")
        check_same(head, self._kind, self._parts, self._where)
        return head.facts

    def recorder(self, evaluator: FunctionEvaluator, display: Progress, n: int) -> StudyRecorder:
        """Return what records the trials, and tells how many it found."""

        def found(count: int) -> None:
            text = f"study {self._name!r}: {count} of {n} trials found, {n - count} to run"
            display.found(count, text)

        self._journal = Journal(self._storage, self._name)
        return StudyRecorder(self._journal, {}, 1, _digest, evaluator.failed, found)

    def close(self) -> None:
        if self._journal is not None:
            self._journal.close()

    def _find(self) -> StudyHead | None:
        return next((h for h in self._storage.studies() if h.name == self._name), None)


def _digest(params: Mapping[str, Any]) -> str:
    return content_key(dict(params)).digest
