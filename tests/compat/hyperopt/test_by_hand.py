"""Searches that are driven by a script, as adapters of other packages do."""

from __future__ import annotations

import functools
from datetime import datetime

import numpy as np
import pytest

from tunesmith.compat import hyperopt as hpo
from tunesmith.compat.hyperopt import fmin, hp, tpe
from tunesmith.compat.hyperopt.base import (
    miscs_to_idxs_vals,
    miscs_update_idxs_vals,
    spec_from_misc,
)
from tunesmith.compat.hyperopt.utils import coarse_utcnow, use_obj_for_literal_in_memo

SPACE = hp.choice(
    "case",
    [{"kind": "far", "x": hp.uniform("x", -5, 5)}, {"kind": "near", "y": hp.lognormal("y", 0, 1)}],
)
ALGO = functools.partial(tpe.suggest, n_startup_jobs=4)


def loss(point):
    return (point.get("x", point.get("y")) - 1) ** 2


class Adapter:
    def __init__(self, space, algo, seed):
        self.algo = algo
        self.domain = hpo.Domain(lambda point: point, space)
        self.trials = hpo.Trials()
        self.rng = np.random.default_rng(seed)

    def suggest(self):
        ids = self.trials.new_trial_ids(1)
        self.trials.refresh()
        made = self.algo(ids, self.domain, self.trials, self.rng.integers(2**31 - 1))
        self.trials.insert_trial_docs(made)
        self.trials.refresh()
        config = hpo.base.spec_from_misc(made[0]["misc"])
        memo = self.domain.memo_from_config(config)
        ctrl = hpo.base.Ctrl(trials=self.trials, current_trial=made[0])
        hpo.utils.use_obj_for_literal_in_memo(self.domain.expr, ctrl, hpo.base.Ctrl, memo)
        point = hpo.pyll.rec_eval(
            self.domain.expr,
            memo=memo,
            print_node_on_error=self.domain.rec_eval_print_node_on_error,
        )
        return made[0]["tid"], point

    def tell(self, tid, value):
        (document,) = (doc for doc in self.trials._dynamic_trials if doc["tid"] == tid)
        now = hpo.utils.coarse_utcnow()
        document["book_time"] = document["refresh_time"] = now
        document["state"] = hpo.base.JOB_STATE_DONE
        document["result"] = {"loss": value, "status": hpo.base.STATUS_OK}
        self.trials.refresh()


def test_search_by_hand_is_the_search_of_fmin():
    adapter = Adapter(SPACE, ALGO, seed=3)
    for _ in range(12):
        tid, point = adapter.suggest()
        adapter.tell(tid, loss(point))
    trials = hpo.Trials()
    best = fmin(
        loss,
        SPACE,
        ALGO,
        max_evals=12,
        trials=trials,
        rstate=np.random.default_rng(3),
        show_progressbar=False,
    )
    assert adapter.trials.miscs == trials.miscs
    assert adapter.trials.losses() == trials.losses()
    assert adapter.trials.argmin == best


def test_trials_by_hand_may_end_in_another_order():
    adapter = Adapter(SPACE, ALGO, seed=0)
    for _ in range(8):
        first, second = adapter.suggest(), adapter.suggest()
        for tid, point in (second, first):
            adapter.tell(tid, loss(point))
    assert adapter.trials.tids == list(range(16))
    drawn = [tuple(spec_from_misc(misc).items()) for misc in adapter.trials.miscs]
    assert len(set(drawn)) == 16
    assert min(adapter.trials.losses()[4:]) < min(adapter.trials.losses()[:4])


def test_the_time_is_to_the_millisecond_and_without_a_zone():
    now = coarse_utcnow()
    assert isinstance(now, datetime)
    assert now.tzinfo is None
    assert now.microsecond % 1000 == 0


def test_literals_are_replaced_where_they_are_the_same():
    expr = hpo.pyll.as_apply([np.arange(3), "data", hp.uniform("x", 0, 1), dict])
    memo = use_obj_for_literal_in_memo(expr, "found", "data", {})
    assert list(memo.values()) == ["found"]
    assert len(use_obj_for_literal_in_memo(expr, {}, dict, memo)) == 2
    assert use_obj_for_literal_in_memo(expr, 0, "missing", {}) == {}


def test_values_by_label_and_by_trial_are_the_same():
    miscs = [
        {"tid": 3, "idxs": {"x": [3], "y": []}, "vals": {"x": [0.5], "y": []}},
        {"tid": 4, "idxs": {"x": [4], "y": [4]}, "vals": {"x": [0.0], "y": [None]}},
    ]
    idxs, vals = miscs_to_idxs_vals(miscs)
    empty = [{"tid": 3}, {"tid": 4, "idxs": {"old": [4]}, "vals": {"old": [1]}}]
    assert miscs_update_idxs_vals(empty, idxs, vals) is empty
    assert empty == miscs
    assert [spec_from_misc(misc) for misc in miscs] == [{"x": 0.5}, {"x": 0.0, "y": None}]


def test_values_of_other_trials():
    idxs, vals = {"x": [0, 1]}, {"x": ["a", "b"]}
    with pytest.raises(ValueError, match=r"no misc is of the trials \[0\]; there are \[1\]"):
        miscs_update_idxs_vals([{"tid": 1}], idxs, vals)
    (left,) = miscs_update_idxs_vals([{"tid": 1}], idxs, vals, assert_all_vals_used=False)
    assert left["vals"] == {"x": ["b"]}
    moved = miscs_update_idxs_vals([{"tid": 8}, {"tid": 1}], idxs, vals, idxs_map={0: 8})
    assert [spec_from_misc(misc) for misc in moved] == [{"x": "a"}, {"x": "b"}]
    assert moved[0]["idxs"] == {"x": [8]}
    with pytest.raises(ValueError, match="have to be of the same labels and lengths"):
        miscs_update_idxs_vals([{"tid": 1}], {"x": [1]}, {"y": [2]})
