"""The ledger of a function's trials: what decisions see of reports and of parameters met."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunesmith.space import Categorical, Float, Int, Space
from tunesmith.study.ledger import FunctionLedger
from tunesmith.trial import Ledger, Met, Outcome, State


def score(outcome):
    return float("nan") if outcome.test_scores is None else -outcome.test_scores


def ledger(given=None, **settings):
    return FunctionLedger(Space.read(given or {}), score, sign=-1, **settings)


def outcome(trial, value=1.0, *met, reports=(), state=State.COMPLETED):
    return Outcome(trial, 0, state, test_scores=value, met=met, reports=reports)


X = Met("x", Float(0, 1), 0.25)


def test_without_reports_and_met_parameters_it_is_a_plain_ledger():
    space = Space.read({"x": Float(0, 1)})
    plain, ours = Ledger(1, 1, score, space.encode, 3), FunctionLedger(space, score, 3)
    for trial, x in enumerate([0.5, 0.25, 0.75]):
        for account in (plain, ours):
            account.start({"x": x})
            account.enter(outcome(trial, x))
    for known in (None, 0, 2):
        one, other = plain.view(known), ours.view(known)
        assert (one.params, one.seed, other.space, other.reports) == (other.params, 3, None, ())
        for name in ("encoded", "scores", "known"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_the_space_grows_by_what_is_known_to_be_met():
    account = ledger({"g": Int(1, 4)})
    account.start({"g": 1})
    account.start({"g": 2})
    account.enter(outcome(0, 1.0, X))
    assert account.view(0).space is None
    history = account.view(1)
    assert history.space.names == ("g", "x")
    assert history.params == ({"g": 1, "x": 0.25}, {"g": 2})
    np.testing.assert_array_equal(history.encoded, [[0.125, 0.25], [0.375, np.nan]])
    account.enter(
        outcome(1, 2.0, Met("x", Float(0, 2), 2.0), Met("k", Categorical(["a", "b"]), "b"))
    )
    np.testing.assert_array_equal(
        account.view(2).encoded, [[0.125, np.nan, 0.125], [0.375, 0.75, 1.0]]
    )
    assert account.params == [{"g": 1, "x": 0.25}, {"g": 2, "x": 2.0, "k": "b"}]


def test_a_history_stays_as_it_was():
    account = ledger()
    account.start({})
    account.enter(outcome(0, 1.0, X))
    before = account.view(1)
    kept = before.encoded.copy()
    account.start({"x": 0.5})
    account.enter(outcome(1, 1.0, Met("x", Float(0, 8), 4.0)))
    account.view(2)
    np.testing.assert_array_equal(before.encoded, kept)
    assert before.params == ({"x": 0.25},)
    assert before.space == Space.read({}).with_optional({"x": Float(0, 1)})
    with pytest.raises(ValueError, match="read-only"):
        before.encoded[0] = 0


def test_a_pending_trial_has_the_parameters_that_were_suggested():
    account = ledger()
    for _ in range(2):
        account.start({})
    account.enter(outcome(0, 1.0, X))
    account.view(1)
    account.start({"x": 0.5})
    early = account.view(1)
    account.enter(outcome(2, 1.0, Met("x", Float(0, 1), 0.75), Met("y", Int(1, 2), 2)))
    late = account.view(1)
    assert early.params == late.params == ({"x": 0.25}, {}, {"x": 0.5})
    assert early.space == late.space
    np.testing.assert_array_equal(early.encoded, late.encoded)
    np.testing.assert_array_equal(late.encoded, [[0.25], [np.nan], [0.5]])


def test_what_was_suggested_and_not_asked_for_is_no_parameter():
    account = ledger()
    account.start({})
    account.enter(outcome(0, 1.0, X))
    account.view(1)
    account.start({"x": 0.5})
    account.enter(outcome(1))
    history = account.view(2)
    assert history.params == ({"x": 0.25}, {})
    assert np.isnan(history.encoded[1, 0])


def test_where_nobody_knows_what_was_met_it_is_what_was_suggested():
    account = ledger()
    account.start({})
    account.enter(outcome(0, 1.0, X))
    account.view(1)
    account.start({"x": 0.5})
    account.enter(Outcome(1, 0, State.LOST))
    np.testing.assert_array_equal(account.view(2).encoded, [[0.25], [0.5]])


def test_of_two_kinds_that_of_the_earlier_trial_counts():
    kinds = [Met("x", Int(1, 2), 2), Met("x", Categorical(["a"]), "a"), Met("x", Int(1, 4), 4)]
    account = ledger()
    for _ in range(3):
        account.start({})
    for trial in (1, 2, 0):
        account.enter(outcome(trial, 1.0, kinds[trial]))
    history = account.view(3)
    assert history.space == Space.read({}).with_optional({"x": Int(1, 4)})
    assert [p["x"] for p in history.params] == [2, "a", 4]
    np.testing.assert_array_equal(history.encoded, [[0.375], [np.nan], [0.875]])


def test_reports_are_maximised_and_seen_with_the_score():
    account = ledger({"x": Float(0, 1)})
    account.start({"x": 0.5})
    account.start({"x": 0.25})
    account.enter(outcome(0, 1.0, reports=((0, 3.0), (2, 1.0))))
    assert account.view(0).reports == ((), ())
    history = account.view(1)
    assert history.reports == (((0, -3.0), (2, -1.0)), ())
    assert history.space is None
    np.testing.assert_array_equal(history.encoded, [[0.5], [0.25]])


def test_where_the_sampler_does_not_learn_the_space_stays():
    account = ledger(grows=False)
    account.start({})
    account.enter(outcome(0, 1.0, X))
    history = account.view(1)
    assert (history.space, history.params) == (None, ({"x": 0.25},))
    assert history.encoded.shape == (1, 0)


def test_many_trials():
    account = ledger()
    for trial in range(200):
        account.start({"x": 0.5} if trial else {})
        account.enter(outcome(trial, 1.0, Met("x", Float(0, 1), trial / 256)))
        if trial % 50 == 0:
            account.view()
    assert account.view().encoded[:, 0].tolist() == [trial / 256 for trial in range(200)]


dimensions = st.sampled_from(
    [Float(0, 1), Float(0, 4), Float(-1, 0), Int(0, 3), Categorical([0, 1]), Categorical([2, 0])]
)
met = st.dictionaries(st.sampled_from("ab"), st.tuples(dimensions, st.floats(0, 1)), max_size=2)
TRIALS = st.lists(st.tuples(met, st.booleans()), min_size=1, max_size=7)


def same(one, other):
    assert one.params == other.params
    assert one.reports == other.reports
    assert one.space == other.space
    assert repr(one.space) == repr(other.space)
    np.testing.assert_array_equal(one.encoded, other.encoded)


@settings(deadline=None)
@given(TRIALS, st.randoms(use_true_random=False), st.data())
def test_what_a_decision_sees_does_not_depend_on_the_order_of_results_or_of_questions(
    trials, random, data
):
    outcomes = [
        outcome(
            trial,
            1.0,
            *(Met(name, d, d.decode(u)) for name, (d, u) in asked.items()),
            reports=((0, float(trial)),) * reports,
        )
        for trial, (asked, reports) in enumerate(trials)
    ]
    straight, shuffled = ledger(), ledger()
    for account, order in ((straight, outcomes), (shuffled, random.sample(outcomes, len(trials)))):
        for _ in trials:
            account.start({})
        for each in order:
            account.enter(each)
            account.view()
    expected = [straight.view(known) for known in range(len(trials) + 1)]
    questions = data.draw(st.lists(st.integers(0, len(trials)), max_size=6))
    for known in questions:
        same(shuffled.view(known), expected[known])
