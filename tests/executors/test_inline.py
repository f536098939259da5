from __future__ import annotations

import pytest

from tests.executors.probing import bundle, run
from tunesmith.executors.inline import InlineExecutor


def test_jobs_run_in_order_in_the_calling_thread():
    outcomes = run(InlineExecutor(), [lambda data: data + 1, lambda data: data + 2], data=1)
    assert [outcome.test_scores for outcome in outcomes] == [2, 3]


def test_what_the_evaluator_raises_is_fatal_and_the_rest_goes_on():
    first, second = run(InlineExecutor(), [lambda data: 1 / 0, lambda data: 2])
    assert isinstance(first.exception, ZeroDivisionError)
    assert first.error == "ZeroDivisionError: division by zero"
    assert second.test_scores == 2


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_process_passes_through(kind):
    def leave(data):
        raise kind

    with pytest.raises(kind), InlineExecutor() as executor:
        executor.run(bundle([leave]), lambda outcome: None)


def test_what_on_outcome_raises_passes_through_and_ends_the_bundle():
    seen = []

    def take(outcome):
        seen.append(outcome)
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"), InlineExecutor() as executor:
        executor.run(bundle([lambda data: 1, lambda data: 2]), take)
    assert len(seen) == 1
