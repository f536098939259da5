"""Run jobs on a backend of joblib: threads, loky, Dask, or one that somebody registered."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any, Self

from joblib.parallel import get_active_backend
from sklearn.utils.parallel import Parallel, delayed

from tunesmith.evaluation import Bundle, Evaluator
from tunesmith.exceptions import WorkerError
from tunesmith.executors.culprit import unpicklable, why_unpicklable
from tunesmith.executors.inline import evaluate
from tunesmith.executors.worker import evaluate_here, pack_outcome
from tunesmith.trial import Job, Outcome


def active_joblib_backend() -> tuple[Any, int | None] | None:
    """Tell what a surrounding ``joblib.parallel_config`` asks for in this thread.

    Returns
    -------
    (backend, n_jobs) or None
        The backend, None where only `n_jobs` is asked for; `n_jobs`, None where only a
        backend is; None where nothing is asked for.

    Examples
    --------
    >>> import joblib
    >>> from tunesmith.executors.joblib_backend import active_joblib_backend
    >>> active_joblib_backend() is None
    True
    >>> with joblib.parallel_config(n_jobs=2):
    ...     active_joblib_backend()
    (None, 2)
    >>> with joblib.parallel_config("threading", n_jobs=2):
    ...     type(active_joblib_backend()[0]).__name__
    'ThreadingBackend'
    """
    backend, n_jobs = get_active_backend()
    # Where none is configured, joblib makes its default one anew at every call.
    named = backend is get_active_backend()[0] or getattr(backend, "uses_threads", False)
    if not named and n_jobs is None:
        return None
    return (backend if named else None), n_jobs


class JoblibExecutor:
    """Runs each bundle with ``joblib.Parallel``, on the backend active where it is made.

    A bundle is run to its end by the call of `run`, and outcomes are handed back in the
    calling thread, as they come in where the backend can do so.

    Parameters
    ----------
    n_jobs : int or None, default=None
        As in ``joblib.Parallel``.

    Examples
    --------
    >>> import joblib
    >>> from tunesmith.executors.joblib_backend import JoblibExecutor
    >>> with joblib.parallel_config("threading", n_jobs=3):
    ...     JoblibExecutor().workers
    3
    """

    def __init__(self, n_jobs: int | None = None) -> None:
        self._backend, configured = get_active_backend()
        n_jobs = configured if n_jobs is None else n_jobs
        self._n_jobs = self._backend.default_n_jobs if n_jobs is None else n_jobs
        self._shares_memory = getattr(self._backend, "supports_sharedmem", False)
        self._workers = int(self._backend.effective_n_jobs(self._n_jobs))

    @property
    def workers(self) -> int:
        """How many jobs the backend runs at once."""
        return self._workers

    @property
    def spreads(self) -> bool:
        """True: the jobs of one bundle run side by side, and the next bundle after them."""
        return True

    @property
    def threads_per_worker(self) -> int | None:
        """None: the backend decides."""
        return None

    def run(self, bundle: Bundle, on_outcome: Callable[[Outcome], None]) -> None:
        """Run a bundle to its end; call `on_outcome` as results come in.

        Parameters
        ----------
        bundle : Bundle
            What to run.
        on_outcome : callable
            Takes an `Outcome`.

        Raises
        ------
        UnpicklableError
            If the backend runs processes and the bundle cannot be sent to them.
        """
        if not self._shares_memory:
            _check(bundle)
        missing = {(job.trial, job.split): job for job in bundle.jobs}
        with _closing(self._outcomes(bundle)) as outcomes:
            while missing:
                try:
                    outcome = next(outcomes)
                except Exception as error:
                    for job in missing.values():
                        on_outcome(Outcome.fatal(job, _lost(error)))
                    return
                del missing[outcome.trial, outcome.split]
                on_outcome(outcome)

    def __enter__(self) -> Self:
        """Return the executor."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Do nothing: nothing runs between calls."""

    def _outcomes(self, bundle: Bundle) -> Generator[Outcome]:
        shared = self._shares_memory
        run: Any = evaluate if shared else _run_there
        streams = getattr(self._backend, "supports_return_generator", False)
        parallel = Parallel(
            n_jobs=self._n_jobs,
            backend=self._backend,
            return_as="generator_unordered" if streams else "list",
            pre_dispatch="2*n_jobs",
        )
        results = parallel(delayed(run)(bundle.evaluator, job) for job in bundle.jobs)
        yield from results if shared else map(pickle.loads, results)


def _check(bundle: Bundle) -> None:
    """Raise where a bundle cannot be sent, by name: joblib's own error has none."""
    for thing, name in ((bundle.evaluator, "the evaluator"), (bundle.jobs, "the jobs")):
        if (reason := why_unpicklable(thing)) is not None:
            raise unpicklable(thing, name, reason)


@contextmanager
def _closing(outcomes: Generator[Outcome]) -> Iterator[Generator[Outcome]]:
    """Close a generator of results at the end; joblib warns where some are left over."""
    try:
        yield outcomes
    finally:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*adjusting the input task")
            outcomes.close()


def _run_there(evaluator: Evaluator, job: Job) -> bytes:
    return pack_outcome(evaluator, job, evaluate_here(evaluator, job))


def _lost(error: Exception) -> WorkerError:
    lost = WorkerError(f"joblib's backend failed: {type(error).__name__}: {error}")
    lost.__cause__ = error
    return lost
