"""Records for the tests of storages."""

from __future__ import annotations

from tunesmith.trial import EvaluationRecord, Part, State, StudyHead, TrialRecord


def head(name="s"):
    return StudyHead(name, "GridSearchCV", parts={"X": Part("d", "X")}, facts={}, created=1.5)


def trial(number, key=None):
    return TrialRecord(number, key or f"k{number}", params={"C": number})


def evaluation(trial=0, split=0, attempt=0, *, state=State.COMPLETED, test_scores=0.5, **fields):
    return EvaluationRecord(
        trial=trial,
        split=split,
        attempt=attempt,
        state=state,
        test_scores=test_scores,
        **{
            "train_scores": None,
            "n_test_samples": 3,
            "fit_time": 0.25,
            "score_time": 0.125,
            "error": None,
            "ended": 1.7e9,
            **fields,
        },
    )
