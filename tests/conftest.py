from __future__ import annotations

import os

# Before anything imports Keras; whoever wants another backend says so.
os.environ.setdefault("KERAS_BACKEND", "jax")

# A plugin for another pytest: importing it here would swap scikit-learn's classes in this one.
collect_ignore = ["conformance/sklearn_suite"]
