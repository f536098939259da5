from __future__ import annotations

import math

import numpy as np
import pytest

from tunesmith.exceptions import SpaceError
from tunesmith.schedulers import Continue, Done, Start, Stop
from tunesmith.schedulers.bounded import BoundedScheduler
from tunesmith.schedulers.full import FullScheduler
from tunesmith.schedulers.median import MedianJudge, MedianScheduler
from tunesmith.schedulers.names import as_scheduler
from tunesmith.trial import History


def history(*reports, scores=None):
    n = len(reports)
    scores = np.array([r[-1][1] if r else 0.0 for r in reports] if scores is None else scores)
    known = np.ones(n, dtype=bool)
    return History(n, ({},) * n, np.empty((n, 0)), scores.reshape(n, 1), known, reports=reports)


def curve(*values):
    return tuple(enumerate(map(float, values)))


def test_medians_of_completed_trials():
    seen = history(curve(1, 2, 3), curve(3, 4), curve(9, 9, 9, 9), scores=[3, 4, math.nan])
    judge = MedianScheduler(10, n_startup=2).judge(seen)
    assert judge.medians == {0: 2.0, 1: 3.0, 2: 3.0}


@pytest.mark.parametrize(
    ("reports", "verdict"),
    [
        (curve(1), Stop()),
        (curve(2), Continue()),
        (curve(3), Continue()),
        (curve(3, 0), Continue()),
        (curve(1, 1.5), Stop()),
        (curve(1, 3), Continue()),
        (curve(math.nan), Stop()),
        (curve(math.nan, 5), Continue()),
        (curve(5, math.nan), Continue()),
        (curve(-math.inf), Stop()),
        (curve(0, 0, 0, 0), Continue()),
    ],
)
def test_the_best_so_far_is_compared_with_the_median_at_the_step(reports, verdict):
    assert MedianJudge({0: 2.0, 1: 3.0, 2: 3.0})(reports) == verdict


def test_no_trial_is_stopped_before_enough_have_completed():
    good = [curve(5, 5)] * 4
    scheduler = MedianScheduler(10, n_startup=4)
    assert scheduler.judge(history(*good[:3])) is None
    assert scheduler.judge(history(*good, scores=[5, 5, 5, math.nan])) is None
    assert scheduler.judge(history(*good)) is not None
    assert scheduler.judge(history(*good, scores=[math.nan] * 4)) is None
    nothing = history((), (), (), ())
    assert scheduler.judge(nothing).medians == {}


def test_steps_at_which_few_have_reported():
    seen = history(curve(1, 1), curve(2, 2), curve(3), curve(math.nan, 4), scores=[1, 2, 3, 4])
    assert MedianScheduler(10, n_startup=1, n_min=3).judge(seen).medians == {0: 2.0, 1: 2.0}
    assert MedianScheduler(10, n_startup=1, n_min=4).judge(seen) is not None
    assert MedianScheduler(10, n_startup=1, n_min=4).judge(seen).medians == {}


@pytest.mark.parametrize("value", [math.inf, -math.inf, 1.7e308])
def test_medians_of_values_at_the_edge(value):
    judge = MedianScheduler(9, n_startup=0).judge(history(curve(value), curve(value)))
    assert judge.medians == {0: value}


def test_warm_up_and_interval():
    judge = MedianJudge(dict.fromkeys(range(20), 1.0), n_warmup_steps=3, interval=4)

    def stops(*steps):
        return judge(tuple((step, 0.0) for step in steps)) == Stop()

    assert [step for step in range(20) if stops(*range(step + 1))] == [3, 7, 11, 15, 19]
    # The first report in an interval counts, wherever in it.
    assert [stops(0), stops(2, 5), stops(2, 5, 6), stops(5, 9)] == [False, True, False, True]


def test_medians_are_those_of_numpy():
    rng = np.random.default_rng(0)
    trials = [curve(*rng.normal(size=rng.integers(1, 9))) for _ in range(50)]
    medians = MedianScheduler(99).judge(history(*trials)).medians
    for step in range(8):
        there = [dict(trial)[step] for trial in trials if step in dict(trial)]
        assert medians[step] == pytest.approx(np.median(there), rel=1e-15)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_startup": -1}, "n_startup has to be a whole number, 0 or more"),
        ({"n_warmup_steps": -1}, "n_warmup_steps has to be a whole number, 0 or more"),
        ({"interval": 0}, "interval has to be a whole number, 1 or more"),
        ({"n_min": 0}, "n_min has to be a whole number, 1 or more, got 0"),
        ({"n_startup": 2.5}, "n_startup has to be a whole number, 0 or more, got 2.5"),
        ({"n_startup": None}, "n_startup has to be a whole number, 0 or more, got None"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(SpaceError, match=message):
        MedianScheduler(5, **settings)


def test_names():
    assert as_scheduler("median", 5) == MedianScheduler(5)
    assert as_scheduler("full", 5) == as_scheduler(None, 5) == FullScheduler(5)
    bounded = as_scheduler(MedianScheduler(9), 5)
    assert bounded == BoundedScheduler(MedianScheduler(9), 5)
    seen = history(*[curve(1)] * 4), history(*[curve(1)] * 5)
    assert [bounded.next(each) for each in seen] == [Start(), Done()]
    assert as_scheduler(MedianScheduler(4), 5).next(seen[0]) == Done()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("medain", "there is no scheduler 'medain'.*Did you mean 'median'"),
        (MedianScheduler, "an object with `adaptive`"),
        (3, "got 3"),
    ],
)
def test_what_is_no_scheduler(given, message):
    with pytest.raises(SpaceError, match=message):
        as_scheduler(given, 5)
