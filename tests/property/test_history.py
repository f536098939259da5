"""Laws of what a decision may see: the order in which outcomes arrive does not matter."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.trial import Ledger, Outcome, State

SCORES = st.one_of(st.floats(width=32), st.none())


@st.composite
def accounts(draw):
    """Numbers of trials and splits, every outcome, and those in another order."""
    n_trials, n_splits = draw(st.integers(1, 80)), draw(st.integers(1, 3))
    named = draw(st.booleans())
    seed = draw(st.integers(0, 2**32 - 1))
    few = draw(st.lists(SCORES, min_size=1, max_size=7))
    outcomes = []
    for place in range(n_trials * n_splits):
        score = few[place % len(few)]
        state = State.FAILED if score is None else State.COMPLETED
        scores = {"other": 0.5, "main": score} if named and score is not None else score
        outcomes.append(Outcome(*divmod(place, n_splits), state, test_scores=scores))
    order = np.random.default_rng(seed).permutation(len(outcomes))
    return n_trials, n_splits, outcomes, [outcomes[i] for i in order]


def objective(outcome):
    scores = outcome.test_scores
    if isinstance(scores, dict):
        scores = scores["main"]
    return np.nan if scores is None else scores


def started(n_trials, n_splits):
    ledger = Ledger(n_splits, 1, objective, lambda params: np.array([params["x"]]))
    for trial in range(n_trials):
        ledger.start({"x": trial / n_trials})
    return ledger


def assert_equal_views(one, other):
    assert (one.number, one.params) == (other.number, other.params)
    for name in ("encoded", "scores", "known"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), strict=True)


@given(accounts())
def test_the_order_of_arrival_does_not_matter(account):
    n_trials, n_splits, outcomes, shuffled = account
    one, other = started(n_trials, n_splits), started(n_trials, n_splits)
    means = [{}, {}]
    for ledger, entered, mean in zip((one, other), (outcomes, shuffled), means, strict=True):
        for outcome in entered:
            value = ledger.enter(outcome)
            if value is not None:
                mean[outcome.trial] = value
    assert one.frontier == other.frontier == n_trials
    assert sorted(means[0]) == sorted(means[1]) == list(range(n_trials))
    for trial in means[0]:
        np.testing.assert_array_equal(means[0][trial], means[1][trial])
    for known in {0, 1, n_trials // 2, n_trials}:
        assert_equal_views(one.view(known), other.view(known))


@given(accounts(), st.data())
def test_a_view_up_to_the_frontier_is_final(account, data):
    """What has arrived beyond the known trials, and what comes later, cannot be seen."""
    n_trials, n_splits, outcomes, shuffled = account
    ledger, full = started(n_trials, n_splits), started(n_trials, n_splits)
    for outcome in outcomes:
        full.enter(outcome)
    n_entered = data.draw(st.integers(0, len(shuffled)))
    for outcome in shuffled[:n_entered]:
        ledger.enter(outcome)
    entered = {(o.trial, o.split) for o in shuffled[:n_entered]}
    complete = [all((t, s) in entered for s in range(n_splits)) for t in range(n_trials)]
    frontier = complete.index(False) if False in complete else n_trials
    assert ledger.frontier == frontier
    known = data.draw(st.integers(0, frontier))
    view = ledger.view(known)
    assert_equal_views(view, full.view(known))
    assert np.isnan(view.scores[known:]).all()
    assert view.known.sum() == known
    expected = [
        [objective(outcomes[t * n_splits + s]) for s in range(n_splits)] for t in range(known)
    ]
    np.testing.assert_array_equal(view.scores[:known], np.reshape(expected, (known, n_splits)))
