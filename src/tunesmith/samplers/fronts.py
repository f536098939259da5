"""Which trials are best, where several scores count at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tunesmith.trial import History

Array = NDArray[np.float64]


def dominates(values: Array) -> NDArray[np.bool_]:
    """Tell which points are at least as good as which others, and better in one score.

    Parameters
    ----------
    values : ndarray of shape (n, n_objectives)
        Scores, to be maximised, without NaN.

    Returns
    -------
    ndarray of shape (n, n)
        Whether the point of the row dominates that of the column.
    """
    no_worse = np.ones((len(values), len(values)), dtype=bool)
    better = np.zeros_like(no_worse)
    for column in values.T:
        no_worse &= column[:, None] >= column[None, :]
        better |= column[:, None] > column[None, :]
    return no_worse & better


def fronts(values: Array) -> NDArray[np.intp]:
    """Return the front of each point: 0 where none dominates it, 1 where only those of 0 do, etc.

    Parameters
    ----------
    values : ndarray of shape (n, n_objectives)
        Scores, to be maximised, without NaN.

    Returns
    -------
    ndarray of shape (n,)

    References
    ----------
    K. Deb et al., "A fast and elitist multiobjective genetic algorithm: NSGA-II", IEEE
    Transactions on Evolutionary Computation 6 (2002), section III.A.

    Examples
    --------
    >>> import numpy as np
    >>> from tunesmith.samplers.fronts import fronts
    >>> fronts(np.array([[1.0, 3.0], [2.0, 2.0], [1.0, 2.0], [0.0, 0.0]]))
    array([0, 0, 1, 2])
    """
    numbers = np.full(len(values), -1, dtype=np.intp)
    above = dominates(values)
    left = np.ones(len(values), dtype=bool)
    number = 0
    while left.any():
        free = left & ~above[left].any(axis=0)
        numbers[free] = number
        left &= ~free
        number += 1
    return numbers


def contributions(values: Array) -> Array:
    """Return the hypervolume that each point of a front adds to that of the others.

    The reference point lies a tenth of the front's range below the worst of each score. Of two
    scores the volumes are exact; of more, the crowding distance takes their place.

    Parameters
    ----------
    values : ndarray of shape (n, n_objectives)
        Points none of which dominates another, to be maximised.

    Returns
    -------
    ndarray of shape (n,)
    """
    low, high = values.min(axis=0), values.max(axis=0)
    spread = np.where(high > low, high - low, 1.0)
    scaled = (values - low) / spread + 0.1
    if values.shape[1] != 2:
        return crowding(scaled)
    order = np.lexsort((scaled[:, 1], scaled[:, 0]))
    x, y = scaled[order].T
    widths = np.diff(np.concatenate([[0.0], x]))
    heights = y - np.concatenate([y[1:], [0.0]])
    volumes = np.empty(len(values))
    volumes[order] = widths * heights
    return volumes


def crowding(values: Array) -> Array:
    """Return how far apart the neighbours of each point of a front are (Deb et al., III.B).

    Parameters
    ----------
    values : ndarray of shape (n, n_objectives)

    Returns
    -------
    ndarray of shape (n,)
        Infinite at the ends.
    """
    distances = np.zeros(len(values))
    for column in values.T:
        order = np.argsort(column, kind="stable")
        sorted_ = column[order]
        span = sorted_[-1] - sorted_[0]
        gaps = np.full(len(values), np.inf)
        if len(values) > 2:
            gaps[1:-1] = (sorted_[2:] - sorted_[:-2]) / (span if span > 0 else 1.0)
        distances[order] += gaps
    return distances


def ranking(history: History) -> NDArray[np.intp]:
    """Return the numbers of the trials that have scores, the best one first.

    Trials that keep the outcome constraints come before those that break them, which follow by
    how much they do in all, each constraint measured by the spread of its violations. Of several
    scores, fronts follow each other, and in a front the points that add most to its volume come
    first. Ties are broken by age.

    Parameters
    ----------
    history : History
        What is known.

    Returns
    -------
    ndarray of int
    """
    objectives = history.objectives
    scored = np.flatnonzero(~np.isnan(objectives).any(axis=1))
    values = objectives[scored]
    over = excess(history, scored)
    if history.n_objectives == 1:
        return scored[np.lexsort((-values[:, 0], over))]
    fine = over == 0
    numbers = np.zeros(len(scored), dtype=np.intp)
    adds = np.zeros(len(scored))
    numbers[fine] = fronts(values[fine])
    for number in range(int(numbers.max(initial=0)) + 1):
        members = np.flatnonzero(fine & (numbers == number))
        if len(members):
            adds[members] = contributions(values[members])
    return scored[np.lexsort((-adds, numbers, over))]


def excess(history: History, trials: NDArray[np.intp]) -> Array:
    """Return by how much trials break outcome constraints in all, 0 where they keep them."""
    if history.violations is None:
        return np.zeros(len(trials))
    broken = np.maximum(np.nan_to_num(history.violations[trials], nan=np.inf), 0.0)
    known = np.where(np.isfinite(broken), broken, 0.0)
    most = known.max(axis=0, initial=0.0)
    return np.asarray((broken / np.where(most > 0, most, 1.0)).sum(axis=1))
