from __future__ import annotations

import os

# Before anything imports Keras; whoever wants another backend says so.
os.environ.setdefault("KERAS_BACKEND", "jax")

# A plugin for another pytest, which would swap scikit-learn's classes in this one; and a script.
collect_ignore = ["conformance/sklearn_suite", "search/killed_script.py"]
