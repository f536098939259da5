"""Minimise or maximise any Python function of parameters."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Mapping
from concurrent import futures
from typing import Any, Literal

from tunesmith.engine import Engine, wide_enough
from tunesmith.evaluation.function import FunctionEvaluator
from tunesmith.exceptions import SearchTimeout
from tunesmith.executors import Executor
from tunesmith.executors.inline import InlineExecutor
from tunesmith.progress import Progress, make_progress
from tunesmith.samplers import Sampler
from tunesmith.samplers.grid import GridSampler
from tunesmith.samplers.names import as_sampler
from tunesmith.samplers.starting import started
from tunesmith.schedulers import Scheduler
from tunesmith.schedulers.names import as_scheduler
from tunesmith.space import Space
from tunesmith.study.arguments import above_0, whole
from tunesmith.study.driver import n_points
from tunesmith.study.keeping import open_study
from tunesmith.study.ledger import FunctionLedger
from tunesmith.study.purpose import Direction, Purpose
from tunesmith.study.result import Function, Result, trials_of
from tunesmith.trial import Ledger, Outcome


def minimize(
    function: Function,
    space: Any,
    n_iter: int,
    *,
    sampler: str | Sampler = "auto",
    scheduler: str | Scheduler | None = None,
    random_state: int | None = None,
    n_jobs: int | None = None,
    in_flight: int | None = None,
    objectives: Any = None,
    outcome_constraints: Any = None,
    constraints: Any = None,
    initial: Any = None,
    warm_start: Any = None,
    storage: Any = None,
    study_name: str | None = None,
    executor: Executor | futures.Executor | None = None,
    timeout: float | None = None,
    progress: bool | Literal["auto"] = "auto",
) -> Result:
    """Find parameters at which a function is small.

    A call that raises, or returns no finite number, is a trial that has failed: its reason is
    kept, the sampler keeps away from there, and the search goes on. One that raises `TrialPruned`
    is a trial that has been stopped, which has no value either.

    Parameters
    ----------
    function : callable
        Takes a dict of parameters, returns a number. The dict is a
        `tunesmith.evaluation.handle.Trial`: it can also ask for parameters that are not in
        `space`, and report how it does so far.
    space : dict, list of dicts, Space or None
        What each parameter ranges over: `tunesmith.Float`, `Int`, `Categorical` or `Choice`,
        lists of values, or scipy distributions. ``{}`` or None where the function asks for all of
        them.
    n_iter : int
        Number of trials. Where the space has fewer points, all of them.
    sampler : str or Sampler, default="auto"
        What suggests parameters, as in `SearchCV`.
    scheduler : {"full", "median"}, Scheduler or None, default=None
        Which trials ``trial.should_prune()`` is to stop: with "median" those that report less
        than others did, see `MedianScheduler`; with "full" or None, none.
    random_state : int or None, default=None
        Seed of all that is drawn.
    n_jobs : int or None, default=None
        Number of worker processes. None is 1: calls are made in this process.
    in_flight : int or None, default=None
        How many trials may be under way, as in `SearchCV`.
    objectives : list of str, dict of str to {"minimize", "maximize"}, or None, default=None
        Names of several numbers that the function returns, as a dict or in this order, and what
        is to be done with each; those of a list are made small here. None: it returns one number.
    outcome_constraints : dict of str to float or (float or None, float or None), or None
        The most that a number of those returned by name may be, or the least and the most. Only
        trials that keep to it can be the best.
    constraints : callable, list of callable or None, default=None
        Each takes a dict of parameters and tells whether they may be tried together, such as
        ``lambda p: p["min"] < p["max"]``.
    initial : list of dict or None, default=None
        Trials to begin with. What one leaves out is drawn at random.
    warm_start : object, list of objects or None, default=None
        Earlier searches, studies or results, over a space with parameters in common, whose best
        trials are tried next.
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
        With ``best_params``, ``best_value`` and ``trials``; with several objectives ``pareto``.

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

    Parameters may be met in the function as well, and a trial that does badly may be stopped:

    >>> from tunesmith import TrialPruned
    >>> def fit(trial):
    ...     rate = trial.suggest_float("rate", 0.01, 1.0, log=True)
    ...     loss = 1.0
    ...     for epoch in range(10):
    ...         loss *= 1 - 4 * rate * (1 - rate) ** 3
    ...         trial.report(loss, epoch)
    ...         if trial.should_prune():
    ...             raise TrialPruned
    ...     return loss
    >>> result = minimize(fit, {}, n_iter=40, scheduler="median", random_state=0)
    >>> round(result.best_params["rate"], 1), sorted({str(t.state) for t in result.trials})
    (0.2, ['completed', 'pruned'])
    """
    return _optimized("minimize", **locals())


def maximize(
    function: Function,
    space: Any,
    n_iter: int,
    *,
    sampler: str | Sampler = "auto",
    scheduler: str | Scheduler | None = None,
    random_state: int | None = None,
    n_jobs: int | None = None,
    in_flight: int | None = None,
    objectives: Any = None,
    outcome_constraints: Any = None,
    constraints: Any = None,
    initial: Any = None,
    warm_start: Any = None,
    storage: Any = None,
    study_name: str | None = None,
    executor: Executor | futures.Executor | None = None,
    timeout: float | None = None,
    progress: bool | Literal["auto"] = "auto",
) -> Result:
    """Find parameters at which a function is large; all else is as for `minimize`.

    Parameters
    ----------
    function, space, n_iter, sampler, scheduler, random_state, n_jobs, in_flight
        As for `minimize`.
    objectives
        As for `minimize`, but that those of a list are made large.
    outcome_constraints, constraints, initial, warm_start, storage
        As for `minimize`.
    study_name, executor, timeout, progress
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
    direction: Direction,
    *,
    function: Function,
    space: Any,
    n_iter: int,
    sampler: str | Sampler,
    scheduler: str | Scheduler | None,
    random_state: int | None,
    n_jobs: int | None,
    in_flight: int | None,
    objectives: Any,
    outcome_constraints: Any,
    constraints: Any,
    initial: Any,
    warm_start: Any,
    storage: Any,
    study_name: str | None,
    executor: Executor | futures.Executor | None,
    timeout: float | None,
    progress: bool | Literal["auto"],
) -> Result:
    deadline = time.monotonic() + (math.inf if timeout is None else above_0("timeout", timeout))
    if not callable(function):
        raise TypeError(f"function={function!r} cannot be called; give a function of a dict")
    whole("n_iter", n_iter, least=1)
    if random_state is not None:
        whole("random_state", random_state, least=0)
    if in_flight is not None:
        whole("in_flight", in_flight, least=1)
    purpose = Purpose.read(direction, objectives, outcome_constraints)
    read = Space.read({} if space is None else space).where(constraints)
    chosen = as_sampler(sampler)
    n_trials = _n_trials(read, chosen, n_iter)
    chosen = started(chosen, read, initial or (), warm_start)
    judging = as_scheduler(scheduler, n_trials)
    runs_on = _executor(executor, n_jobs)
    display = make_progress(progress)
    with open_study(storage, study_name, purpose, function) as study:
        facts = study.facts(random_state, in_flight or wide_enough(runs_on.workers, 1))
        if random_state is None and storage is None and in_flight is None:
            window = None
        else:
            window = in_flight or facts["in_flight"]
        seed = facts["seed"] if random_state is None else random_state
        sign = int(purpose.signs[0])
        ledger = FunctionLedger(read, purpose.goal, seed, sign=sign, grows=chosen.adaptive)
        evaluator = FunctionEvaluator(function, frozenset(read.names), seed, sign, purpose.names)
        engine = Engine(
            space=read,
            sampler=chosen,
            scheduler=judging,
            evaluator=evaluator,
            executor=runs_on,
            ledger=ledger,
            recorder=study.recorder(evaluator, display, n_trials),
            observe=_observer(ledger, display, direction, sign, n_trials),
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
    if not in_time and len(ledger.outcomes) < n_trials:
        text = f"timeout={timeout} seconds ran out: {_account(ledger, n_trials)}"
        if not ledger.outcomes:
            raise SearchTimeout(f"{text} Give a larger timeout=. {study.how_to_go_on}")
        warnings.warn(f"{text} {study.how_to_go_on}", stacklevel=3)
    result = Result(tuple(trials_of(ledger, purpose)), direction, purpose.objectives)
    _warn_of_no_value(result)
    return result


def _warn_of_no_value(result: Result) -> None:
    """Warn where all trials have failed, which the result alone does not show."""
    errors = [trial.error for trial in result.trials if trial.error is not None]
    if errors and len(errors) == len(result.trials):
        last = errors[-1].strip().rsplit("\n", 1)[-1]
        text = f"all {len(errors)} trials have failed; the last one: {last}"
        warnings.warn(text, stacklevel=4)


def _observer(
    ledger: Ledger, display: Progress, title: str, sign: int, n_trials: int
) -> Callable[[Outcome, float | None], None]:
    """Return what tells whoever watches how far the search is."""
    best: tuple[float, Mapping[str, Any]] | None = None
    done = 0
    display.start(n_trials, title)

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
    of_grid = n_points(space, sampler)
    if not space.names:
        return n_iter
    size = min(of_grid, space.size)
    if size < n_iter:
        warnings.warn(
            f"the space has {size} points, fewer than n_iter={n_iter}: {size} are tried",
            stacklevel=4,
        )
    elif isinstance(sampler, GridSampler) and size > n_iter:
        warnings.warn(
            f"the grid has {size} points, and only the first n_iter={n_iter} of them are tried",
            stacklevel=4,
        )
    return int(min(size, n_iter))
