"""Search trial by trial, for scripts that do the running themselves."""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, overload

import numpy as np

from tunesmith.evaluation.function import number_of
from tunesmith.exceptions import SpaceError, WouldBlock
from tunesmith.samplers import Sampler
from tunesmith.samplers.grid import GridSampler
from tunesmith.samplers.names import as_sampler
from tunesmith.space import Space
from tunesmith.study.arguments import whole
from tunesmith.study.purpose import Direction, Purpose
from tunesmith.study.result import FinishedTrial, Result, trials_of
from tunesmith.trial import Ledger, Outcome, State


@dataclass(frozen=True)
class Trial:
    """What a study asks to be tried.

    Parameters
    ----------
    number : int
        From 0, in the order of asking.
    params : mapping of str to object
        The parameters to try.
    """

    number: int
    params: Mapping[str, Any]


class Study:
    """Trials asked for and told of one by one, in memory.

    Parameters
    ----------
    space : dict, list of dicts or Space
        What each parameter ranges over, as for `minimize`.
    direction : {"minimize", "maximize"}, default="minimize"
        Which value is the best one.
    sampler : str or Sampler, default="auto"
        What suggests parameters, as in `SearchCV`.
    random_state : int or None, default=None
        Seed of all that is drawn. The same calls then give the same trials.
    in_flight : int or None, default=None
        How many trials may be asked for and not told of. Each is then chosen by the values of all
        but the `in_flight` - 1 before it, so that the order of telling does not matter. None: no
        bound, and each is chosen by all that has been told.

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
        direction: Direction = "minimize",
        sampler: str | Sampler = "auto",
        random_state: int | None = None,
        in_flight: int | None = None,
    ) -> None:
        if direction not in ("minimize", "maximize"):
            raise ValueError(f"direction has to be 'minimize' or 'maximize', got {direction!r}")
        if random_state is not None:
            whole("random_state", random_state, least=0)
        if in_flight is not None:
            whole("in_flight", in_flight, least=1)
        self.space = Space.read(space)
        self.direction: Direction = direction
        self.sampler = as_sampler(sampler)
        self.in_flight = in_flight
        seed = secrets.randbits(31) if random_state is None else int(random_state)
        width = self.space.n_dimensions
        self._purpose = Purpose(direction)
        self._ledger = Ledger(1, width, self._purpose.goal, self.space.encode, seed)
        grid = isinstance(self.sampler, GridSampler)
        self._size = self.sampler.size(self.space) if grid else math.inf  # type: ignore[attr-defined]

    @overload
    def ask(self, n: None = None) -> Trial: ...

    @overload
    def ask(self, n: int) -> list[Trial]: ...

    def ask(self, n: int | None = None) -> Trial | list[Trial]:
        """Return the next trial, or a list of the next `n`.

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
        """
        if n is None:
            return self._asked(1)[0]
        whole("n", n, least=1)
        return self._asked(int(n))

    def tell(
        self,
        trial: Trial | int,
        value: Any = None,
        *,
        state: Literal["completed", "failed"] = "completed",
        reason: str | None = None,
    ) -> None:
        """Say what has come of a trial.

        Parameters
        ----------
        trial : Trial or int
            The trial, or its number.
        value : float or None, default=None
            Its value; None where it failed. A value that is not finite makes it fail.
        state : {"completed", "failed"}, default="completed"
            What became of it. The sampler keeps away from what failed.
        reason : str or None, default=None
            Why it failed.

        Raises
        ------
        ValueError
            If there is no such trial, it has been told of, or the value is no number.
        """
        number = trial.number if isinstance(trial, Trial) else trial
        self._check_open(number)
        score, why = self._read(value, state, reason)
        self._ledger.enter(
            Outcome(
                number,
                0,
                State.COMPLETED if score is not None else State.FAILED,
                test_scores=score,
                error=why,
            )
        )

    @property
    def trials(self) -> tuple[FinishedTrial, ...]:
        """The trials that have been told of, in the order of asking."""
        return tuple(trials_of(self._ledger, self._purpose))

    @property
    def waiting(self) -> list[Trial]:
        """The trials that have been asked for and not told of."""
        return [
            Trial(number, params)
            for number, params in enumerate(self._ledger.params)
            if (number, 0) not in self._ledger.outcomes
        ]

    @property
    def result(self) -> Result:
        """What has come of the trials so far."""
        return Result(self.trials, self.direction)

    @property
    def best_trial(self) -> FinishedTrial:
        """The trial with the best value; of equal ones the first. ValueError if there is none."""
        return self.result.best_trial

    @property
    def best_params(self) -> Mapping[str, Any]:
        """The parameters of the best trial."""
        return self.result.best_params

    @property
    def best_value(self) -> float:
        """The value of the best trial."""
        return self.result.best_value

    def __repr__(self) -> str:
        waiting = len(self._ledger.params) - len(self._ledger.outcomes)
        return f"<Study: {repr(self.result)[1:-1]}; {waiting} waiting>"

    def _asked(self, n: int) -> list[Trial]:
        self._check_window(n)
        ledger, trials = self._ledger, []
        if len(ledger.params) + n > self._size:
            raise SpaceError(f"the grid has {self._size} points, and all have been asked for")
        for _ in range(n):
            known = None
            if self.in_flight is not None:
                known = max(0, len(ledger.params) + 1 - self.in_flight)
            history = ledger.view(known)
            rng = np.random.default_rng([history.seed, history.number])
            params = self.sampler.suggest(self.space, history, rng).params
            trials.append(Trial(ledger.start(params), dict(params)))
        return trials

    def _check_window(self, n: int) -> None:
        if self.in_flight is None:
            return
        if n > self.in_flight:
            raise WouldBlock(f"ask({n}) is more than in_flight={self.in_flight} allows at once")
        needed = len(self._ledger.params) + n - self.in_flight
        missing = [trial.number for trial in self.waiting if trial.number < needed]
        if missing:
            raise WouldBlock(
                f"in_flight={self.in_flight} allows no more trials: tell of {_listed(missing)} "
                f"first, or give the study a larger in_flight="
            )

    def _check_open(self, number: Any) -> None:
        started = len(self._ledger.params)
        known = isinstance(number, int) and 0 <= number < started
        if not known or isinstance(number, bool):
            has = f"trials 0 to {started - 1}" if started else "no trials yet"
            raise ValueError(f"there is no trial {number!r}; this study has {has}")
        if (number, 0) in self._ledger.outcomes:
            raise ValueError(f"trial {number} has been told of already")

    @staticmethod
    def _read(value: Any, state: str, reason: str | None) -> tuple[float | None, str | None]:
        if state not in ("completed", "failed"):
            raise ValueError(f"state has to be 'completed' or 'failed', got {state!r}")
        if state == "failed":
            if value is not None:
                raise ValueError(f"a trial that failed has no value, got {value!r}")
            return None, reason or "no reason was given"
        if reason is not None:
            raise ValueError("reason= is for a trial that failed: add state='failed'")
        try:
            finite = math.isfinite(value)
        except TypeError:
            finite = True  # which `number_of` will tell
        number, why = number_of(value)
        if why is not None and finite:
            raise ValueError(f"{why}; for a trial that failed, tell(trial, state='failed')")
        return number, why


def _listed(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:5]))
    return f"{shown} and {len(numbers) - 5} more" if len(numbers) > 5 else shown
