from __future__ import annotations

import os
import time

import numpy as np
import pytest

from tunesmith.compat.hyperopt import STATUS_OK, SparkTrials, fmin, hp, rand
from tunesmith.compat.hyperopt.base import JOB_STATE_DONE
from tunesmith.compat.hyperopt.exceptions import AllTrialsFailed

SPACE = {"x": hp.uniform("x", -5, 5)}


def spark(**options):
    with pytest.warns(UserWarning, match="nothing on Spark"):
        return SparkTrials(**options)


def searched(function, trials, max_evals=8, **options):
    return fmin(
        function,
        SPACE,
        rand.suggest,
        max_evals=max_evals,
        trials=trials,
        rstate=np.random.default_rng(0),
        show_progressbar=False,
        **options,
    )


def test_trials_run_in_other_processes_side_by_side():
    def function(point):
        time.sleep(0.05)
        result = {"loss": point["x"] ** 2, "status": STATUS_OK, "pid": os.getpid()}
        return result | {"attachments": {"curve": [1, 2]}}

    trials = spark(parallelism=2)
    best = searched(function, trials)
    assert best["x"] ** 2 == min(trials.losses())
    assert [document["state"] for document in trials] == [JOB_STATE_DONE] * 8
    assert os.getpid() not in {result["pid"] for result in trials.results}
    assert trials.trial_attachments(trials.trials[0])["curve"] == [1, 2]


def test_trials_that_raise_in_a_process_have_failed():
    def explode(point):
        if point["x"] < 0:
            raise ZeroDivisionError("on purpose")
        return point["x"]

    trials = spark(parallelism=2)
    searched(explode, trials)
    n_failed = trials.count_failed_trials()
    assert 0 < n_failed < 8
    assert trials.count_successful_trials() == len(trials) == 8 - n_failed
    assert (trials.count_cancelled_trials(), trials.count_total_trials()) == (0, 8)
    with pytest.raises(AllTrialsFailed, match="division by zero"):
        searched(lambda p: 1 / 0, spark(parallelism=2))


def test_limits_may_be_the_trials():
    trials = spark(parallelism=1, loss_threshold=1e9)
    searched(lambda p: 1.0, trials)
    assert len(trials) < 8
    assert trials.parallelism == 1
    with pytest.raises(ValueError, match="at least 1"):
        spark(parallelism=0)
    with pytest.raises(TypeError, match="whole number"):
        spark(parallelism="2")


@pytest.mark.long
def test_trials_run_on_the_dask_client_there_is():
    distributed = pytest.importorskip("distributed", reason="Dask's distributed is not installed")
    with distributed.Client(processes=False, n_workers=1, threads_per_worker=2) as client:
        trials = spark()
        searched(lambda p: p["x"] ** 2, trials)
        assert len(trials) == 8
        assert client.status == "running"
