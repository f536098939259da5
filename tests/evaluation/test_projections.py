"""Principal components cut from a full decomposition are those of a PCA fitted alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline

from tunesmith.evaluation.crossval import CrossValidation
from tunesmith.evaluation.stages import StageCache
from tunesmith.trial import Job


def seen(sharing, X, y, pca, numbers):
    """Return all that can be seen of the components of each number, and how many were computed."""
    found = []

    def look(pipeline, X, y):
        pca = pipeline[0]
        learned = {k: v for k, v in vars(pca).items() if k.endswith("_") and k[0] != "_"}
        learned |= {"projected": pca.transform(X), "predicted": pipeline.predict(X)}
        found.append({k: np.asarray(v).tobytes() for k, v in learned.items()})
        return 0.0

    splits = list(KFold(2).split(X))
    pipeline = make_pipeline(pca, LinearRegression())
    evaluate = CrossValidation(
        pipeline, X, y, splits, look, sharing=sharing, return_train_score=True
    )
    cache = StageCache()
    for n in numbers:
        for split in (0, 1):
            evaluate(Job(0, split, {"pca__n_components": n}), cache)
    return found


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 1000),
    shape=st.sampled_from([(60, 4), (24, 20), (300, 12)]),
    solver=st.sampled_from(["auto", "full", "covariance_eigh", "randomized"]),
    whiten=st.booleans(),
    numbers=st.lists(st.integers(1, 4), min_size=1, max_size=4),
)
def test_every_number(seed, shape, solver, whiten, numbers):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=shape) @ rng.normal(size=(shape[1], shape[1]))
    y = rng.normal(size=shape[0])
    pca = PCA(svd_solver=solver, whiten=whiten, random_state=0)
    assert seen("exact", X, y, pca, numbers) == seen("off", X, y, pca, numbers)


@pytest.mark.parametrize(("solver", "decompositions"), [("full", 2), ("randomized", 8)])
def test_one_decomposition_a_split(monkeypatch, solver, decompositions):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 6)), rng.normal(size=40)
    fits = []
    plain = PCA._fit
    monkeypatch.setattr(PCA, "_fit", lambda self, X: fits.append(1) or plain(self, X))
    seen("exact", X, y, PCA(svd_solver=solver, random_state=0), [3, 1, 2, 4])
    assert len(fits) == decompositions
