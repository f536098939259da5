from __future__ import annotations

import json
import subprocess
import sys

import tunesmith

HEAVY = ("jax", "keras", "matplotlib", "pandas", "tensorflow", "torch")

PUBLIC = [
    "Categorical",
    "Choice",
    "Distribution",
    "Float",
    "GridSearchCV",
    "Int",
    "KerasClassifier",
    "KerasRegressor",
    "RandomSearchCV",
    "RandomizedSearchCV",
    "SearchCV",
    "SearchTimeout",
    "Study",
    "StudyMismatch",
    "TrialPruned",
    "TunesmithError",
    "WouldBlock",
    "__version__",
    "maximize",
    "minimize",
]


def loaded_by(statement: str) -> set[str]:
    script = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(json.loads(result.stdout))


def test_import_loads_next_to_nothing():
    loaded = loaded_by("import tunesmith")
    assert loaded.isdisjoint(HEAVY)
    assert loaded.isdisjoint({"numpy", "scipy", "sklearn", "sqlalchemy", "rich"})


def test_every_name_loads_no_heavy_library():
    loaded = loaded_by("from tunesmith import *\nimport tunesmith.cli")
    assert "sklearn" in loaded
    # scikit-learn itself loads pandas where it is installed.
    assert loaded.isdisjoint(set(HEAVY) - {"pandas"})


def test_public_names_are_pinned():
    assert sorted(tunesmith.__all__) == PUBLIC
    assert [name for name in dir(tunesmith) if name in PUBLIC] == PUBLIC


def test_public_names_exist():
    assert all(getattr(tunesmith, name) is not None for name in PUBLIC)
