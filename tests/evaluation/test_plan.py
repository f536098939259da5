"""Jobs cut into bundles."""

from __future__ import annotations

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
