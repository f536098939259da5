from __future__ import annotations

import pytest

from tests.models.networks import run_on

pytest.importorskip("keras", reason="Keras is not installed")

# Keras binds to one backend a process, hence the subprocesses.
SCRIPT = """
import copy
import pickle
import random

import keras
import numpy as np
from sklearn.model_selection import GridSearchCV

from tests.models.networks import ADAM, classifier, diabetes, digits, iris, regressor
from tunesmith.models import KerasClassifier, KerasRegressor

X, y = iris()
params = {"epochs": 25, "batch_size": 50, "random_state": 0, "dropout": 0.1, **ADAM}
before = random.getstate(), np.random.get_state()[1].copy()
estimator = KerasClassifier(classifier, metrics=["accuracy"], **params).fit(X, y)
assert random.getstate() == before[0]
assert np.array_equal(np.random.get_state()[1], before[1])
assert estimator.score(X, y) > 0.9, estimator.score(X, y)
assert abs(estimator.evaluate(X, y)["accuracy"] - estimator.score(X, y)) < 1e-6

again = KerasClassifier(classifier, metrics=["accuracy"], **params).fit(X, y)
np.testing.assert_allclose(again.predict_proba(X), estimator.predict_proba(X), atol=1e-6)

copied = pickle.loads(pickle.dumps(estimator))
np.testing.assert_allclose(copied.predict_proba(X), estimator.predict_proba(X), atol=1e-6)
copied = copy.deepcopy(estimator)
assert copied.partial_fit(X, y).n_epochs_ == 26

if keras.backend.backend() == "torch":
    at_once = KerasClassifier(classifier, **(params | {"epochs": 2})).fit(X, y)
    parts = KerasClassifier(classifier, **(params | {"epochs": 1})).fit(X, y).partial_fit(X, y)
    np.testing.assert_array_equal(parts.predict_proba(X), at_once.predict_proba(X))

images, labels = digits()
one_hot = KerasClassifier(classifier, validation_fraction=0.25, class_weight={3: 2.0})
one_hot.fit(images, np.eye(10)[labels])
assert one_hot.predict(images).shape == labels.shape
assert "val_loss" in one_hot.history_

X, y = diabetes()
numbers = KerasRegressor(regressor, epochs=20, random_state=0, **ADAM)
assert numbers.fit(X, np.column_stack([y, -y])).score(X, np.column_stack([y, -y])) > 0.2

X, y = iris()
search = GridSearchCV(
    KerasClassifier(classifier, epochs=2, random_state=0), {"hidden": [4, 8]}, cv=2,
    scoring="neg_log_loss", error_score="raise",
).fit(X, y)
assert isinstance(search.best_estimator_.model, keras.Model)
print("passed on", keras.backend.backend())
"""


@pytest.mark.long
@pytest.mark.parametrize("backend", ["torch", "tensorflow"])
def test_core_behaviour(backend):
    assert f"passed on {backend}" in run_on(backend, SCRIPT)
