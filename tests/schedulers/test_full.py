from __future__ import annotations

import numpy as np
import pytest

from tunesmith.schedulers import Done, Scheduler, Start
from tunesmith.schedulers.full import FullScheduler
from tunesmith.trial import History


def history(number):
    nothing = np.empty((number, 0))
    return History(number, ({},) * number, nothing, nothing, np.zeros(number, dtype=bool))


@pytest.mark.parametrize("n_trials", [0, 1, 3])
def test_starts_as_many_trials_as_it_is_told(n_trials):
    scheduler = FullScheduler(n_trials)
    decisions = [scheduler.next(history(number)) for number in range(n_trials + 2)]
    assert decisions == [Start()] * n_trials + [Done()] * 2


def test_is_a_scheduler_that_says_what_it_is():
    assert isinstance(FullScheduler(2), Scheduler)
    assert repr(FullScheduler(n_trials=2)) == "FullScheduler(n_trials=2)"
    assert FullScheduler(2) == FullScheduler(2) != FullScheduler(3)
