"""When to end a search early."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tunesmith.compat.hyperopt.base import Trials

Stop = Callable[..., tuple[bool, list[Any]]]


def no_progress_loss(iteration_stop_count: int = 20, percent_increase: float = 0.0) -> Stop:
    """Return what ends `fmin` once the loss has not gone down for some trials.

    Parameters
    ----------
    iteration_stop_count : int, default=20
        How many trials in a row may pass without progress.
    percent_increase : float, default=0.0
        By how many per cent of the best loss a loss has to be below it, to be progress.

    Returns
    -------
    callable
        For ``fmin(early_stop_fn=...)``. A trial without a loss is no progress.

    Examples
    --------
    >>> import numpy as np
    >>> from tunesmith.compat.hyperopt import Trials, fmin, hp, rand
    >>> from tunesmith.compat.hyperopt.early_stop import no_progress_loss
    >>> trials = Trials()
    >>> best = fmin(
    ...     lambda x: 1.0, hp.uniform("x", 0, 1), rand.suggest, max_evals=100, trials=trials,
    ...     early_stop_fn=no_progress_loss(5), show_progressbar=False,
    ... )
    >>> len(trials)
    5
    """

    def stop(
        trials: Trials, best: float | None = None, without_progress: int = 0
    ) -> tuple[bool, list[Any]]:
        loss = trials.trials[-1]["result"].get("loss")
        known = loss is not None and loss == loss
        if known and (best is None or loss < best - abs(best) * percent_increase / 100):
            # The first loss counts as a trial without progress, as it does in Hyperopt.
            without_progress = 0 if best is not None else without_progress + 1
            return False, [loss, without_progress]
        return without_progress + 1 >= iteration_stop_count, [best, without_progress + 1]

    return stop
