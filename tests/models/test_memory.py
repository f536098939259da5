from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("keras", reason="Keras is not installed")
pytest.importorskip("psutil", reason="psutil is not installed")

# A process of its own: what other tests left behind would blur the measurement.
SCRIPT = """
import psutil
from sklearn.base import clone
from tests.models.networks import classifier, iris
from tunesmith.models import KerasClassifier

X, y = iris()
estimator = KerasClassifier(classifier, dropout=0.2, batch_size=50, optimizer="adam")
process = psutil.Process()
sizes = []
for _ in range(200):
    clone(estimator).fit(X, y).predict_proba(X)
    sizes.append(process.memory_info().rss / 2**20)
print(sizes[49], max(sizes[50:]), sizes[-1])
"""


@pytest.mark.long
@pytest.mark.timeout(900)
def test_two_hundred_fits_grow_by_thirty_megabytes_at_most():
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )
    assert result.returncode == 0, result.stderr
    at_50, highest, _ = map(float, result.stdout.split())
    assert highest - at_50 <= 30, f"{at_50:.0f} MB after 50 fits, {highest:.0f} MB later"
