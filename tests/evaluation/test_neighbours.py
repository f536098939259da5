"""Nearest neighbours from one search are those of estimators fitted alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import check_scoring
from sklearn.model_selection import KFold
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tunesmith.evaluation.crossval import CrossValidation
from tunesmith.evaluation.stages import StageCache
from tunesmith.trial import Job


def seen(estimator, X, y):
    """Score nothing, and keep all that can be seen of an estimator."""
    views = [estimator.predict(X), *estimator.kneighbors(X)]
    if hasattr(estimator, "predict_proba"):
        views += np.atleast_1d(estimator.predict_proba(X)).tolist()
    estimator.seen = [np.asarray(view).tobytes() for view in views]
    SEEN.append(estimator.seen)
    return estimator.score(X, y)


SEEN: list[list[bytes]] = []


def check_equal(estimator, X, y, candidates, prefix=""):
    splits = list(KFold(2, shuffle=True, random_state=1).split(X))
    jobs = [
        Job(0, split, {f"{prefix}{name}": value for name, value in candidate.items()})
        for split in (0, 1)
        for candidate in candidates
    ]
    found = []
    for sharing in ("off", "exact"):
        SEEN.clear()
        evaluate = CrossValidation(estimator, X, y, splits, seen, sharing=sharing)
        cache = StageCache()
        scores = [evaluate(job, cache).test_scores for job in jobs]
        found.append((scores, list(SEEN)))
    assert found[0] == found[1]
    assert len(found[0][1]) == len(jobs)


def candidates(draw, most):
    ks = draw(st.lists(st.integers(1, most), min_size=1, max_size=5))
    return [
        {"n_neighbors": k, "weights": draw(st.sampled_from(["uniform", "distance"]))} for k in ks
    ]


def data(draw, n):
    """Return points of which many are equally distant, or none."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    kind = draw(st.sampled_from(["integers", "few", "reals", "doubled"]))
    X = {
        "integers": lambda: rng.integers(0, 4, (n, 3)),
        "few": lambda: rng.integers(0, 2, (n, 2)),
        "reals": lambda: rng.normal(size=(n, 3)),
        "doubled": lambda: np.repeat(rng.normal(size=(n // 2, 3)), 2, axis=0),
    }[kind]()
    return X.astype(float), rng


@pytest.mark.parametrize("algorithm", ["auto", "brute", "kd_tree", "ball_tree"])
@settings(deadline=None, max_examples=25)
@given(draw=st.data())
def test_classifiers(algorithm, draw):
    X, rng = data(draw.draw, 60)
    y = rng.integers(0, 3, 60)
    metric = draw.draw(st.sampled_from(["minkowski", "manhattan"]))
    estimator = KNeighborsClassifier(algorithm=algorithm, metric=metric)
    check_equal(estimator, X, y, candidates(draw.draw, 30))


@pytest.mark.parametrize("outputs", [1, 2])
@settings(deadline=None, max_examples=25)
@given(draw=st.data())
def test_regressors(outputs, draw):
    X, rng = data(draw.draw, 60)
    y = rng.normal(size=(60, outputs)).round(1)
    y = y[:, 0] if outputs == 1 else y
    check_equal(KNeighborsRegressor(), X, y, candidates(draw.draw, 30))


def test_several_outputs_and_a_step_before():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 3)), rng.integers(0, 2, (40, 2))
    ks = [{"n_neighbors": k} for k in (7, 3, 5)]
    check_equal(KNeighborsClassifier(), X, y, ks)


def test_one_search_serves_all(monkeypatch):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    y = (X[:, 0] > 0).astype(int)
    searches = []
    plain = KNeighborsClassifier.kneighbors

    def counted(self, X=None, n_neighbors=None, return_distance=True):
        searches.append(n_neighbors)
        return plain(self, X, n_neighbors, return_distance)

    monkeypatch.setattr(KNeighborsClassifier, "kneighbors", counted)
    pipeline = make_pipeline(StandardScaler(), KNeighborsClassifier())
    for estimator, prefix in [
        (KNeighborsClassifier(), ""),
        (pipeline, "kneighborsclassifier__"),
    ]:
        searches.clear()
        scorer = check_scoring(estimator, "neg_log_loss")
        splits = list(KFold(2).split(X))
        evaluate = CrossValidation(estimator, X, y, splits, scorer)
        cache = StageCache()
        for k in (9, 7, 5, 3):
            for weights in ("uniform", "distance"):
                params = {f"{prefix}n_neighbors": k, f"{prefix}weights": weights}
                evaluate(Job(0, 0, params), cache)
        assert searches == [10]
