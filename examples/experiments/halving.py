"""Successive halving beside a search that learns.

    python halving.py [--seeds 1] [--picture halving.png]

scikit-learn's guide has two examples of halving: a grid over a support vector machine, and random
draws of a forest's parameters. Both are here as scikit-learn runs them, beside `SearchCV` over the
ranges that they come from. What counts is the best candidate's score on all samples, and how many
samples were fitted for it.
"""

from __future__ import annotations

import argparse

import numpy as np
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import HalvingGridSearchCV, HalvingRandomSearchCV, cross_val_score
from sklearn.svm import SVC

from tunesmith import Float, Int, SearchCV

FOLDS = 5


def problems(seed):
    """Yield, for each example, its name, data, model, halving search and the space it is from."""
    x, y = make_classification(n_samples=700, random_state=seed)
    model = SVC(random_state=seed)
    grid = {"gamma": np.logspace(-5, 1, 7).tolist(), "C": np.logspace(-2, 4, 7).tolist()}
    halving = HalvingGridSearchCV(model, grid, factor=2, random_state=seed)
    space = {"gamma": Float(1e-5, 10, log=True), "C": Float(1e-2, 1e4, log=True)}
    yield "support vectors", x, y, model, halving, space, 10
    x, y = make_classification(n_samples=400, n_features=12, random_state=seed)
    model = RandomForestClassifier(n_estimators=20, random_state=seed)
    lists = {
        "max_depth": [3, None],
        "max_features": list(range(1, 6)),
        "min_samples_split": list(range(2, 11)),
        "bootstrap": [True, False],
        "criterion": ["gini", "entropy"],
    }
    halving = HalvingRandomSearchCV(model, lists, factor=2, random_state=seed)
    space = lists | {"max_features": Int(1, 5), "min_samples_split": Int(2, 10)}
    yield "forest", x, y, model, halving, space, 6


def fitted_by_halving(search):
    """Return how many samples halving has fitted, all candidates and folds together."""
    return int(sum(search.cv_results_["n_resources"]) * (FOLDS - 1))


def fitted(search, n):
    """Return the same of a search that fits each candidate to all samples."""
    return len(search.cv_results_["params"]) * n * (FOLDS - 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--picture", help="where to draw both")
    options = parser.parse_args()
    found = {}
    for seed in range(options.seeds):
        for name, x, y, model, halving, space, n_iter in problems(seed):
            learned = SearchCV(clone(model), space, n_iter=n_iter, random_state=seed)
            for way, search in (("halving", halving), ("learned", learned)):
                search.fit(x, y)
                score = cross_val_score(search.best_estimator_, x, y, cv=FOLDS).mean()
                n = fitted(search, len(x)) if way == "learned" else fitted_by_halving(search)
                found.setdefault((name, way), []).append((n, score))
    for (name, way), pairs in found.items():
        n, score = np.mean(pairs, axis=0)
        print(f"{name:16} {way:8} accuracy {score:.4f} for {n:,.0f} samples fitted")
    if options.picture:
        draw(found, options.picture)


def draw(found, path):
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    ways = "halving", "learned"
    names = list(dict.fromkeys(name for name, _ in found))
    figure, axes = plt.subplots(1, len(names), figsize=(7, 3.6), layout="constrained")
    for place, name in zip(axes, names, strict=True):
        samples, scores = np.array([found[name, way] for way in ways]).transpose(2, 0, 1)
        place.plot(ways, scores, marker="o", color="0.6", mfc="C0", mec="C0")
        place.plot(ways, scores.mean(axis=1), marker="_", ms=24, mew=2.5, lw=0, color="C3")
        labels = [
            f"{w}\n{n:,.0f} samples" for w, n in zip(ways, samples.mean(axis=1), strict=True)
        ]
        place.set_xticks(ways, labels)
        place.set_xlim(-0.4, 1.4)
        place.set_title(f"{name} (red: mean of seeds)")
        place.grid(alpha=0.3, axis="y")
    axes[0].set_ylabel("accuracy of the best candidate")
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
