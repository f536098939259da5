"""A search that a test interrupts and runs again; arguments: STUDY RESULT GATE.

The fits of the later candidates wait for the file GATE, so that they are under way for sure.
"""

import json
import signal
import sys
import time
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris

import tunesmith


class Gated(ClassifierMixin, BaseEstimator):
    """Tells classes by a threshold; a high one is fitted only once a file is there."""

    def __init__(self, gate=None, threshold=0.0):
        self.gate = gate
        self.threshold = threshold

    def fit(self, X, y):
        while self.threshold > 5 and not Path(self.gate).exists():
            time.sleep(0.01)
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.digitize(X[:, 2], [2.5, self.threshold])


def main(storage, result, gate):
    # A shell that starts jobs in the background has them ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    X, y = load_iris(return_X_y=True)
    search = tunesmith.GridSearchCV(
        Gated(gate),
        {"threshold": [*np.linspace(4, 5, 7), *np.linspace(5.1, 6, 5)]},
        cv=3,
        n_jobs=2,
        threads_per_worker=1,
        storage=None if storage == "none" else storage,
    ).fit(X, y)
    columns = {
        name: np.asarray(column).tolist()
        for name, column in search.cv_results_.items()
        if not name.endswith("_time") and name != "params"
    }
    best = search.best_params_ | {"score": search.best_score_}
    Path(result).write_text(json.dumps(columns | {"best": best}))


if __name__ == "__main__":
    main(*sys.argv[1:])
