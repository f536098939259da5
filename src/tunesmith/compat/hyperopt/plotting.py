"""Pictures of a search, drawn with matplotlib into the current figure."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tunesmith.compat.hyperopt.exceptions import AllTrialsFailed
from tunesmith.compat.hyperopt.states import (
    STATUS_FAIL,
    STATUS_NEW,
    STATUS_OK,
    STATUS_RUNNING,
    STATUS_SUSPENDED,
)
from tunesmith.compat.hyperopt.trials import Trials

if TYPE_CHECKING:
    from matplotlib.axes import Axes

default_status_colors = {
    STATUS_NEW: "black",
    STATUS_RUNNING: "tab:green",
    STATUS_SUSPENDED: "tab:gray",
    STATUS_OK: "tab:blue",
    STATUS_FAIL: "tab:red",
}

_FEW = 10
_WIDE = 100.0


def main_plot_history(
    trials: Trials,
    do_show: bool = True,
    status_colors: Mapping[str, str] | None = None,
    title: str = "Loss History",
) -> None:
    """Draw the loss of each trial, and the best one so far.

    Parameters
    ----------
    trials : Trials
        The search.
    do_show : bool, default=True
        Whether to show the figure.
    status_colors : mapping of str to str or None, default=None
        Colours of the statuses.
    title : str, default="Loss History"
        What stands above.

    Raises
    ------
    AllTrialsFailed
        If no trial has a loss.
    """
    plt = _pyplot()
    colors = default_status_colors if status_colors is None else status_colors
    known = _with_loss(trials)
    losses = [float(loss) for _, loss, _ in known]
    plt.scatter(
        [tid for tid, _, _ in known], losses, s=14, c=[colors[status] for *_, status in known]
    )
    best = np.fmin.accumulate([loss if s == STATUS_OK else math.nan for _, loss, s in known])
    plt.step(
        [tid for tid, _, _ in known], best, where="post", color="tab:orange", label="best so far"
    )
    plt.xlabel("trial")
    plt.ylabel("loss")
    plt.title(title)
    plt.legend()
    _show(do_show)


def main_plot_histogram(
    trials: Trials, do_show: bool = True, title: str = "Loss Histogram"
) -> None:
    """Draw how often losses occur.

    Parameters
    ----------
    trials : Trials
        The search.
    do_show : bool, default=True
        Whether to show the figure.
    title : str, default="Loss Histogram"
        What stands above.

    Raises
    ------
    AllTrialsFailed
        If no trial has a loss.
    """
    plt = _pyplot()
    losses = [loss for _, loss, _ in _with_loss(trials) if math.isfinite(loss)]
    plt.hist(losses, bins="auto")
    plt.xlabel("loss")
    plt.ylabel(f"trials, of {len(losses)}")
    plt.title(title)
    _show(do_show)


def main_plot_vars(
    trials: Trials,
    do_show: bool = True,
    fontsize: int = 10,
    colorize_best: int | None = None,
    columns: int = 5,
    arrange_by_loss: bool = False,
) -> None:
    """Draw the values of each hyperparameter, trial by trial; dark ones have low losses.

    Parameters
    ----------
    trials : Trials
        The search.
    do_show : bool, default=True
        Whether to show the figure.
    fontsize : int, default=10
        Of the labels.
    colorize_best : int or None, default=None
        How many of the best trials are orange.
    columns : int, default=5
        Pictures side by side.
    arrange_by_loss : bool, default=False
        Whether losses are drawn to the right, in place of numbers of trials.

    Raises
    ------
    AllTrialsFailed
        If no trial has a loss.
    """
    plt = _pyplot()
    losses = {tid: loss for tid, loss, _ in _with_loss(trials) if math.isfinite(loss)}
    best = sorted(losses, key=lambda tid: losses[tid])[: colorize_best or 0]
    idxs, vals = trials.idxs_vals
    labels = sorted(vals)
    n_columns = max(1, min(columns, len(labels)))
    n_rows = math.ceil(len(labels) / n_columns)
    for number, label in enumerate(labels, start=1):
        axes = plt.subplot(n_rows, n_columns, number)
        pairs = [(t, v) for t, v in zip(idxs[label], vals[label], strict=True) if t in losses]
        _scatter(axes, pairs, losses, frozenset(best), arrange_by_loss)
        axes.set_title(label, fontsize=fontsize)
        if number > len(labels) - n_columns:
            axes.set_xlabel("loss" if arrange_by_loss else "trial")
    plt.tight_layout()
    _show(do_show)


def _scatter(
    axes: Axes,
    pairs: list[tuple[int, float]],
    losses: Mapping[int, float],
    best: frozenset[int],
    by_loss: bool,
) -> None:
    if not pairs:
        return
    tids, values = zip(*pairs, strict=True)
    # By its rank, as a few bad losses would leave all others equally dark.
    ranks = np.argsort(np.argsort([losses[tid] for tid in tids]))
    shades = 0.8 * ranks / max(1, len(ranks) - 1)
    colors: list[Any] = [
        "tab:orange" if tid in best else str(shade)
        for tid, shade in zip(tids, shades, strict=True)
    ]
    axes.scatter([losses[tid] for tid in tids] if by_loss else tids, values, s=14, c=colors)
    if min(values) > 0 and max(values) > _WIDE * min(values):
        axes.set_yscale("log")


def main_plot_1D_attachment(
    trials: Trials,
    attachment_name: str,
    do_show: bool = True,
    colorize_by_loss: bool = True,
    max_darkness: float = 0.5,
    num_trails: int | None = None,
    preprocessing_fn: Callable[[Any], Any] = lambda x: x,
    line_width: float = 0.1,
) -> None:
    """Draw a curve for each trial, such as the losses of its epochs.

    Parameters
    ----------
    trials : Trials
        The search.
    attachment_name : str
        Which attachment holds the curve: a list or array of one dimension, or its pickle.
    do_show : bool, default=True
        Whether to show the figure.
    colorize_by_loss : bool, default=True
        Whether curves of low losses are darker.
    max_darkness : float, default=0.5
        How dark the best one is, from 0 to 1.
    num_trails : int or None, default=None
        Of how many trials, chosen evenly from the best one to the worst; None: all.
    preprocessing_fn : callable, default=identity
        Takes and returns the array.
    line_width : float, default=0.1
        Width of the lines.

    Raises
    ------
    AllTrialsFailed
        If no trial has a loss.
    """
    plt = _pyplot()
    losses = {t: math.inf if math.isnan(loss) else loss for t, loss, _ in _with_loss(trials)}
    found = [doc for doc in trials if doc["tid"] in losses]
    found = [doc for doc in found if attachment_name in trials.trial_attachments(doc)]
    found.sort(key=lambda doc: losses[doc["tid"]])
    if num_trails is not None and num_trails < len(found):
        places = np.linspace(0, len(found) - 1, num_trails).round().astype(int)
        found = [found[place] for place in places]
    finite = [loss for loss in losses.values() if math.isfinite(loss)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    for doc in found:
        held = trials.trial_attachments(doc)[attachment_name]
        curve = np.squeeze(np.asarray(pickle.loads(held) if isinstance(held, bytes) else held))
        if curve.ndim != 1:
            raise ValueError(
                f"the attachment {attachment_name!r} of trial {doc['tid']} has the shape "
                f"{curve.shape}, and only one dimension can be drawn"
            )
        loss = losses[doc["tid"]]
        above = (min(loss, high) - low) / (high - low) if loss > low and high > low else 0.0
        color = str(1 - max_darkness * (1 - 0.8 * above)) if colorize_by_loss else None
        label = f"loss: {loss:.5g}"
        plt.plot(preprocessing_fn(curve), color=color, linewidth=line_width, label=label)
    plt.title(attachment_name)
    if 0 < len(found) <= _FEW:
        plt.legend()
    _show(do_show)


def _with_loss(trials: Trials) -> list[tuple[int, float, str]]:
    """Return number, loss and status of the trials that have a loss."""
    found = [
        (doc["tid"], float(doc["result"]["loss"]), doc["result"]["status"])
        for doc in trials
        if doc["result"].get("loss") is not None
    ]
    if not found:
        raise AllTrialsFailed("there is nothing to draw: no trial has a loss")
    return found


def _pyplot() -> Any:
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise ImportError("pictures need matplotlib: pip install 'tunesmith[plots]'") from None
    return plt


def _show(do_show: bool) -> None:
    if do_show:
        _pyplot().show()
