"""A pytest plugin: scikit-learn's own tests of its searches meet tunesmith's.

    PYTHONPATH=tests/conformance/sklearn_suite \
        pytest --pyargs sklearn.model_selection.tests.test_search -p swap
"""

from __future__ import annotations

import sklearn.model_selection as model_selection

import tunesmith

for name in ("GridSearchCV", "RandomizedSearchCV"):
    setattr(model_selection, name, getattr(tunesmith, name))
