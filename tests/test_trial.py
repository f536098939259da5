"""The ledger of a search, and what each decision may see of it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tunesmith.trial import Job, Ledger, Outcome, State


def accuracy(outcome):
    scores = outcome.test_scores
    if scores is None:
        return math.nan
    return scores["accuracy"] if isinstance(scores, dict) else scores


def ledger(n_splits=2):
    return Ledger(n_splits, 2, accuracy, lambda params: np.array([params["C"] / 100, 0.5]))


def done(trial, split, score):
    return Outcome(trial, split, State.COMPLETED, test_scores=score)


def test_a_new_ledger_is_empty():
    history = ledger().view(0)
    assert (history.number, history.params) == (0, ())
    assert history.scores.shape == (0, 2)
    assert history.known.shape == (0,)
    assert history.encoded.shape == (0, 2)


def test_trials_are_numbered_and_encoded():
    account = ledger()
    assert [account.start({"C": C}) for C in (10, 20)] == [0, 1]
    history = account.view(0)
    assert history.number == 2
    assert history.params == ({"C": 10}, {"C": 20})
    np.testing.assert_array_equal(history.encoded, [[0.1, 0.5], [0.2, 0.5]])
    assert np.isnan(history.scores).all()
    assert history.known.tolist() == [False, False]


@pytest.mark.parametrize("as_score", [lambda s: s, lambda s: {"loss": -1.0, "accuracy": s}])
def test_the_mean_comes_with_the_last_outcome(as_score):
    account = ledger(n_splits=3)
    account.start({"C": 1})
    assert account.enter(done(0, 2, as_score(0.5))) is None
    assert account.enter(done(0, 0, as_score(0.25))) is None
    assert account.enter(done(0, 1, as_score(0.75))) == 0.5
    np.testing.assert_array_equal(account.view(1).scores, [[0.25, 0.75, 0.5]])


def test_the_mean_of_a_trial_with_a_missing_score_is_nan():
    account = ledger()
    account.start({"C": 1})
    account.enter(done(0, 0, 0.5))
    mean = account.enter(Outcome(0, 1, State.FAILED, error="no"))
    assert mean is not None
    assert math.isnan(mean)
    assert account.frontier == 1


def test_the_frontier_waits_for_the_slowest():
    account = ledger()
    for C in range(3):
        account.start({"C": C})
    frontiers = []
    for trial, split in [(2, 0), (2, 1), (0, 1), (1, 0), (0, 0), (1, 1)]:
        account.enter(done(trial, split, 0.5))
        frontiers.append(account.frontier)
    assert frontiers == [0, 0, 0, 0, 1, 3]


def test_a_view_shows_no_result_beyond_what_is_known():
    account = ledger(n_splits=1)
    for C in range(4):
        account.start({"C": C})
        account.enter(done(C, 0, C / 10))
    history = account.view(2)
    np.testing.assert_array_equal(history.scores[:, 0], [0.0, 0.1, math.nan, math.nan])
    assert history.known.tolist() == [True, True, False, False]
    assert len(history.params) == len(history.encoded) == 4


def test_a_view_stays_as_it_was():
    account = ledger(n_splits=1)
    account.start({"C": 1})
    before = account.view(1)
    account.enter(done(0, 0, 0.5))
    account.start({"C": 2})
    assert before.number == 1
    assert np.isnan(before.scores).all()
    before.scores[:] = 7.0
    with pytest.raises(ValueError, match="read-only"):
        before.encoded[:] = 7.0
    after = account.view(2)
    np.testing.assert_array_equal(after.scores, [[0.5], [math.nan]])
    np.testing.assert_array_equal(after.encoded, [[0.01, 0.5], [0.02, 0.5]])


def test_it_grows():
    account = ledger(n_splits=1)
    for trial in range(200):
        assert account.start({"C": trial}) == trial
        if trial != 150:
            account.enter(done(trial, 0, float(trial)))
    history = account.view(200)
    expected = np.arange(200.0)
    expected[150] = math.nan
    np.testing.assert_array_equal(history.scores[:, 0], expected)
    np.testing.assert_array_equal(history.encoded[:, 0], np.arange(200) / 100)
    assert account.frontier == 150


@pytest.mark.parametrize(
    ("state", "final"),
    [
        (State.COMPLETED, True),
        (State.FAILED, True),
        (State.PRUNED, True),
        (State.TIMED_OUT, False),
        (State.LOST, False),
    ],
)
def test_only_accidents_are_worth_trying_again(state, final):
    assert state.final is final


def test_outcomes_of_what_went_wrong():
    job = Job(3, 1, {"C": 1})
    lost = Outcome.accident(job, State.LOST, "killed by SIGKILL")
    assert (lost.trial, lost.split, lost.state) == (3, 1, State.LOST)
    assert (lost.error, lost.exception, lost.test_scores) == ("killed by SIGKILL", None, None)
    error = ValueError("told to")
    fatal = Outcome.fatal(job, error)
    assert (fatal.trial, fatal.split, fatal.state) == (3, 1, State.FAILED)
    assert (fatal.error, fatal.exception) == ("ValueError: told to", error)
