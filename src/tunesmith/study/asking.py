"""Search trial by trial, for scripts that do the running themselves."""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from types import TracebackType
from typing import Any, Literal, NoReturn, Self, overload

from tunesmith.evaluation.function import number_of, numbers_of
from tunesmith.evaluation.handle import Trial
from tunesmith.report.table import Backend
from tunesmith.samplers import Sampler
from tunesmith.samplers.names import as_sampler
from tunesmith.samplers.starting import started
from tunesmith.schedulers import Scheduler
from tunesmith.schedulers.names import as_scheduler
from tunesmith.space import Space
from tunesmith.storage import Storage, open_storage
from tunesmith.study.arguments import above_0, whole
from tunesmith.study.driver import Driver, n_points
from tunesmith.study.frame import trials_frame
from tunesmith.study.ledger import FunctionLedger
from tunesmith.study.log import StoredLog, StudyLog, listed_values
from tunesmith.study.loop import run
from tunesmith.study.opening import opened_head
from tunesmith.study.purpose import Direction, Purpose
from tunesmith.study.result import FinishedTrial, Function, Result, trials_of
from tunesmith.trial import Outcome, Scores, State

_STATES = {"completed": State.FAILED, "failed": State.FAILED, "pruned": State.PRUNED}
"""What a trial that is told of without a value has become."""

_ENDED = {"failed": "failed", "pruned": "was pruned"}

_MANY = 2**63


class Study:
    """Trials asked for and told of one by one, by one process or many.

    Parameters
    ----------
    space : dict, list of dicts or Space
        What each parameter ranges over, as for `minimize`.
    storage : path, URL, Storage or None, default=None
        Where to keep the trials. A study that is there goes on, and any number of processes may
        ask and tell at once. None: in memory.
    name : str or None, default=None
        Name of the study in `storage`. None is ``"study"``.
    direction : {"minimize", "maximize"}, default="minimize"
        Which value is the best one.
    sampler : str or Sampler, default="auto"
        What suggests parameters, as in `SearchCV`.
    scheduler : str, Scheduler or None, default=None
        What stops trials that do badly, as for `minimize`.
    random_state : int or None, default=None
        Seed of all that is drawn; a study keeps it. The same calls then give the same trials.
    in_flight : int or None, default=None
        How many trials may be asked for and not told of; a study keeps it. Each is then chosen by
        the values of all but the `in_flight` - 1 before it, so that neither the order of telling
        nor the number of processes matters. None: no bound, and each is chosen by all that has
        been told.
    objectives, outcome_constraints, constraints, initial, warm_start
        As for `minimize`. With `objectives`, trials are told of by a dict of values, or by as
        many in their order.
    lease : float or None, default=60.0
        Seconds after which a trial is given up whose process has died without telling of it, and
        is handed out again. None: trials belong to whoever tells of them, even after the process
        that asked has ended.

    Raises
    ------
    StudyMismatch
        If the study of that name is something else, or its trials are not in the space.

    Examples
    --------
    >>> from tunesmith import Float, Study
    >>> study = Study({"x": Float(0, 5)}, random_state=0)
    >>> for _ in range(20):
    ...     trial = study.ask()
    ...     study.tell(trial, (trial.params["x"] - 2) ** 2)
    >>> round(study.best_params["x"])
    2
    """

    def __init__(
        self,
        space: Any,
        *,
        storage: Any = None,
        name: str | None = None,
        direction: Direction = "minimize",
        sampler: str | Sampler = "auto",
        scheduler: str | Scheduler | None = None,
        random_state: int | None = None,
        in_flight: int | None = None,
        objectives: Any = None,
        outcome_constraints: Any = None,
        constraints: Any = None,
        initial: Any = None,
        warm_start: Any = None,
        lease: float | None = 60.0,
    ) -> None:
        if direction not in ("minimize", "maximize"):
            raise ValueError(f"direction has to be 'minimize' or 'maximize', got {direction!r}")
        if random_state is not None:
            whole("random_state", random_state, least=0)
        if in_flight is not None:
            whole("in_flight", in_flight, least=1)
        if lease is not None and above_0("lease", lease) == math.inf:
            raise ValueError("lease has to be finite; None is a lease that never ends")
        self.space = Space.read(space).where(constraints)
        self.direction: Direction = direction
        self._purpose = Purpose.read(direction, objectives, outcome_constraints)
        plain = as_sampler(sampler)
        self.sampler = started(plain, self.space, initial or (), warm_start)
        self.in_flight = in_flight
        self.name = "study" if name is None else name
        self._storage: Storage | None = None
        self._owned = False
        size = n_points(self.space, plain)
        judging = None if scheduler is None else as_scheduler(scheduler, _MANY)
        log = self._open(storage, random_state, lease)
        sign = int(self._purpose.signs[0])
        self._driver = Driver(self.space, self.sampler, self.in_flight, log, size, judging, sign)

    @overload
    def ask(self, n: None = None) -> Trial: ...

    @overload
    def ask(self, n: int) -> list[Trial]: ...

    def ask(self, n: int | None = None) -> Trial | list[Trial]:
        """Return the next trial, or a list of the next `n`.

        Trials that others have asked for and given up come first, under their numbers.

        Parameters
        ----------
        n : int or None, default=None
            How many; None for one that is not in a list.

        Returns
        -------
        Trial or list of Trial

        Raises
        ------
        WouldBlock
            If `in_flight` does not allow as many; names the trials to tell of first. None of the
            `n` has been started then.
        SpaceError
            If a grid is used up.
        StorageError
            If the study cannot be read or written.
        """
        if n is None:
            return self._driver.ask(1)[0]
        whole("n", n, least=1)
        return self._driver.ask(int(n))

    def tell(
        self,
        trial: Trial | int,
        value: Any = None,
        *,
        state: Literal["completed", "failed", "pruned"] = "completed",
        reason: str | None = None,
    ) -> None:
        """Say what has come of a trial. It is kept when this returns.

        Parameters
        ----------
        trial : Trial or int
            The trial, or its number; with a storage, it may have been asked for by any process.
        value : float, dict of str to float, sequence of float or None, default=None
            Its value, or those of `objectives` and what `outcome_constraints` are about; None
            where it failed. A value that is not finite makes it fail.
        state : {"completed", "failed", "pruned"}, default="completed"
            What became of it. The sampler keeps away from what failed or was pruned.
        reason : str or None, default=None
            Why it failed.

        Raises
        ------
        ValueError
            If there is no such trial, it has been told of, or the value is no number.
        StorageError
            If the study cannot be read or written.
        """
        score, why = _read(value, state, reason, self._purpose.names)
        number = self._driver.number_of(trial)
        known = self._driver.account(number)
        reports, met = (trial.reports, trial.met) if isinstance(trial, Trial) else known
        told = self._driver.tell(
            Outcome(
                number,
                0,
                State.COMPLETED if score is not None else _STATES[state],
                test_scores=score,
                fit_time=self._driver.seconds_since_asking(number),
                error=why,
                reports=reports,
                met=met,
            )
        )
        if not told:
            raise ValueError(f"trial {number} has been told of already")

    def optimize(self, function: Function, n_iter: int, *, timeout: float | None = None) -> Result:
        """Ask, call a function, and tell, over and over.

        Several processes, and threads, may do so at once. A call that raises, or returns no
        finite number, is a trial that has failed. Ctrl-C keeps what there is, and leaves the
        trial that was running to whoever asks next.

        Parameters
        ----------
        function : callable
            Takes a dict of parameters, returns a number.
        n_iter : int
            How many trials this call runs, besides those there are; fewer where a grid ends.
        timeout : float or None, default=None
            Seconds after which no other trial is begun. A warning then says how many there were.

        Returns
        -------
        Result
            Of all trials of the study.

        Raises
        ------
        WouldBlock
            If `in_flight` allows no other trial before this process has told of those that it has
            asked for; others are waited for.
        StorageError
            If the study cannot be read or written.

        Examples
        --------
        >>> from tunesmith import Float, Study
        >>> study = Study({"x": Float(0, 5)}, random_state=0)
        >>> round(study.optimize(lambda params: (params["x"] - 2) ** 2, 20).best_params["x"])
        2
        """
        run(self._driver, function, n_iter, timeout, self._purpose.names)
        return self._result()

    @property
    def trials(self) -> tuple[FinishedTrial, ...]:
        """The trials that have been told of, in the order of asking."""
        return self._result().trials

    @property
    def waiting(self) -> list[Trial]:
        """The trials that have been asked for and not told of, by whomever."""
        with self._driver.log(fresh=True) as log:
            return [self._driver.trial(number) for number in log.untold]

    @property
    def pareto(self) -> tuple[FinishedTrial, ...]:
        """The trials that none is better than in all objectives."""
        return self._result().pareto

    @property
    def best_trial(self) -> FinishedTrial:
        """The trial with the best value; of equal ones the first. ValueError if there is none."""
        return self._result().best_trial

    @property
    def best_params(self) -> Mapping[str, Any]:
        """The parameters of the best trial."""
        return self._result().best_params

    @property
    def best_value(self) -> float:
        """The value of the best trial."""
        return self._result().best_value

    def results(self, backend: Backend | None = None) -> Any:
        """Return a data frame of the trials that have been told of, one row each.

        Parameters
        ----------
        backend : "pandas", "polars" or None, default=None
            Whose data frame; None takes the first that is installed.

        Returns
        -------
        pandas.DataFrame or polars.DataFrame of n_trials rows
            ``number``, ``value`` or a column for each of several, ``state``, a column ``param_*``
            for each parameter, ``seconds`` and ``error``.

        Raises
        ------
        ImportError
            If neither library is installed.

        Examples
        --------
        >>> from tunesmith import Study
        >>> study = Study({"x": [1, 2, 3]}, sampler="grid")
        >>> study.optimize(lambda params: params["x"] ** 2, 3).best_value
        1.0
        >>> study.results()[["number", "param_x", "value"]].shape
        (3, 3)
        """
        return trials_frame(self.trials, self._names(), backend, self._purpose.names)

    def close(self) -> None:
        """Give back the trials that have not been told of, and close the storage.

        What is known can be looked at afterwards. A study that is dropped, or whose process
        ends, is closed; one in memory just asks no more.
        """
        self._driver.close()
        if self._owned and self._storage is not None:
            self._storage.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        known = self._result(fresh=False)
        with self._driver.log(fresh=False) as log:
            waiting = len(log.untold)
        kept = "" if self._storage is None else f" {self.name!r} in {self._storage}"
        return f"<Study{kept}: {repr(known)[1:-1]}; {waiting} waiting>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a Study cannot be pickled or copied. Give each process its own: "
            "Study(space, storage=..., name=...)"
        )

    def _open(self, where: Any, random_state: int | None, lease: float | None) -> StudyLog:
        """Return the trials that are there; this makes the study, if it is new."""
        if where is None:
            seed = secrets.randbits(31) if random_state is None else int(random_state)
            return StudyLog(self._ledger(seed))
        if not isinstance(self.name, str) or not self.name:
            raise TypeError(f"name has to be text, got {self.name!r}")
        listed = listed_values(self.space)
        storage = open_storage(where)
        self._storage, self._owned = storage, storage is not where
        try:
            head = opened_head(storage, self.name, self._purpose, random_state, self.in_flight)
            self.in_flight = head.facts["in_flight"]
            log = StoredLog(self._ledger(head.facts["seed"]), storage, self.name, listed, lease)
            log.read_on()
        except BaseException:
            if self._owned:
                storage.close()
            raise
        return log

    def _names(self) -> list[str]:
        """Return the names of the parameters, those met in trials last."""
        met = [name for trial in self.trials for name in trial.params]
        return list(dict.fromkeys([*self.space.names, *met]))

    def _ledger(self, seed: int) -> FunctionLedger:
        purpose, grows = self._purpose, self.sampler.adaptive
        sign = int(purpose.signs[0])
        return FunctionLedger(self.space, purpose.goal, seed, sign=sign, grows=grows)

    def _result(self, *, fresh: bool = True) -> Result:
        with self._driver.log(fresh=fresh) as log:
            trials = tuple(trials_of(log.ledger, self._purpose))
        return Result(trials, self.direction, self._purpose.objectives)


def _read(
    value: Any, state: str, reason: str | None, names: Sequence[str]
) -> tuple[Scores | None, str | None]:
    if state not in _STATES:
        raise ValueError(f"state has to be one of {list(_STATES)}, got {state!r}")
    if state != "completed":
        if value is not None:
            raise ValueError(f"a trial that {_ENDED[state]} has no value, got {value!r}")
        return None, reason or ("no reason was given" if state == "failed" else None)
    if reason is not None:
        raise ValueError("reason= is for a trial that failed: add state='failed'")
    said = "the trial was told to have"
    number, why = numbers_of(value, names, said) if names else number_of(value, said)
    if why is not None and _is_finite(value):
        raise ValueError(f"{why}; for a trial that failed, tell(trial, state='failed')")
    return number, why


def _is_finite(value: Any) -> bool:
    """Tell whether there is no NaN or infinity among values, whatever else they are."""
    values = value.values() if isinstance(value, Mapping) else value
    listed = values if isinstance(values, Iterable) and not isinstance(values, str) else [values]
    return not any(isinstance(one, Real) and not math.isfinite(one) for one in listed)
