from __future__ import annotations

import math
import threading
from contextlib import closing

import numpy as np
import pytest
from sklearn.svm import SVC

from tunesmith import Categorical, Choice, Float, Int, Study, StudyMismatch, minimize
from tunesmith.exceptions import SpaceError, StorageError, UnkeyableError
from tunesmith.storage import open_storage
from tunesmith.storage.memory import MemoryStorage
from tunesmith.trial import State, StudyHead, TrialRecord

SPACE = {"x": Float(0, 1), "n": Int(1, 10)}


def bowl(params):
    return (params["x"] - 0.3) ** 2 + abs(params["n"] - 7)


def plain(study):
    return [(t.number, t.params, t.value, t.state, t.error) for t in study.trials]


def test_a_study_goes_on_where_it_was(tmp_path):
    settings = {"storage": tmp_path / "s.db", "name": "one"}
    whole = Study(SPACE, random_state=0, in_flight=2)
    whole.optimize(bowl, 14)
    with Study(SPACE, random_state=0, in_flight=2, **settings) as study:
        study.optimize(bowl, 6)
        study.ask()
    with Study(SPACE, **settings) as study:
        assert study.in_flight == 2
        assert plain(study) == plain(whole)[:6]
        assert study.waiting[0].params == whole.trials[6].params
        study.optimize(bowl, 8)
    assert plain(study) == plain(whole)
    assert repr(study).startswith(
        f"<Study 'one' in {tmp_path / 's.db'}: Result of minimize: 14 tr"
    )


def test_what_is_told_is_kept_at_once(tmp_path):
    path = tmp_path / "s.db"
    study = Study(SPACE, storage=path)
    trials = study.ask(4)
    study.tell(trials[0], 0.25)
    study.tell(trials[1], math.nan)
    study.tell(trials[2], state="failed", reason="out of memory")
    with Study(SPACE, storage=path) as other:
        assert [t.state for t in other.trials] == [State.COMPLETED, State.FAILED, State.FAILED]
        assert [t.params for t in other.trials] == [t.params for t in trials[:3]]
        assert other.trials[2].error == "out of memory"
        assert 0 <= other.trials[0].seconds < 60
        assert [t.number for t in other.waiting] == [3]
        other.tell(3, 0.125)
        with pytest.raises(ValueError, match="trial 3 has been told of already"):
            study.tell(3, 0.5)
        late = other.ask()
        study.tell(late.number, 7.0)
        assert math.isnan(other.trials[4].seconds)
    assert study.best_value == 0.125
    study.close()


def halve(x):
    return x / 2


def test_values_come_back_as_the_objects_of_the_space(tmp_path):
    svc = SVC(C=3.0)
    space = {
        "model": Choice({svc: {"C": Float(0.1, 1.0, log=True)}, "none": {}}),
        "how": Categorical([halve, [halve, svc], (1, 2), None, np.float32(0.5), True, 1, 1.0]),
    }
    with Study(space, storage=tmp_path / "s.db", sampler="random", random_state=0) as study:
        asked = [trial.params for trial in study.ask(60)]
    with Study(space, storage=tmp_path / "s.db") as again:
        read = [trial.params for trial in again.waiting]
    assert read == asked
    for before, after in zip(asked, read, strict=True):
        assert after["how"] is before["how"]
        assert after["model"] is before["model"]
    assert {id(params["how"]) for params in asked} == {id(v) for v in space["how"].values}


def test_values_without_content_are_refused_before_anything_is_written():
    space = {"f": [open], "lock": [threading.Lock()]}
    storage = MemoryStorage()
    with pytest.raises(UnkeyableError, match="the parameter 'lock': a study must know"):
        Study(space, storage=storage)
    assert Study(space).ask().params == {"f": open, "lock": space["lock"][0]}


def test_a_space_may_grow_but_not_lose_trials():
    storage = MemoryStorage()
    with Study({"x": Float(0, 1), "kind": ["a", "b"]}, storage=storage) as study:
        study.ask(9)
    wide = {"x": Float(-1, 2), "kind": ["c", "b", "a"]}
    with Study(wide, storage=storage) as study:
        assert len(study.waiting) == 9
    for narrow in ({"x": Float(0, 1e-9), "kind": ["a", "b"]}, {"x": Float(0, 1)}, SPACE):
        with pytest.raises(StudyMismatch, match=r"is not in this space: .* or another name="):
            Study(narrow, storage=storage)


def test_a_value_that_the_script_has_no_more():
    storage = MemoryStorage()
    with Study({"model": [SVC()]}, storage=storage) as study:
        study.ask()
    with pytest.raises(StudyMismatch, match="trial 0 of the study 'study' is not in this space"):
        Study({"model": [SVC(C=2.0)]}, storage=storage)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"direction": "maximize"}, "direction was 'minimize' and is now 'maximize'"),
        ({"random_state": 1}, "was made with random_state=0, and 1 is asked for"),
        ({"in_flight": 3}, "was made with in_flight=2, and 3 is asked for"),
    ],
)
def test_another_study_of_the_name(settings, message):
    storage = MemoryStorage()
    Study(SPACE, storage=storage, random_state=0, in_flight=2).close()
    with pytest.raises(StudyMismatch, match=f"{message}(.|\n)*another name="):
        Study(SPACE, storage=storage, **settings)
    with Study(SPACE, storage=storage, name="other", **settings) as study:
        study.ask()
    assert [head.name for head in storage.studies()] == ["study", "other"]


def test_studies_of_functions_are_others(tmp_path):
    path = tmp_path / "s.db"
    minimize(bowl, SPACE, 2, storage=path, study_name="m")
    with pytest.raises(StudyMismatch, match="it is a minimize, this is a Study"):
        Study(SPACE, storage=path, name="m")
    Study(SPACE, storage=path, name="s").close()
    with pytest.raises(StudyMismatch, match="it is a Study, this is a minimize"):
        minimize(bowl, SPACE, 2, storage=path, study_name="s")


def test_the_storage_is_closed_if_it_was_opened_here(tmp_path):
    Study(SPACE, storage=tmp_path / "s.db").close()
    with pytest.raises(StudyMismatch):
        Study(SPACE, storage=tmp_path / "s.db", direction="maximize")
    assert [path.name for path in tmp_path.iterdir()] == ["s.db"]
    with closing(open_storage(tmp_path / "s.db")) as storage, Study(SPACE, storage=storage) as s:
        s.ask()
        assert len(storage.studies()) == 1


def test_a_damaged_study():
    storage = MemoryStorage()
    Study(SPACE, storage=storage).close()
    storage.append("study", TrialRecord(3, "k", {"x": 0.5, "n": 2}))
    with pytest.raises(StorageError, match="has a trial 3 but no trial 0"):
        Study(SPACE, storage=storage)


def test_the_same_parameters_twice():
    storage = MemoryStorage()
    for n in (1, 2):
        with Study({"a": [1, 2]}, storage=storage, sampler="random", random_state=0) as study:
            study.optimize(lambda params: params["a"], 5)
        assert len(study.trials) == 5 * n
    keys = [r.key for _, r in storage.read("study") if isinstance(r, TrialRecord)]
    assert len({key.partition("#")[0] for key in keys}) == 2
    assert len(set(keys)) == 10


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"lease": 0}, ValueError, "lease has to be above 0"),
        ({"lease": math.inf}, ValueError, "lease has to be finite; None is"),
        ({"lease": "1 h"}, TypeError, "lease has to be a number or None"),
        ({"name": 3}, TypeError, "name has to be text"),
        ({"name": ""}, TypeError, "name has to be text"),
        ({"storage": 5}, TypeError, "storage must be a path"),
        ({"sampler": "grid", "space": {"x": Float(0, 1)}}, SpaceError, "cannot be counted"),
    ],
)
def test_bad_input_makes_no_study(settings, error, message):
    storage = MemoryStorage()
    with pytest.raises(error, match=message):
        Study(**{"space": SPACE, "storage": storage, **settings})
    assert storage.studies() == []


def test_another_driver_makes_the_study_first():
    class Late(MemoryStorage):
        def create(self, study):
            other = StudyHead(study.name, study.kind, study.parts, {**study.facts, "seed": 5}, 0.0)
            super().create(other)
            super().create(study)

    storage = Late()
    with Study(SPACE, storage=storage) as study:
        fives = Study(SPACE, random_state=5).ask().params
        assert study.ask().params == fives
