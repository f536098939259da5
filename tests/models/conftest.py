from __future__ import annotations

import os

import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")


@pytest.fixture(scope="session", autouse=True)
def _compiled_programs_on_disk(tmp_path_factory):
    """Most tests train one of a few tiny networks: each is compiled once, not for each fit."""
    if os.environ["KERAS_BACKEND"] != "jax":
        yield
        return
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    settings = {
        "jax_compilation_cache_dir": str(tmp_path_factory.mktemp("programs")),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    before = {name: getattr(jax.config, name) for name in settings}
    for name, value in settings.items():
        jax.config.update(name, value)
    yield
    for name, value in before.items():
        jax.config.update(name, value)
