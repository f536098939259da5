"""Cut jobs into bundles: those that share together, and all workers busy to the end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from tunesmith.evaluation import Bundle, Evaluator, Route
from tunesmith.trial import Job

_PIECES = 8
"""Bundles for each worker, at least, where jobs allow it."""

Group = list[tuple[Route, Job]]
"""Jobs of one run, or of the same stages."""


def plan(
    evaluator: Evaluator,
    jobs: Sequence[Job],
    at_once: int,
    *,
    spreads: bool = False,
    final: bool = False,
) -> Iterable[Bundle]:
    """Cut jobs into bundles.

    Jobs with nothing to share are cut in order, large bundles first and single jobs at the
    end. Of the others, those of one training run are one bundle, and those of the same
    stages are neighbours; what costs most comes first.

    Parameters
    ----------
    evaluator : Evaluator
        Runs the jobs, and knows what they share.
    jobs : sequence of Job
        The jobs.
    at_once : int
        How many bundles run at once.
    spreads : bool, default=False
        Whether the jobs of one bundle run side by side: then there is one bundle.
    final : bool, default=False
        Whether no jobs come after these, so that nothing has to be kept of a run that is over.

    Returns
    -------
    iterable of Bundle
        Together they hold every job once.

    References
    ----------
    C. D. Polychronopoulos and D. J. Kuck, "Guided self-scheduling", IEEE Transactions on
    Computers 36 (1987). R. L. Graham, "Bounds on multiprocessing timing anomalies", SIAM
    Journal on Applied Mathematics 17 (1969), for the longest first.
    """
    if spreads:
        return [Bundle(evaluator, tuple(jobs))] if jobs else []
    routes = evaluator.routes(jobs)
    if not any(route.stages or route.run for route in routes):
        return _shrinking(evaluator, jobs, at_once)
    return _sharing(evaluator, list(zip(routes, jobs, strict=True)), at_once, final)


def _shrinking(evaluator: Evaluator, jobs: Sequence[Job], at_once: int) -> Iterator[Bundle]:
    """Guided self-scheduling: each bundle is a fixed share of what is left."""
    start = 0
    while start < len(jobs):
        left = len(jobs) - start
        size = left if at_once == 1 else max(1, left // (2 * at_once))
        yield Bundle(evaluator, tuple(jobs[start : start + size]))
        start += size


def _sharing(evaluator: Evaluator, routed: Group, at_once: int, final: bool) -> Iterator[Bundle]:
    groups: dict[tuple[tuple[str, ...], str | None], Group] = defaultdict(list)
    for route, job in routed:
        groups[route.stages, route.run].append((route, job))
    pieces = [
        (stages if run is None else (*stages, run), piece)
        for (stages, run), group in groups.items()
        for piece in _pieces(group, len(groups), at_once)
    ]
    weights = _weights(pieces)
    pieces.sort(key=lambda entry: _place(entry, weights))
    for stages, piece in pieces:
        jobs = [job for _, job in piece]
        if final and piece[0][0].run is not None:
            jobs[-1] = replace(jobs[-1], ends_run=True)
        yield Bundle(evaluator, tuple(jobs), stages)


def _pieces(group: Group, n_groups: int, at_once: int) -> Iterator[Group]:
    """Cut jobs of the same stages, if there are too few groups; a run stays whole."""
    group.sort(key=lambda entry: (entry[0].rank, entry[1].trial))
    size = len(group)
    if at_once > 1 and group[0][0].run is None:
        size = max(1, size * n_groups // (_PIECES * at_once))
    for start in range(0, len(group), size):
        yield group[start : start + size]


def _weights(pieces: Sequence[tuple[tuple[str, ...], Group]]) -> Mapping[tuple[str, ...], float]:
    """Return the cost of all that goes through each sequence of stages."""
    weights: dict[tuple[str, ...], float] = defaultdict(float)
    for stages, piece in pieces:
        cost = sum(route.cost for route, _ in piece)
        for depth in range(1, len(stages) + 1):
            weights[stages[:depth]] += cost
    return weights


def _place(
    entry: tuple[tuple[str, ...], Group], weights: Mapping[tuple[str, ...], float]
) -> tuple[tuple[float, str], ...]:
    """Sort by stages, the one with the most work behind it first at every fork."""
    stages, _ = entry
    return tuple((-weights[stages[: depth + 1]], stage) for depth, stage in enumerate(stages))
