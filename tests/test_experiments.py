"""The experiments of the documentation run, small, and draw their pictures."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import tunesmith

EXPERIMENTS = Path(__file__).parents[1] / "examples" / "experiments"
SMALL = {
    "halving.py": [],
    "layers.py": ["--evals", "4", "--epochs", "1"],
    "linear.py": ["--seeds", "1"],
    "network.py": ["--evals", "3"],
    "units.py": ["--epochs", "3"],
}


def test_all_are_run():
    assert sorted(SMALL) == sorted(path.name for path in EXPERIMENTS.glob("*.py"))


@pytest.mark.long
@pytest.mark.parametrize("script", SMALL)
def test_experiments(script, tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    env = os.environ | {"PYTHONPATH": str(Path(tunesmith.__file__).parents[1])}
    picture = tmp_path / "picture.png"
    command = [sys.executable, "-W", "error", str(EXPERIMENTS / script), *SMALL[script]]
    done = subprocess.run(
        [*command, "--picture", str(picture)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=env,
    )
    assert done.returncode == 0, done.stderr
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert list(tmp_path.iterdir()) == [picture]
