"""Find models that are accurate or small, and all that is worth having between the two.

python examples/two_objectives.py
"""

from __future__ import annotations

from sklearn.datasets import load_digits
from sklearn.tree import DecisionTreeClassifier

from tunesmith import Float, Int, SearchCV

SPACE = {
    "max_leaf_nodes": Int(2, 300, log=True),
    "min_impurity_decrease": Float(1e-6, 1e-1, log=True),
    "criterion": ["gini", "entropy"],
}


def few_leaves(estimator, X, y):
    return -estimator.get_n_leaves()


def main():
    X, y = load_digits(return_X_y=True)
    search = SearchCV(
        DecisionTreeClassifier(random_state=0),
        SPACE,
        n_iter=40,
        scoring={"accuracy": "accuracy", "few_leaves": few_leaves},
        objectives=["accuracy", "few_leaves"],
        refit="accuracy",
        cv=3,
        random_state=0,
    ).fit(X, y)
    results = search.cv_results_
    columns = [results[f"mean_test_{name}"] for name in ("few_leaves", "accuracy")]
    front = sorted({tuple(column[place] for column in columns) for place in search.pareto_})
    print("leaves  accuracy")
    for leaves, accuracy in reversed(front):
        print(f"{-leaves:6.0f}  {accuracy:.3f}")
    assert len(front) >= 8
    assert search.best_index_ in search.pareto_


if __name__ == "__main__":
    main()
