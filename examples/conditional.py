"""Choose between kinds of models, each with parameters of its own.

python examples/conditional.py
"""

from __future__ import annotations

from collections import Counter

from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from tunesmith import Choice, Float, Int, SearchCV

MODEL = Choice(
    {
        LogisticRegression(max_iter=300): {"model__C": Float(1e-4, 10, log=True)},
        KNeighborsClassifier(): {
            "model__n_neighbors": Int(1, 50, log=True),
            "model__weights": ["uniform", "distance"],
        },
        DecisionTreeClassifier(random_state=0): {
            "model__max_depth": Int(1, 30),
            "model__min_samples_leaf": Int(1, 50, log=True),
        },
    }
)


def main():
    X, y = load_digits(return_X_y=True)
    X, y = X[:600], y[:600]
    pipeline = Pipeline([("scale", StandardScaler()), ("model", LogisticRegression())])
    search = SearchCV(pipeline, {"model": MODEL}, n_iter=30, cv=3, random_state=0).fit(X, y)
    tried = Counter(type(params["model"]).__name__ for params in search.cv_results_["params"])
    for name, count in tried.most_common():
        print(f"{count:3} × {name}")
    print(f"best: {search.best_score_:.3f} by {search.best_params_}")
    assert tried["DecisionTreeClassifier"] < 10
    assert search.best_score_ > 0.88


if __name__ == "__main__":
    main()
