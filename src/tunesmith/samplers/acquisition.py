"""What a trial is expected to bring, by processes that have been fitted to those before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfcx, log_ndtr, ndtr

from tunesmith.samplers.fronts import contributions, fronts
from tunesmith.samplers.process import Process

Array = NDArray[np.float64]

_MOST = 24
"""Members of a front that are looked at most, as the boxes between them grow fast in number."""


@dataclass(frozen=True)
class Improvement:
    """The logarithm of the expected improvement over the best trials, where it is allowed.

    Of one score it is the expected improvement, of several that of the volume which the front
    dominates. Where there are outcome constraints, the probability that all are kept is a factor;
    before any trial has kept them, it is all there is.

    Parameters
    ----------
    scores : sequence of Process
        One for each objective, to be maximised.
    violations : sequence of Process
        One for each outcome constraint, which is kept at 0 and below it.
    zeros : ndarray of shape (n_constraints,)
        What the 0 of each constraint is to its process.
    best : ndarray of shape (n, n_dimensions)
        Places of trials that keep the constraints, pending ones included.

    References
    ----------
    S. Ament et al., "Unexpected improvements to expected improvement", NeurIPS 2023, equation 9;
    K. Yang et al., "Multi-objective Bayesian global optimization using expected hypervolume
    improvement gradient", Swarm and Evolutionary Computation 44 (2019), equation 18;
    J. R. Gardner et al., "Bayesian optimization with inequality constraints", ICML 2014,
    equation 6.
    """

    scores: Sequence[Process]
    violations: Sequence[Process]
    zeros: Array
    best: Array

    def __call__(self, places: Array) -> Array:
        """Return it at places of shape (n, n_dimensions)."""
        worth = np.zeros(len(places))
        for process, zero in zip(self.violations, self.zeros, strict=True):
            mean, deviation = process.predict(places)
            worth += log_ndtr((zero - mean) / deviation)
        if not len(self.best):
            return worth
        predicted = [process.predict(places) for process in self.scores]
        if len(predicted) == 1:
            return worth + log_improvement(*predicted[0], float(self._means.max()))
        return worth + _log_volume(predicted, *self._boxes)

    @cached_property
    def _means(self) -> Array:
        return np.stack([process.predict(self.best)[0] for process in self.scores], axis=1)

    @cached_property
    def _boxes(self) -> tuple[Array, Array]:
        means = self._means
        front = means[fronts(means) == 0]
        if len(front) > _MOST:
            front = front[np.argsort(-contributions(front), kind="stable")[:_MOST]]
        # From the worst of all trials, as a front may still be short.
        low, high = means.min(axis=0), means.max(axis=0)
        return boxes(front, low - 0.1 * (high - low))


def boxes(front: Array, reference: Array) -> tuple[Array, Array]:
    """Cut what no point of a front dominates into boxes that do not overlap.

    Parameters
    ----------
    front : ndarray of shape (n, n_objectives)
    reference : ndarray of shape (n_objectives,)
        The corner from which volume counts.

    Returns
    -------
    lows, highs : ndarray of shape (n_boxes, n_objectives)
        Corners; infinite where a box is open.
    """
    if len(reference) == 1:
        low = front.max(axis=0, initial=reference[0])
        return np.array([low]), np.array([[np.inf]])
    last = front[:, -1]
    levels = np.unique(np.concatenate([[reference[-1]], last[last > reference[-1]]]))
    lows, highs = [], []
    for low, high in zip(levels, [*levels[1:], np.inf], strict=True):
        below, above = boxes(front[last > low][:, :-1], reference[:-1])
        lows.append(np.column_stack([below, np.full(len(below), low)]))
        highs.append(np.column_stack([above, np.full(len(above), high)]))
    return np.concatenate(lows), np.concatenate(highs)


def _log_volume(predicted: Sequence[tuple[Array, Array]], lows: Array, highs: Array) -> Array:
    """Return the logarithm of the expected volume gained, summed over the boxes."""
    total = np.zeros((len(predicted[0][0]), len(lows)))
    for (mean, deviation), low, high in zip(predicted, lows.T, highs.T, strict=True):
        m, s = mean[:, None], deviation[:, None]
        above_low = log_improvement(m, s, low[None, :])
        open_ = np.isinf(high)
        above_high = log_improvement(m, s, np.where(open_, low, high)[None, :])
        # The difference of two improvements whose logarithms are known.
        less = np.minimum(above_high - above_low, -1e-15)
        total += np.where(open_, above_low, above_low + np.log(-np.expm1(less)))
    most = total.max(axis=1)
    return np.asarray(most + np.log(np.exp(total - most[:, None]).sum(axis=1)))


def log_improvement(mean: Array, deviation: Array, target: Array | float) -> Array:
    """Return the logarithm of the expected improvement (Ament et al., equation 9)."""
    z = (mean - target) / deviation
    near = np.maximum(z, -1.0)
    density = np.exp(-0.5 * near**2) / np.sqrt(2 * np.pi)
    direct = np.log(density + near * ndtr(near))
    far = np.minimum(z, -1.0)
    tail = np.log1p(far * erfcx(-far / np.sqrt(2)) * np.sqrt(np.pi / 2))
    # Beyond a million deviations the sum in `tail` is rounding alone.
    tail = np.where(far > -1e6, tail, -2 * np.log(-far))
    tail += -0.5 * far**2 - 0.5 * np.log(2 * np.pi)
    return np.asarray(np.log(deviation) + np.where(z > -1, direct, tail))
