"""Keep to constraints: some between parameters, some on what comes out.

python examples/constrained.py
"""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.ensemble import RandomForestRegressor
from sklearn.model_selection import cross_val_score

from tunesmith import Int, minimize

X, y = load_diabetes(return_X_y=True)
SPACE = {
    "n_estimators": Int(5, 100, log=True),
    "max_leaf_nodes": Int(4, 256, log=True),
    "min_samples_leaf": Int(1, 30, log=True),
    "min_samples_split": Int(2, 60, log=True),
}


def forest(params):
    model = RandomForestRegressor(**params, random_state=0)
    error = -cross_val_score(model, X, y, cv=3, scoring="neg_root_mean_squared_error").mean()
    nodes = sum(tree.tree_.node_count for tree in model.fit(X, y).estimators_)
    return {"error": error, "kilobytes": nodes * 64 / 1024}


def main():
    result = minimize(
        forest,
        SPACE,
        n_iter=30,
        objectives=["error"],
        outcome_constraints={"kilobytes": 20},
        # A leaf of the least size must fit into a split of the least size twice.
        constraints=lambda p: 2 * p["min_samples_leaf"] <= p["min_samples_split"],
        random_state=0,
    )
    print(result)
    print(f"{result.best_trial.values['kilobytes']:.1f} kB of 20")
    assert result.best_trial.values["kilobytes"] <= 20
    assert result.best_value < np.std(y) * 0.85


if __name__ == "__main__":
    main()
