from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tunesmith.models import compilation

pytest.importorskip("jax", reason="JAX is not installed")

# The cache is set up once a process, and pytest's has one.
SCRIPT = """
import jax
from tests.models.networks import compiled, iris
from tunesmith.models import KerasClassifier

X, y = iris()
KerasClassifier(compiled, batch_size=50, random_state=0).fit(X, y)
print(jax.config.jax_compilation_cache_dir)
"""


def run(**environment):
    kept = {k: v for k, v in os.environ.items() if not k.startswith("JAX_")}
    paths = os.pathsep.join(path for path in sys.path if path)
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        check=True,
        capture_output=True,
        text=True,
        env={**kept, "KERAS_BACKEND": "jax", "PYTHONPATH": paths, **environment},
    )
    return result.stdout.strip()


def programs(folder):
    return sorted(path.name for path in Path(folder).rglob("*-cache"))


@pytest.mark.long
def test_programs_are_kept_on_disk_and_found_again(tmp_path):
    assert run(TUNESMITH_COMPILATION_CACHE=str(tmp_path)) == "None"
    kept = programs(tmp_path)
    assert any("uniform" in name for name in kept)  # which draws the weights
    run(TUNESMITH_COMPILATION_CACHE=str(tmp_path))
    assert programs(tmp_path) == kept


@pytest.mark.parametrize("often", [True, False])
def test_options_that_the_compiler_does_not_know_are_left_out(monkeypatch, often):
    assert compilation._options(often)
    monkeypatch.setattr(compilation, "_SOONER", {"xla_no_such_option": True})
    monkeypatch.setattr(compilation, "_SOONEST", {"xla_no_such_option": True})
    assert compilation._options.__wrapped__(often) is None


@pytest.mark.long
def test_a_cache_of_the_users_own_is_left_alone(tmp_path):
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    shown = run(TUNESMITH_COMPILATION_CACHE=str(ours), JAX_COMPILATION_CACHE_DIR=str(theirs))
    assert shown == str(theirs)
    assert not programs(ours)


def test_where_programs_are_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("NPROC", "3")
    monkeypatch.delenv(compilation.VARIABLE, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    folder = compilation.cache_folder()
    assert folder.parent == tmp_path / "tunesmith" / "jax"
    assert folder.name.endswith("-3")
    monkeypatch.setenv("NPROC", "4")
    assert compilation.cache_folder() != folder
    monkeypatch.setenv(compilation.VARIABLE, str(tmp_path / "elsewhere"))
    assert compilation.cache_folder().parent == tmp_path / "elsewhere"
    monkeypatch.setenv(compilation.VARIABLE, "off")
    assert compilation.cache_folder() is None


def test_the_oldest_programs_go_first(tmp_path):
    folder = tmp_path / "machine"
    folder.mkdir()
    for age, name in enumerate(["new-cache", "old-cache", "oldest-cache", "none of ours"]):
        path = folder / name
        path.write_bytes(b"x" * 10)
        os.utime(path, (1000 - age, 1000 - age))
    compilation.prune(tmp_path, limit=20)
    assert sorted(path.name for path in folder.iterdir()) == [
        "new-cache",
        "none of ours",
        "old-cache",
    ]
    compilation.prune(tmp_path, limit=20)
    assert len(list(folder.iterdir())) == 3
