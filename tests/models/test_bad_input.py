"""One clear error, before any training, for what cannot work."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from tests.models.networks import compiled, iris
from tunesmith.models import KerasClassifier

keras = pytest.importorskip("keras", reason="Keras is not installed")

# Keras' variables do not know numpy 2's copy keyword, and say so when their state is read.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        (csr_array(np.eye(3)[iris()[1]]), TypeError, r"passed for y, .* Use '\.toarray\(\)'"),
        (5, TypeError, "at least 1 dimension"),
        (np.where(iris()[1] == 1, np.nan, 0.0), ValueError, "Input y contains NaN"),
    ],
    ids=["sparse", "a number", "NaN"],
)
@pytest.mark.parametrize("several", [False, True])
def test_y_that_is_no_target(y, error, message, several):
    X, _ = iris()
    X = {"left": X[:, :2], "right": X[:, 2:]} if several else X
    with pytest.raises(error, match=message):
        KerasClassifier(compiled).fit(X, y)
