"""Where the function of a search is called: here, or by workers."""

from __future__ import annotations

from collections.abc import Callable
from concurrent import futures
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol, Self

import cloudpickle

from tunesmith.compat.hyperopt.miscs import spec_from_misc
from tunesmith.compat.hyperopt.states import (
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    JOB_STATE_NEW,
    JOB_STATE_RUNNING,
)
from tunesmith.compat.hyperopt.utils import coarse_utcnow

if TYPE_CHECKING:
    from tunesmith.compat.hyperopt.domain import Domain
    from tunesmith.compat.hyperopt.trials import Trials

Document = dict[str, Any]
Ended = Callable[[Document, Exception | None], None]
OpenExecutor = Callable[[], AbstractContextManager[futures.Executor]]


class Calling(Protocol):
    """Runs trials."""

    width: int
    """How many run at once."""

    def run(self, domain: Domain, trials: Trials, waiting: list[Document], on_end: Ended) -> bool:
        """Run trials until one has ended; return False if there is none.

        `on_end` is told of each, with what it has raised or None.
        """

    def finish(self, on_end: Ended) -> None:
        """Wait for all that run."""

    def __enter__(self) -> Self:
        """Get ready."""

    def __exit__(self, *exc: object) -> None:
        """Begin nothing more."""


class Inline:
    """Calls the function here, for one trial after the other."""

    width = 1

    def run(  # noqa: D102
        self, domain: Domain, trials: Trials, waiting: list[Document], on_end: Ended
    ) -> bool:
        from tunesmith.compat.hyperopt.domain import Ctrl

        if not waiting:
            return False
        document = waiting[0]
        begin(document)
        try:
            result = domain.evaluate(spec_from_misc(document["misc"]), Ctrl(trials, document))
        except Exception as error:
            fail(document, error)
            on_end(document, error)
        except BaseException:
            document["state"] = JOB_STATE_NEW  # so that it is run when the search goes on
            raise
        else:
            complete(document, result)
            on_end(document, None)
        return True

    def finish(self, on_end: Ended) -> None:
        """Nothing runs any more."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        pass


class Workers:
    """Has the function called by workers, for several trials at once.

    Parameters
    ----------
    open_executor : callable
        Returns a context manager that yields a `concurrent.futures.Executor`, when the search
        begins, and ends what runs there.
    width : int
        How many trials run at once.
    """

    def __init__(self, open_executor: OpenExecutor, width: int) -> None:
        self.width = width
        self._open = open_executor
        self._opened: AbstractContextManager[futures.Executor] | None = None
        self._executor: futures.Executor | None = None
        self._running: dict[futures.Future[Any], tuple[Document, Trials]] = {}
        self._function = b""

    def run(  # noqa: D102
        self, domain: Domain, trials: Trials, waiting: list[Document], on_end: Ended
    ) -> bool:
        assert self._executor is not None
        self._function = self._function or cloudpickle.dumps(domain)
        for document in waiting[: max(0, self.width - len(self._running))]:
            begin(document)
            task = self._executor.submit(
                _called, self._function, spec_from_misc(document["misc"]), document["tid"]
            )
            self._running[task] = document, trials
        if not self._running:
            return False
        self._take(on_end, futures.FIRST_COMPLETED)
        return True

    def finish(self, on_end: Ended) -> None:  # noqa: D102
        while self._running:
            self._take(on_end, futures.ALL_COMPLETED)

    def _take(self, on_end: Ended, when: str) -> None:
        done, _ = futures.wait(self._running, return_when=when)
        for task in done:
            document, trials = self._running.pop(task)
            error = task.exception()
            if error is None:
                result, attachments = task.result()
                trials.attachments.update(attachments)
                complete(document, result)
                on_end(document, None)
            elif isinstance(error, Exception):
                fail(document, error)
                on_end(document, error)
            else:
                raise error

    def __enter__(self) -> Self:
        self._opened = self._open()
        self._executor = self._opened.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        for task, (document, _) in self._running.items():
            task.cancel()
            document["state"] = JOB_STATE_NEW
        self._running.clear()
        if self._opened is not None:
            self._opened.__exit__(None, None, None)
            self._opened = self._executor = None


def _called(function: bytes, values: dict[str, Any], tid: int) -> tuple[Any, dict[str, Any]]:
    """Call the function for a trial, in a worker; return the result, and what is attached."""
    from tunesmith.compat.hyperopt.domain import Ctrl

    ctrl = Ctrl(None, {"tid": tid})
    result = cloudpickle.loads(function).evaluate(values, ctrl)
    return result, ctrl.trials.attachments


def begin(document: Document) -> None:
    """Note that a trial runs."""
    document["state"] = JOB_STATE_RUNNING
    document["book_time"] = document["refresh_time"] = coarse_utcnow()


def complete(document: Document, result: dict[str, Any]) -> None:
    """Note the result of a trial."""
    document["state"] = JOB_STATE_DONE
    document["result"] = result
    document["refresh_time"] = coarse_utcnow()


def fail(document: Document, error: Exception) -> None:
    """Note that a trial has raised."""
    document["state"] = JOB_STATE_ERROR
    document["misc"]["error"] = (str(type(error)), str(error))
    document["refresh_time"] = coarse_utcnow()
