from __future__ import annotations

import math
import pickle
from datetime import datetime

import numpy as np
import pytest

from tunesmith.compat.hyperopt import (
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    STATUS_FAIL,
    STATUS_OK,
    Ctrl,
    Domain,
    Trials,
    fmin,
    hp,
    rand,
    trials_from_docs,
)
from tunesmith.compat.hyperopt.base import JOB_STATE_NEW, miscs_to_idxs_vals
from tunesmith.compat.hyperopt.exceptions import (
    AllTrialsFailed,
    InvalidLoss,
    InvalidResultStatus,
    InvalidTrial,
)

SPACE = {"x": hp.uniform("x", 0, 1), "c": hp.choice("c", [hp.randint("n", 3), "none"])}


def searched(function=lambda p: p["x"], max_evals=12, **options):
    trials = Trials()
    fmin(
        function,
        SPACE,
        rand.suggest,
        max_evals=max_evals,
        trials=trials,
        rstate=np.random.default_rng(0),
        show_progressbar=False,
        **options,
    )
    return trials


def test_documents_hold_what_hyperopts_do():
    trials = searched(lambda p: {"loss": p["x"], "status": STATUS_OK, "note": "kept"})
    assert len(trials) == 12
    assert trials.tids == list(range(12))
    assert trials.statuses() == ["ok"] * 12
    assert trials.losses() == trials.vals["x"]
    for document in trials:
        assert document["state"] == JOB_STATE_DONE
        assert document["misc"]["cmd"] == ("domain_attachment", "FMinIter_Domain")
        assert document["result"]["note"] == "kept"
        assert document["exp_key"] is None
        assert isinstance(document["book_time"], datetime)
        assert document["refresh_time"] >= document["book_time"]
        values, numbers = document["misc"]["vals"], document["misc"]["idxs"]
        assert values.keys() == numbers.keys() == {"x", "c", "n"}
        for label, value in values.items():
            assert numbers[label] == [document["tid"]] * len(value)
        assert len(values["n"]) == (values["c"] == [0])


def test_the_best_trial_is_that_of_the_least_loss():
    trials = searched()
    assert trials.best_trial["result"]["loss"] == min(trials.losses())
    assert trials.argmin["x"] == min(trials.losses())
    assert trials.average_best_error() == min(trials.losses())
    assert trials[3] is trials.trials[3]
    assert trials.specs == [None] * 12
    assert len(trials.results) == len(trials.miscs) == 12


def test_values_and_numbers_by_label():
    trials = searched()
    assert trials.idxs["x"] == trials.tids
    assert trials.idxs["n"] == [
        t for t, c in zip(trials.tids, trials.vals["c"], strict=True) if c == 0
    ]
    assert miscs_to_idxs_vals(trials.miscs, keys=["x"])[1] == {"x": trials.vals["x"]}


def test_a_variance_is_averaged_over():
    trials = searched(
        lambda p: {"loss": p["x"], "status": STATUS_OK, "loss_variance": 1e-12, "true_loss": 5.0}
    )
    assert trials.average_best_error() == pytest.approx(5.0)
    domain = Domain(None, SPACE)
    assert trials.losses(domain) == trials.losses()
    assert trials.statuses(domain) == trials.statuses()
    assert domain.loss_variance(trials.results[0]) == 1e-12
    assert domain.true_loss(trials.results[0]) == 5.0


def test_trials_that_fail_or_are_no_number_are_never_the_best():
    def function(point):
        if point["x"] < 0.3:
            return {"status": STATUS_FAIL, "reason": "small"}
        return math.nan if point["x"] < 0.5 else point["x"]

    trials = searched(function, 30)
    assert trials.best_trial["result"]["loss"] >= 0.5
    with pytest.raises(AllTrialsFailed, match="none of 5 trials"):
        searched(lambda p: {"status": STATUS_FAIL}, 5)


def test_trials_can_be_pickled_with_nothing_but_their_own():
    trials = searched(lambda p: {"loss": p["x"], "status": STATUS_OK, "attachments": {"a": b"b"}})
    again = pickle.loads(pickle.dumps(trials))
    assert again.trials == trials.trials
    assert again.trial_attachments(again.trials[0])["a"] == b"b"
    assert set(again.attachments) == {f"ATTACH::{tid}::a" for tid in trials.tids}


def test_attachments_are_read_and_written_by_name():
    trials = searched(max_evals=2)
    held = trials.trial_attachments(trials.trials[1])
    held["curve"] = [1, 2]
    assert "curve" in held
    assert "other" not in held
    assert trials.attachments[trials.aname(trials.trials[1], "curve")] == [1, 2]
    del held["curve"]
    assert "curve" not in held


def test_a_search_goes_on_from_its_trials():
    trials = searched(max_evals=5)
    first = [dict(document["misc"]["vals"]) for document in trials]
    trials.fmin(lambda p: p["x"], SPACE, rand.suggest, max_evals=8)
    assert len(trials) == 8
    assert [document["misc"]["vals"] for document in trials][:5] == first
    assert trials.tids == list(range(8))


def test_trials_made_of_documents():
    documents = searched(max_evals=3).trials
    assert trials_from_docs(documents).losses() == [d["result"]["loss"] for d in documents]
    assert len(trials_from_docs([*documents, {"state": 2, "tid": 9}], validate=False).trials) == 4


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: "text", "has to be a dict"),
        (lambda d: {k: v for k, v in d.items() if k != "result"}, "no 'result'"),
        (lambda d: d | {"misc": {"tid": 0}}, "no 'cmd'"),
        (lambda d: d | {"tid": 7}, "two different numbers"),
        (lambda d: d | {"exp_key": "other"}, "exp_key"),
    ],
)
def test_a_document_that_is_no_trial_is_refused(change, words):
    document = searched(max_evals=1).trials[0]
    with pytest.raises(InvalidTrial, match=words):
        Trials().insert_trial_doc(change(document))


def test_searches_of_several_keys_share_documents():
    trials = Trials(exp_key="a")
    (document,) = trials.new_trial_docs(
        [0], [None], [{"status": "new"}], [dict(tid=0, cmd=None, idxs={}, vals={})]
    )
    trials.insert_trial_doc(document)
    trials.refresh()
    assert len(trials) == 1
    assert len(trials.view("b")) == 0
    assert len(trials.view(None)) == 1


def test_trials_are_counted_by_their_state():
    trials = searched(max_evals=3)
    assert trials.count_by_state_synced(JOB_STATE_DONE) == 3
    assert trials.count_by_state_unsynced([JOB_STATE_DONE, JOB_STATE_ERROR]) == 3
    with pytest.raises(ValueError, match="no state 17"):
        trials.count_by_state_synced(17)
    trials.delete_all()
    assert len(trials) == 0
    assert trials.new_trial_ids(2) == [3, 4]


def test_numbers_are_new_even_where_some_are_missing():
    trials = searched(max_evals=3)
    del trials._dynamic_trials[0]
    trials.refresh()
    assert trials.new_trial_ids(1) == [3]


def test_a_trial_can_keep_what_it_has_and_lead_to_others():
    trials = searched(max_evals=2)
    ctrl = Ctrl(trials, trials.trials[1])
    ctrl.checkpoint({"loss": 3.0, "status": STATUS_OK})
    assert trials.trials[1]["result"]["loss"] == 3.0
    misc = {"idxs": {"x": [2]}, "vals": {"x": [0.5]}}
    assert ctrl.inject_results([None], [{"loss": 1.0, "status": STATUS_OK}], [misc]) == [2]
    trials.refresh()
    assert trials.trials[2]["misc"]["from_tid"] == 1
    assert trials.trials[2]["state"] == JOB_STATE_DONE
    with pytest.raises(ValueError, match="no trial that runs"):
        Ctrl(None).checkpoint({})


@pytest.mark.parametrize(
    ("returned", "error"),
    [
        (None, InvalidLoss),
        ("a", InvalidLoss),
        ({"status": STATUS_OK}, InvalidLoss),
        ({"status": STATUS_OK, "loss": "a"}, InvalidLoss),
        ({"loss": 1.0}, InvalidResultStatus),
        ({"loss": 1.0, "status": "fine"}, InvalidResultStatus),
    ],
)
def test_a_result_that_is_none_is_told(returned, error):
    with pytest.raises(error, match="the function returned") as caught:
        searched(lambda p: returned)
    assert caught.value.result == returned


def test_whatever_is_a_number_is_a_loss():
    for loss in (1, True, np.float32(2.0), np.array(3.0), np.int64(4)):
        assert Domain(lambda p, loss=loss: loss, SPACE).evaluate({"x": 0.5, "c": 1}, None) == {
            "loss": float(loss),
            "status": STATUS_OK,
        }


def test_a_trial_that_was_interrupted_is_run_again():
    trials = Trials()
    stop = True

    def function(point):
        if len(trials) == 3 and stop:
            raise KeyboardInterrupt
        return point["x"]

    options = {"max_evals": 5, "trials": trials, "rstate": np.random.default_rng(0)}
    with pytest.raises(KeyboardInterrupt):
        fmin(function, SPACE, rand.suggest, show_progressbar=False, **options)
    assert [d["state"] for d in trials._dynamic_trials] == [JOB_STATE_DONE] * 2 + [JOB_STATE_NEW]
    stop = False
    fmin(function, SPACE, rand.suggest, show_progressbar=False, **options)
    assert [d["state"] for d in trials] == [JOB_STATE_DONE] * 5
