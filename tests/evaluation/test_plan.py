"""Jobs cut into bundles."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.evaluation import Route
from tunesmith.evaluation.plan import plan
from tunesmith.trial import Job


class Evaluator:
    def __init__(self, route=lambda job: Route()):
        self.route = route

    def routes(self, jobs):
        return [self.route(job) for job in jobs]

    def __call__(self, job, cache):
        raise AssertionError("planning runs nothing")


evaluator = Evaluator()


def cut(n_jobs, at_once):
    jobs = [Job(n // 3, n % 3, {}) for n in range(n_jobs)]
    return jobs, list(plan(evaluator, jobs, at_once))


@given(st.integers(0, 2000), st.integers(1, 64))
def test_every_job_once_in_order_in_bundles_that_shrink(n_jobs, at_once):
    jobs, bundles = cut(n_jobs, at_once)
    assert [job for bundle in bundles for job in bundle.jobs] == jobs
    sizes = [len(bundle.jobs) for bundle in bundles]
    assert sizes == sorted(sizes, reverse=True)
    assert all(sizes)
    assert all(bundle.evaluator is evaluator for bundle in bundles)


@given(st.integers(2, 2000), st.integers(2, 64))
def test_no_bundle_holds_more_than_half_a_workers_share(n_jobs, at_once):
    jobs, bundles = cut(n_jobs, at_once)
    left = len(jobs)
    for bundle in bundles:
        assert len(bundle.jobs) <= max(1, left / (2 * at_once))
        left -= len(bundle.jobs)
    assert [len(bundle.jobs) for bundle in bundles[-at_once:]] == [1] * min(at_once, len(bundles))


@pytest.mark.parametrize("n_jobs", [1, 5, 100])
def test_a_single_worker_gets_one_bundle(n_jobs):
    jobs, bundles = cut(n_jobs, 1)
    assert [bundle.jobs for bundle in bundles] == [tuple(jobs)]


def test_bundles_are_few():
    _, bundles = cut(5000, 2)
    assert len(bundles) < 40


def routed(job):
    """Two steps, of which the first has three values, and a run of four budgets."""
    step, run, budget = job.params["step"], job.params["run"], job.params["budget"]
    key = None if run is None else f"run {run}"
    return Route((f"step {step}",), run=key, rank=-budget, cost=budget).on(job.split)


routing = Evaluator(routed)
CANDIDATES = st.lists(
    st.fixed_dictionaries(
        {
            "step": st.integers(0, 2),
            "run": st.sampled_from([None, 0, 1]),
            "budget": st.integers(1, 4),
        }
    ),
    min_size=1,
    max_size=30,
)


@given(CANDIDATES, st.integers(1, 3), st.integers(1, 8))
def test_every_job_once_with_those_it_shares_with(candidates, n_splits, at_once):
    jobs = [Job(t, s, params) for t, params in enumerate(candidates) for s in range(n_splits)]
    bundles = list(plan(routing, jobs, at_once))
    planned = [job for bundle in bundles for job in bundle.jobs]
    assert sorted((job.trial, job.split) for job in planned) == [(j.trial, j.split) for j in jobs]
    for bundle in bundles:
        routes = [routed(job) for job in bundle.jobs]
        assert len({(route.stages, route.run) for route in routes}) == 1
        assert bundle.stages[: len(routes[0].stages)] == routes[0].stages
    whole = [routed(bundle.jobs[0]) for bundle in bundles]
    runs = [(route.stages, route.run) for route in whole if route.run is not None]
    assert len(runs) == len(set(runs))
    for bundle in bundles:
        if routed(bundle.jobs[0]).run is not None:
            ranks = [routed(job).rank for job in bundle.jobs]
            assert ranks == sorted(ranks)


@given(CANDIDATES, st.integers(1, 3), st.integers(1, 8))
def test_jobs_of_equal_stages_are_neighbours(candidates, n_splits, at_once):
    jobs = [Job(t, s, params) for t, params in enumerate(candidates) for s in range(n_splits)]
    planned = [job for bundle in plan(routing, jobs, at_once) for job in bundle.jobs]
    for depth in (1, 2):
        at = [routed(job).stages[:depth] for job in planned]
        changes = 1 + sum(one != other for one, other in pairwise(at))
        assert changes == len(set(at))


def test_what_costs_most_comes_first():
    jobs = [Job(n, 0, {"step": n, "run": 0, "budget": cost}) for n, cost in enumerate([1, 5, 3])]
    planned = [bundle.jobs[0].trial for bundle in plan(routing, jobs, 2)]
    assert planned == [1, 2, 0]


def test_a_stage_that_all_share_is_cut_for_many_workers():
    jobs = [Job(n, 0, {"step": 0, "run": None, "budget": 1}) for n in range(100)]
    assert len(list(plan(routing, jobs, 1))) == 1
    assert len(list(plan(routing, jobs, 4))) >= 16


def test_what_spreads_by_itself_gets_one_bundle():
    jobs = [Job(n, 0, {"step": n, "run": 0, "budget": 1}) for n in range(10)]
    assert [bundle.jobs for bundle in plan(routing, jobs, 4, spreads=True)] == [tuple(jobs)]
    assert list(plan(routing, [], 4, spreads=True)) == []


@pytest.mark.parametrize("final", [True, False])
def test_a_run_ends_with_its_last_job_if_none_can_follow(final):
    routing = Evaluator(lambda job: Route(run=f"run {job.split}", rank=-job.trial))
    jobs = [Job(n // 3, n % 3, {}) for n in range(12)]
    for bundle in plan(routing, jobs, 2, final=final):
        *others, last = bundle.jobs
        assert not any(job.ends_run for job in others)
        assert last.ends_run == final
        assert last.trial == 0
