"""A pytest plugin: Hyperopt's own tests meet tunesmith's package of its names.

    PYTHONPATH=tests/conformance/hyperopt_suite \
        pytest -p swap_hyperopt --pyargs hyperopt.tests.unit.test_fmin

Whatever is imported as hyperopt is tunesmith's, but for the tests themselves.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys

import tunesmith.compat.hyperopt as ours

home = importlib.util.find_spec("hyperopt").submodule_search_locations
sys.modules["hyperopt"] = ours
for module in list(pkgutil.walk_packages(ours.__path__, f"{ours.__name__}.")):
    loaded = importlib.import_module(module.name)
    sys.modules[module.name.removeprefix("tunesmith.compat.")] = loaded
ours.__path__.extend(home)  # where the tests are
