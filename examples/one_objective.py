"""Tune a support vector machine: forty candidates that learn from each other, and random ones.

python examples/one_objective.py
"""

from __future__ import annotations

from sklearn.datasets import load_breast_cancer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from tunesmith import Float, SearchCV

SPACE = {"svc__C": Float(1e-3, 1e5, log=True), "svc__gamma": Float(1e-7, 1, log=True)}


def main():
    X, y = load_breast_cancer(return_X_y=True)
    estimator = make_pipeline(StandardScaler(), SVC())
    best = {}
    for sampler in ("auto", "random"):
        search = SearchCV(estimator, SPACE, n_iter=40, sampler=sampler, random_state=0)
        search.fit(X, y)
        best[sampler] = search.best_score_
        print(f"{sampler:8}{search.best_score_:.4f}  {search.best_params_}")
    assert best["auto"] >= best["random"]


if __name__ == "__main__":
    main()
