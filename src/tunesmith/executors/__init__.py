"""Run bundles of jobs somewhere: here, in worker processes, or on an executor of the user's."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

if TYPE_CHECKING:
    from tunesmith.evaluation import Bundle
    from tunesmith.trial import Outcome


@runtime_checkable
class Executor(Protocol):
    """Runs bundles and hands back an outcome for each job as it is made."""

    @property
    def workers(self) -> int:
        """How many jobs run at once."""

    @property
    def spreads(self) -> bool:
        """Whether the jobs of one bundle run side by side, not one after the other."""

    @property
    def threads_per_worker(self) -> int | None:
        """How many threads the numerical libraries use for a job; None if nobody knows."""

    def run(self, bundle: Bundle, on_outcome: Callable[[Outcome], None]) -> None:
        """Run the jobs of a bundle, now or as soon as a worker is free, in order.

        `on_outcome` is called exactly once for every job, from any thread, as soon
        as its outcome is made. An exception that escapes the evaluator becomes
        `Outcome.fatal`. Raises `UnpicklableError` where the bundle cannot be sent.
        """

    def __enter__(self) -> Self:
        """Return the executor, ready to run."""

    def __exit__(self, *exc: object) -> None:
        """End the workers at once, whatever they do; no outcome comes after."""
