"""Trials that run several at once."""

from __future__ import annotations

import numbers
import os
import warnings
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any

from tunesmith.compat.hyperopt.calling import Calling, Workers
from tunesmith.compat.hyperopt.states import (
    JOB_STATE_CANCEL,
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
)
from tunesmith.compat.hyperopt.trials import Trials


class SparkTrials(Trials):
    """Trials that run several at once: on the Dask client there is, or else on local processes.

    Nothing runs on Spark, as a warning says. A trial that raises has failed, and the search goes
    on; one that runs when the search ends is waited for.

    Parameters
    ----------
    parallelism : int or None, default=None
        How many run at once. None: as many as there are threads of the cluster, or cores here.
    timeout : float or None, default=None
        Seconds after which no trial is begun, whatever `fmin` is told.
    loss_threshold : float or None, default=None
        A loss that ends the search.
    spark_session, resource_profile : object, default=None
        Not used.

    Examples
    --------
    >>> import warnings
    >>> from tunesmith.compat.hyperopt import SparkTrials, fmin, hp, rand
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     trials = SparkTrials(parallelism=2)
    >>> best = fmin(abs, hp.uniform("x", -1, 1), rand.suggest, max_evals=6, trials=trials)
    >>> len(trials)
    6
    """

    asynchronous = True

    def __init__(
        self,
        parallelism: int | None = None,
        timeout: float | None = None,
        loss_threshold: float | None = None,
        spark_session: Any = None,
        resource_profile: Any = None,
    ) -> None:
        warnings.warn(
            "SparkTrials runs nothing on Spark: trials run on the Dask client there is, or else "
            "on local processes",
            stacklevel=2,
        )
        if parallelism is not None and not isinstance(parallelism, numbers.Integral):
            raise TypeError(f"parallelism={parallelism!r} has to be a whole number or None")
        if parallelism is not None and parallelism < 1:
            raise ValueError(f"parallelism={parallelism} has to be at least 1; None: all cores")
        super().__init__()
        self.parallelism = parallelism
        self.timeout = timeout
        self.loss_threshold = loss_threshold

    def calling(self) -> Calling:
        """Return where the function is called."""
        client = _dask_client()
        if client is not None:
            return Workers(
                client.get_executor, self.parallelism or sum(client.nthreads().values())
            )
        width = self.parallelism or os.cpu_count() or 1
        return Workers(lambda: _processes(width), width)

    def fmin(self, *args: Any, **kwargs: Any) -> Any:
        """Go on with these trials; see `tunesmith.compat.hyperopt.fmin`."""
        if self.timeout is not None:
            kwargs["timeout"] = self.timeout
        if kwargs.get("loss_threshold") is None:
            kwargs["loss_threshold"] = self.loss_threshold
        return super().fmin(*args, **kwargs | {"catch_eval_exceptions": True})

    def count_successful_trials(self) -> int:
        """Return how many trials have ended without an error."""
        return self.count_by_state_unsynced(JOB_STATE_DONE)

    def count_failed_trials(self) -> int:
        """Return how many trials have raised."""
        return self.count_by_state_unsynced(JOB_STATE_ERROR)

    def count_cancelled_trials(self) -> int:
        """Return how many trials have been cancelled."""
        return self.count_by_state_unsynced(JOB_STATE_CANCEL)

    def count_total_trials(self) -> int:
        """Return how many trials have ended, in whatever way."""
        return self.count_by_state_unsynced([JOB_STATE_DONE, JOB_STATE_ERROR, JOB_STATE_CANCEL])


def _dask_client() -> Any:
    try:
        from distributed import get_client
    except ImportError:
        return None
    try:
        return get_client()
    except ValueError:  # there is none
        return None


@contextmanager
def _processes(width: int) -> Iterator[futures.Executor]:
    from joblib.externals.loky import ProcessPoolExecutor

    executor = ProcessPoolExecutor(max_workers=width)
    try:
        yield executor
    finally:
        executor.shutdown(kill_workers=True)
