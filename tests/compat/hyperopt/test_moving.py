"""Scripts that have moved half-way, and what functions return."""

from __future__ import annotations

import numpy as np
import pytest

from tunesmith.compat.hyperopt import STATUS_OK, Trials, fmin, hp, rand
from tunesmith.compat.hyperopt.exceptions import BadSearchSpace, InvalidLoss

X = hp.uniform("x", 0, 1)


def search(fn, space=X, **kwargs):
    return fmin(fn, space, rand.suggest, max_evals=2, show_progressbar=False, **kwargs)


@pytest.mark.parametrize(
    "loss", [np.array([1.5]), np.array([[1.5]]), np.array(1.5), np.float32(1.5)]
)
def test_an_array_of_one_element_is_a_loss(loss):
    trials = Trials()
    search(lambda x: loss, trials=trials)
    search(lambda x: {"loss": loss, "status": STATUS_OK}, trials=trials)
    assert trials.losses() == [1.5, 1.5]


@pytest.mark.parametrize("loss", [np.array([1.5, 2.0]), "1.5", b"1", None])
def test_anything_else_is_none(loss):
    with pytest.raises(InvalidLoss):
        search(lambda x: loss)


def test_a_space_of_hyperopt_itself_is_refused():
    foreign = type("Apply", (), {"__module__": "hyperopt.pyll.base"})()
    with pytest.raises(BadSearchSpace, match="of Hyperopt itself"):
        search(lambda params: 1.0, {"x": X, "y": foreign})


def test_numbers_of_trials_go_on_where_all_are_deleted():
    trials = Trials()
    search(lambda x: x, trials=trials)
    trials.delete_all()
    assert trials.new_trial_ids(2) == [2, 3]
