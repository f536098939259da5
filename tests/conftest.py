from __future__ import annotations

import os

# Before anything imports Keras; whoever wants another backend says so.
os.environ.setdefault("KERAS_BACKEND", "jax")
