"""A grid, a random search and a search that learns, over a linear support vector machine.

    python linear.py [--seeds 3] [--picture linear.png]

The problem by which scikit-learn's user guide compares its own two searches: the digits 0, 1 and
2, and three parameters of stochastic gradient descent. The grid has 60 candidates, the others 15.
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np
from scipy import stats
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import SGDClassifier

from tunesmith import GridSearchCV, RandomizedSearchCV, SearchCV

N_ITER = 15


def searches(seed):
    """Return the three searches by their names."""
    model = SGDClassifier(loss="hinge", penalty="elasticnet", random_state=0)
    space = {
        "average": [True, False],
        "l1_ratio": stats.uniform(0, 1),
        "alpha": stats.loguniform(1e-2, 1e0),
    }
    grid = {
        "average": [True, False],
        "l1_ratio": np.linspace(0, 1, num=10).tolist(),
        "alpha": [0.01, 0.1, 1.0],
    }
    return {
        "grid": GridSearchCV(model, grid),
        "random": RandomizedSearchCV(model, space, n_iter=N_ITER, random_state=seed),
        "learned": SearchCV(model, space, n_iter=N_ITER, random_state=seed),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--picture", help="where to draw the searches")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)  # of candidates that are none too good
    x, y = load_digits(return_X_y=True, n_class=3)
    traces = {"grid": [], "random": [], "learned": []}
    for seed in range(options.seeds):
        for name, search in searches(seed).items():
            start = time.perf_counter()
            search.fit(x, y)
            seconds = time.perf_counter() - start
            scores = search.cv_results_["mean_test_score"]
            traces[name].append(np.maximum.accumulate(scores))
            if seed == 0:
                params = sorted(search.best_params_.items())
                found = ", ".join(
                    f"{name}={round(value, 4) if isinstance(value, float) else value}"
                    for name, value in params
                )
                print(f"{name:8} {len(scores):3} candidates in {seconds:.1f} s: {found}")
    for name, runs in traces.items():
        print(f"{name:8} best mean accuracy {np.mean([run[-1] for run in runs]):.4f}")
    if options.picture:
        draw(traces, options.picture)


def draw(traces, path):
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    for name, runs in traces.items():
        mean = np.mean(runs, axis=0)
        axes.step(range(1, len(mean) + 1), mean, where="post", label=name)
    axes.set_xlabel("candidates")
    axes.set_ylabel("best mean accuracy so far")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
