"""The searches that `sharing.py` measures: data, estimators and spaces."""

from __future__ import annotations

import ast
import sysconfig
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Setting:
    """For whom a search is made, and how large."""

    side: str
    seed: int = 0
    quick: bool = False
    data: Path | None = None

    def size(self, whole: int, quick: int) -> int:
        return quick if self.quick else whole


@dataclass(frozen=True)
class Task:
    """A search, ready to be made by either side."""

    X: Any
    y: Any
    estimator: Any
    space: Any
    cv: int = 5
    scoring: str | None = None
    n_iter: int | None = None
    ours: dict[str, Any] = field(default_factory=dict)

    def search(self, side: str, n_jobs: int, seed: int, refit: bool) -> Any:
        """Return the search, not fitted."""
        options = {"cv": self.cv, "scoring": self.scoring, "n_jobs": n_jobs, "refit": refit}
        options["error_score"] = "raise"
        if side == "ours":
            from tunesmith import GridSearchCV, RandomizedSearchCV

            options |= {"progress": False, **self.ours}
        else:
            from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
        if self.n_iter is None:
            return GridSearchCV(self.estimator, self.space, **options)
        options |= {"n_iter": self.n_iter, "random_state": seed}
        return RandomizedSearchCV(self.estimator, self.space, **options)


# Data


def images(setting: Setting, n: int) -> tuple[Any, Any]:
    """Return n images of MNIST in [0, 1], drawn by the seed; digits of 8×8 where there is none."""
    if setting.data is None:
        from sklearn.datasets import load_digits

        digits = load_digits()
        X, y = digits.images / 16, digits.target
    else:
        with np.load(setting.data) as file:
            X, y = file["x_train"] / 255, file["y_train"].astype(int)
    drawn = np.random.default_rng(setting.seed).permutation(len(X))[:n]
    return X[drawn].astype(np.float32), y[drawn]


def shuffled(setting: Setting, X: Any, y: Any, quick: int) -> tuple[Any, Any]:
    """Return all rows in an order drawn by the seed; a few of them in a quick run."""
    drawn = np.random.default_rng(setting.seed).permutation(len(X))
    drawn = drawn[: setting.size(len(X), quick)]
    return X[drawn], y[drawn]


def docstrings(setting: Setting) -> tuple[Any, Any]:
    """Return the docstrings in the standard library's packages, and the packages' names."""
    library = Path(sysconfig.get_paths()["stdlib"])
    others = {"site-packages", "dist-packages", "test", "tests", "idlelib", "lib2to3"}
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(library.rglob("*.py")):
        package, *rest = path.relative_to(library).parts
        if rest and others.isdisjoint((package, *rest)):
            found[package] += docstrings_of(path)
    kept = {name: texts for name, texts in found.items() if len(texts) >= 100}
    texts = np.array([text for some in kept.values() for text in some], dtype=object)
    labels = np.array([name for name, some in kept.items() for _ in some])
    return shuffled(setting, texts, labels, 300)


def docstrings_of(path: Path) -> list[str]:
    """Return the docstrings of a file that are more than a few words."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return []
    told = [ast.get_docstring(node) for node in ast.walk(tree) if isinstance(node, kinds)]
    return [text for text in told if text and len(text) > 40]


# Networks


def make_conv_net(dense_layer_sizes, filters, kernel_size, pool_size, image_shape):
    from tunesmith.cli.network import make_model

    sizes = (dense_layer_sizes, filters, kernel_size, pool_size)
    return make_model(*sizes, image_shape, 10, "adadelta", learning_rate=1.0)


def make_mlp(hidden, learning_rate, l2, n_features):
    import keras
    from keras import layers

    model = keras.Sequential([keras.Input((n_features,))])
    for units in hidden:
        penalty = keras.regularizers.L2(l2) if l2 else None
        model.add(layers.Dense(units, activation="relu", kernel_regularizer=penalty))
    model.add(layers.Dense(10, activation="softmax"))
    model.compile(
        loss="categorical_crossentropy",
        optimizer=keras.optimizers.Adam(learning_rate=learning_rate),
        metrics=["accuracy"],
    )
    return model


def keras_classifier(side: str, build: Callable[..., Any], **params: Any) -> Any:
    """Return the estimator of either side around a build function."""
    if side == "ours":
        from tunesmith import KerasClassifier

        return KerasClassifier(build, **params)
    from scikeras.wrappers import KerasClassifier

    # One-hot targets, which it takes from the loss it is told; and no progress bars.
    return KerasClassifier(build, loss="categorical_crossentropy", verbose=0, **params)


# Searches


def seed_grid(setting: Setting, n_images: int = 1_000) -> Task:
    X, y = images(setting, setting.size(n_images, 240))
    X = X[..., np.newaxis]
    estimator = keras_classifier(
        setting.side,
        make_conv_net,
        dense_layer_sizes=[32],
        filters=8,
        kernel_size=3,
        pool_size=2,
        image_shape=X.shape[1:],
        batch_size=32,
        epochs=3,
        random_state=setting.seed,
    )
    layouts = [[32], [64], [32, 32], [64, 64]]
    space = {"dense_layer_sizes": layouts, "epochs": [3, 6]}
    if setting.quick:
        space = {"dense_layer_sizes": layouts[:1], "epochs": [1, 2]}
    return Task(X, y, estimator, space, cv=3, scoring="neg_log_loss")


def seed_grid_large(setting: Setting) -> Task:
    return seed_grid(setting, 10_000)


def random_mlps(setting: Setting) -> Task:
    from scipy.stats import loguniform
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    X, y = shuffled(setting, (X / 16).astype(np.float32), y, 120)
    params = {"hidden": [32], "learning_rate": 1e-3, "l2": 1e-4, "n_features": 64}
    fixed = {"batch_size": 32, "epochs": 5, "random_state": setting.seed}
    space = {
        "hidden": [[32], [64], [64, 32]],
        "learning_rate": loguniform(1e-4, 1e-1),
        "l2": loguniform(1e-6, 1e-2),
        "batch_size": [32, 64],
        "epochs": [5, 10, 20],
    }
    if setting.quick:
        space |= {"hidden": [[32]], "batch_size": [32], "epochs": [1, 2]}
    estimator = keras_classifier(setting.side, make_mlp, **params, **fixed)
    cv = setting.size(5, 2)
    return Task(X, y, estimator, space, cv, "accuracy", n_iter=setting.size(60, 2))


def mlp_grid(setting: Setting) -> Task:
    X, y = images(setting, setting.size(4_000, 240))
    X = X.reshape(len(X), -1)
    params = {"hidden": [64], "learning_rate": 1e-3, "l2": 0.0, "n_features": X.shape[1]}
    fixed = {"batch_size": 32, "epochs": setting.size(3, 1), "random_state": setting.seed}
    rates = np.logspace(-4, -1, setting.size(8, 2)).tolist()
    space = {"learning_rate": rates, "hidden": [[32], [64], [128]][: setting.size(3, 1)]}
    estimator = keras_classifier(setting.side, make_mlp, **params, **fixed)
    return Task(X, y, estimator, space, setting.size(5, 2), "accuracy")


def gradient_boosting(setting: Setting) -> Task:
    from sklearn.datasets import load_breast_cancer
    from sklearn.ensemble import GradientBoostingClassifier

    X, y = shuffled(setting, *load_breast_cancer(return_X_y=True), 150)
    space = {
        "n_estimators": list(range(5, 16, 5)) if setting.quick else list(range(50, 501, 50)),
        "learning_rate": [0.03, 0.1, 0.3][: setting.size(3, 1)],
        "max_depth": [1, 2, 3][: setting.size(3, 2)],
    }
    return Task(X, y, GradientBoostingClassifier(random_state=setting.seed), space)


def random_forest(setting: Setting) -> Task:
    from sklearn.datasets import load_digits
    from sklearn.ensemble import RandomForestClassifier

    X, y = shuffled(setting, *load_digits(return_X_y=True), 200)
    space = {
        "n_estimators": list(range(5, 16, 5)) if setting.quick else list(range(50, 501, 50)),
        "max_features": ["sqrt", "log2", 0.25][: setting.size(3, 2)],
    }
    return Task(X, y, RandomForestClassifier(random_state=setting.seed), space)


def text(setting: Setting) -> Task:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.feature_selection import SelectKBest
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline

    X, y = docstrings(setting)
    steps = [
        ("words", TfidfVectorizer()),
        ("best", SelectKBest()),
        ("model", LogisticRegression(max_iter=setting.size(1000, 300))),
    ]
    space = {
        "words__ngram_range": [(1, 1), (1, 2), (1, 3)][: setting.size(3, 2)],
        "best__k": [500, 1000, 2000] if not setting.quick else [50, 100],
        "model__C": np.logspace(-2, 2, setting.size(8, 2)).tolist(),
    }
    return Task(X, y, Pipeline(steps), space, setting.size(5, 2))


def ridge(setting: Setting) -> Task:
    from sklearn.datasets import make_regression
    from sklearn.linear_model import Ridge

    shape = {"n_samples": setting.size(2_000, 100), "n_features": setting.size(500, 10)}
    X, y = make_regression(**shape, n_informative=10, noise=10.0, random_state=setting.seed)
    space = {"alpha": np.logspace(-3, 3, setting.size(100, 10)).tolist()}
    return Task(X, y, Ridge(), space, ours={"sharing": "rounding"})


def neighbours(setting: Setting) -> Task:
    from sklearn.neighbors import KNeighborsClassifier

    X, y = images(setting, setting.size(4_000, 240))
    space = {
        "n_neighbors": list(range(1, setting.size(25, 5) + 1)),
        "weights": ["uniform", "distance"],
    }
    return Task(X.reshape(len(X), -1), y, KNeighborsClassifier(), space)


def nothing_to_share(setting: Setting) -> Task:
    from sklearn.datasets import load_digits
    from sklearn.svm import SVC

    X, y = shuffled(setting, *load_digits(return_X_y=True), 200)
    space = {
        "C": np.logspace(-1, 3, setting.size(10, 3)).tolist(),
        "gamma": np.logspace(-4, -2, setting.size(6, 2)).tolist(),
    }
    return Task(X, y, SVC(), space)


WORKLOADS: dict[str, Callable[[Setting], Task]] = {
    "seed grid": seed_grid,
    "seed grid large": seed_grid_large,
    "random MLPs": random_mlps,
    "MLP grid": mlp_grid,
    "gradient boosting": gradient_boosting,
    "random forest": random_forest,
    "text": text,
    "ridge": ridge,
    "neighbours": neighbours,
    "nothing to share": nothing_to_share,
}
