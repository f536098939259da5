"""Search twice, with what candidates have in common computed once, and without.

python examples/sharing.py
"""

from __future__ import annotations

import time

import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import KernelPCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline

from tunesmith import GridSearchCV

SEARCHES = {
    "a forest, of which small ones are the beginning of the largest": (
        RandomForestClassifier(random_state=0),
        {"n_estimators": [10, 20, 30, 40, 50], "max_features": ["sqrt", "log2"]},
    ),
    "a pipeline whose first step is fitted once for each of its settings": (
        make_pipeline(KernelPCA(kernel="rbf", eigen_solver="dense"), GaussianNB()),
        {
            "kernelpca__n_components": [10, 20],
            "gaussiannb__var_smoothing": [1e-9, 1e-6, 1e-3, 1e-1],
        },
    ),
}


def timed(search, X, y):
    start = time.perf_counter()
    search.fit(X, y)
    return time.perf_counter() - start


def scores(search):
    names = [f"split{split}_test_score" for split in range(search.n_splits_)]
    return np.array([search.cv_results_[name] for name in names])


X, y = load_digits(return_X_y=True)
X, y = X[:800], y[:800]
for title, (estimator, grid) in SEARCHES.items():
    shared = GridSearchCV(estimator, grid, progress=False)
    alone = GridSearchCV(estimator, grid, sharing="off", progress=False)
    print(title)
    print(f"  shared {timed(shared, X, y):6.2f} s")
    print(f"  alone  {timed(alone, X, y):6.2f} s")
    equal = np.array_equal(scores(shared), scores(alone))
    print(f"  all {scores(shared).size} scores equal, to the bit: {'yes' if equal else 'no'}")
    done = {name: count for name, count in shared.sharing_.items() if count}
    print("  " + ", ".join(f"{name} {count:.4g}" for name, count in done.items()) + "\n")
