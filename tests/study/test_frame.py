from __future__ import annotations

import math

import pytest

from tunesmith import Choice, Float, Study

SPACE = {"kind": Choice({"p": {"x": Float(0, 1)}, "q": {"layers": [[32], [32, 32]]}})}


@pytest.mark.parametrize("backend", ["pandas", "polars"])
def test_one_row_a_trial(backend):
    pytest.importorskip(backend)
    study = Study(SPACE, sampler="random", random_state=0)
    trials = study.ask(12)
    for trial in trials[:10]:
        study.tell(trial, trial.params.get("x", math.nan))
    frame = study.results(backend)
    assert type(frame).__module__.startswith(backend)
    names = ["number", "value", "state", "param_kind", "param_x", "param_layers"]
    assert set(frame.columns) == {*names, "seconds", "error"}
    assert list(frame.columns)[:4] == names[:4]
    assert list(frame.columns)[-2:] == ["seconds", "error"]
    rows = frame.to_dicts() if backend == "polars" else frame.to_dict("records")
    assert [row["number"] for row in rows] == list(range(10))
    for row, trial in zip(rows, study.trials, strict=True):
        assert row["param_kind"] == trial.params["kind"]
        assert row["state"] == str(trial.state)
        if trial.params["kind"] == "p":
            assert row["value"] == row["param_x"] == trial.params["x"]
        else:
            assert row["param_layers"] == repr(trial.params["layers"])
            assert "nan" in row["error"]


def test_no_trials_and_no_such_library():
    study = Study(SPACE)
    assert len(study.results()) == 0
    with pytest.raises(ValueError, match="backend must be 'pandas', 'polars' or None"):
        study.results("numpy")
