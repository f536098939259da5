"""Models and a small network of scikit-learn, cross-validated over data sets it ships.

What counts is the mean over three folds that stay the same: the part of the labels that is wrong,
the log loss, or 1 - R². An evaluation gives the same value every time, and is kept on disk.
"""

from __future__ import annotations

import json
import sqlite3
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from quality_problems import Problem, category, real, whole

FOLDS = "3 folds, 1"
"""Names the splits; another name makes evaluations that are kept worthless."""
WORST = {"error": 1.0, "log loss": 5.0, "1 - R²": 3.0}
"""What a model gets that cannot be fitted, or is worse."""
SCORING = {"error": "accuracy", "log loss": "neg_log_loss", "1 - R²": "r2"}
DATA = {
    "digits": ("load_digits", 450),
    "cancer": ("load_breast_cancer", 569),
    "wine": ("load_wine", 178),
    "iris": ("load_iris", 150),
    "diabetes": ("load_diabetes", 442),
}
"""Loaders, and how many rows are taken."""


@dataclass(frozen=True)
class Task:
    """A model to be tuned on a data set."""

    model: Callable
    """Returns the space, and what makes an estimator from parameters."""
    data: str
    measure: str
    development: bool = False


class Evaluations:
    """Values that are kept on disk, or only asked for where there is no folder."""

    def __init__(self, folder: Path | None) -> None:
        self._path = None
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            self._path = folder / "evaluations.sqlite"
            with self._open() as file:
                file.execute("create table if not exists kept (key text primary key, value real)")

    def _open(self):
        return sqlite3.connect(self._path, timeout=60)

    def value(self, key: str, compute: Callable[[], float]) -> float:
        """Return the value of a key, computed if it is not kept yet."""
        if self._path is None:
            return compute()
        file = self._open()
        try:
            row = file.execute("select value from kept where key = ?", (key,)).fetchone()
            if row is None:
                row = (compute(),)
                with file:
                    file.execute("insert or replace into kept values (?, ?)", (key, *row))
        finally:
            file.close()
        return row[0]


def make(name: str, seed: int, evaluations: Evaluations) -> Problem:
    """Return the task of a name; the seed changes nothing."""
    import sklearn

    task = TASKS[name.split("/", 1)[1]]
    space, build = task.model(task.data == "diabetes")
    X, y = data(task.data)

    def value(params):
        key = json.dumps([name, FOLDS, sklearn.__version__, params], sort_keys=True)
        return evaluations.value(key, lambda: validated(build(params), X, y, task.measure))

    return Problem(name, "real", space, value)


def data(name):
    """Return rows and labels, shuffled once and for all."""
    from sklearn import datasets

    loader, n = DATA[name]
    X, y = getattr(datasets, loader)(return_X_y=True)
    taken = np.random.default_rng(0).permutation(len(X))[:n]
    return X[taken].astype(float), y[taken]


def validated(estimator, X, y, measure):
    """Return the mean over the folds; the worst value where it cannot be fitted."""
    from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score

    kind = KFold if measure == "1 - R²" else StratifiedKFold
    splits = kind(3, shuffle=True, random_state=1)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            scores = cross_val_score(
                estimator, X, y, cv=splits, scoring=SCORING[measure], error_score="raise"
            )
        except (ValueError, FloatingPointError, np.linalg.LinAlgError):
            return WORST[measure]
    score = float(np.mean(scores))
    loss = -score if measure == "log loss" else 1 - score
    return min(loss, WORST[measure]) if np.isfinite(loss) else WORST[measure]


def piped(*steps):
    from sklearn.pipeline import make_pipeline

    return make_pipeline(*(step for step in steps if step is not None))


def scaler(kind):
    """Return a transformer of a name; None for "none"."""
    from sklearn import preprocessing

    kinds = {"standard": "StandardScaler", "minmax": "MinMaxScaler", "robust": "RobustScaler"}
    return getattr(preprocessing, kinds[kind])() if kind in kinds else None


# The models; each returns a space, and what makes an estimator from its parameters


def support(regression):
    from sklearn.svm import SVC, SVR

    bent = ["rbf", "poly", "sigmoid"]
    space = [
        category("scale", ["none", "standard", "minmax"]),
        category("kernel", ["linear", *bent]),
        real("C", 1e-3, 1e4, log=True),
        real("gamma", 1e-6, 10.0, log=True, when=["kernel", bent]),
        real("coef0", -1.0, 2.0, when=["kernel", ["poly", "sigmoid"]]),
        whole("degree", 2, 5, when=["kernel", ["poly"]]),
    ]
    if regression:
        space.append(real("epsilon", 1e-3, 100.0, log=True))

    def build(p):
        rest = {k: v for k, v in p.items() if k != "scale"}
        return piped(scaler(p["scale"]), (SVR if regression else SVC)(**rest, max_iter=5000))

    return space, build


def forest(regression):
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
    from sklearn.ensemble import RandomForestClassifier as Classifier
    from sklearn.ensemble import RandomForestRegressor as Regressor

    kinds = {
        "forest": Regressor if regression else Classifier,
        "extra": ExtraTreesRegressor if regression else ExtraTreesClassifier,
    }
    criteria = ["squared_error", "poisson"] if regression else ["gini", "entropy"]
    space = [
        category("kind", list(kinds)),
        whole("n_estimators", 3, 24, log=True),
        category("criterion", criteria),
        whole("max_depth", 1, 16),
        real("max_features", 0.05, 1.0),
        whole("min_samples_leaf", 1, 20, log=True),
        category("bootstrap", [True, False]),
        real("max_samples", 0.2, 1.0, when=["bootstrap", [True]]),
    ]

    def build(p):
        rest = {k: v for k, v in p.items() if k != "kind"}
        return kinds[p["kind"]](**rest, random_state=0)

    return space, build


def boosting(regression):
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    space = [
        real("learning_rate", 0.005, 1.0, log=True),
        whole("max_iter", 5, 60, log=True),
        whole("max_leaf_nodes", 2, 32, log=True),
        whole("min_samples_leaf", 2, 60, log=True),
        real("l2_regularization", 1e-6, 100.0, log=True),
        real("max_features", 0.1, 1.0),
        whole("max_bins", 4, 64, log=True),
    ]
    if regression:
        space.append(category("loss", ["squared_error", "absolute_error"]))
    kind = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
    return space, lambda p: kind(**p, random_state=0, early_stopping=False)


def linear(regression):
    from sklearn.decomposition import PCA
    from sklearn.linear_model import ElasticNet, LogisticRegression
    from sklearn.preprocessing import PolynomialFeatures

    space = [
        category("scale", ["standard", "minmax", "robust"]),
        category("reduce", ["no", "yes"]),
        real("kept", 0.3, 0.999, when=["reduce", ["yes"]]),
        category("products", ["no", "yes"]),
        category("interaction", [True, False], when=["products", ["yes"]]),
        real("strength", 1e-5, 1e3, log=True),
    ]
    space += [real("l1_ratio", 0.0, 1.0)] if regression else []

    def build(p):
        first = PCA(p["kept"], random_state=0) if "kept" in p else None
        products = None
        if "interaction" in p:
            products = PolynomialFeatures(2, interaction_only=p["interaction"])
        if regression:
            last = ElasticNet(alpha=p["strength"], l1_ratio=p["l1_ratio"], max_iter=200)
        else:
            last = LogisticRegression(C=1 / p["strength"], max_iter=60)
        return piped(scaler(p["scale"]), first, products, last)

    return space, build


def neighbours(regression):
    from sklearn.decomposition import PCA
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

    space = [
        category("scale", ["none", "standard", "minmax", "robust"]),
        category("reduce", ["no", "yes"]),
        real("kept", 0.2, 0.999, when=["reduce", ["yes"]]),
        whole("n_neighbors", 1, 50, log=True),
        category("weights", ["uniform", "distance"]),
        category("metric", ["minkowski", "cosine", "chebyshev", "canberra"]),
        real("p", 1.0, 5.0, when=["metric", ["minkowski"]]),
    ]
    kind = KNeighborsRegressor if regression else KNeighborsClassifier

    def build(p):
        first = PCA(p["kept"], random_state=0) if "kept" in p else None
        rest = {k: p[k] for k in ("n_neighbors", "weights", "metric", "p") if k in p}
        return piped(scaler(p["scale"]), first, kind(**rest))

    return space, build


def network(regression):
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    space = [
        category("scale", ["standard", "minmax"]),
        category("layers", [1, 2, 3]),
        *(
            whole(f"width{i}", 4, 64, log=True, when=["layers", [1, 2, 3][i:]] if i else None)
            for i in range(3)
        ),
        category("activation", ["relu", "tanh", "logistic"]),
        real("alpha", 1e-7, 10.0, log=True),
        category("solver", ["adam", "sgd"]),
        real("rate", 1e-4, 1.0, log=True),
        real("momentum", 0.0, 0.99, when=["solver", ["sgd"]]),
        whole("batch", 16, 128, log=True),
        whole("epochs", 2, 12),
    ]
    kind = MLPRegressor if regression else MLPClassifier

    def build(p):
        model = kind(
            [p[f"width{i}"] for i in range(p["layers"])],
            activation=p["activation"],
            alpha=p["alpha"],
            solver=p["solver"],
            learning_rate_init=p["rate"],
            momentum=p.get("momentum", 0.9),
            batch_size=p["batch"],
            max_iter=p["epochs"],
            random_state=0,
        )
        return piped(scaler(p["scale"]), model)

    return space, build


def models(regression):
    """One of several models, each with its own parameters under its own prefix."""
    parts = {
        "support": support,
        "forest": forest,
        "linear": linear,
        "neighbours": neighbours,
        "boosting": boosting,
    }
    made = {name: part(regression) for name, part in parts.items()}
    space = [category("model", list(parts))]
    for name, (inner, _) in made.items():
        for parameter in inner:
            when = parameter["when"]
            opened = ["model", [name]] if when is None else [f"{name}_{when[0]}", when[1]]
            space.append(parameter | {"name": f"{name}_{parameter['name']}", "when": opened})

    def build(p):
        name = p["model"]
        own = {k.removeprefix(f"{name}_"): v for k, v in p.items() if k != "model"}
        return made[name][1](own)

    return space, build


TASKS = {
    "support digits": Task(support, "digits", "error"),
    "network digits": Task(network, "digits", "log loss"),
    "models diabetes": Task(models, "diabetes", "1 - R²"),
    "forest cancer": Task(forest, "cancer", "log loss"),
    "boosting diabetes": Task(boosting, "diabetes", "1 - R²"),
    "linear wine": Task(linear, "wine", "log loss"),
    "neighbours digits": Task(neighbours, "digits", "error"),
    "models cancer": Task(models, "cancer", "error"),
    "support diabetes": Task(support, "diabetes", "1 - R²"),
    "network wine": Task(network, "wine", "log loss"),
    "linear diabetes": Task(linear, "diabetes", "1 - R²"),
    "forest digits": Task(forest, "digits", "error"),
    "boosting cancer": Task(boosting, "cancer", "log loss"),
    "support cancer": Task(support, "cancer", "error", True),
    "network iris": Task(network, "iris", "log loss", True),
    "forest diabetes": Task(forest, "diabetes", "1 - R²", True),
    "models wine": Task(models, "wine", "error", True),
    "neighbours diabetes": Task(neighbours, "diabetes", "1 - R²", True),
}
