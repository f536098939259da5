"""The examples run, small."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import tunesmith

EXAMPLES = Path(__file__).parents[3] / "examples" / "hyperas"
ENV = os.environ | {"PYTHONPATH": str(Path(tunesmith.__file__).parents[1])}


@pytest.mark.long
@pytest.mark.parametrize(
    ("script", "last"),
    [
        ("readme.py", "Loss and accuracy: ["),
        ("functional.py", "0."),
        ("functions.py", "Accuracy of three: 0."),
    ],
)
def test_scripts(script, last, tmp_path):
    command = [sys.executable, "-W", "error", str(EXAMPLES / script), "--evals", "2"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=ENV)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith(last)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
def test_notebook(tmp_path, monkeypatch):
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    monkeypatch.setenv("PYTHONPATH", ENV["PYTHONPATH"])
    notebook = nbformat.read(EXAMPLES / "notebook.ipynb", as_version=4)
    nbclient.NotebookClient(notebook, timeout=250, kernel_name="python3").execute(
        cwd=str(tmp_path)
    )
    printed = [
        "".join(out["text"] for out in cell.outputs if out.get("name") == "stdout")
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]
    assert "['Dense', 'Dense_1', 'Dropout']" in printed[-2]
    told, evaluated = printed[-1].split()
    assert told == evaluated
    assert list(tmp_path.iterdir()) == []
