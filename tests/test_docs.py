"""What the documentation shows, runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tunesmith
from tunesmith import GridSearchCV

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").glob("*.md"))
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def run_blocks(page):
    """Run a page's examples, one after the other; return what they leave behind."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    for block in re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
        exec(compile(block, str(page), "exec"), namespace)
    return namespace


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)#]+)", page.read_text()):
        assert link.startswith("http") or (page.parent / link).exists(), link


def test_the_page_on_samplers(capsys):
    run_blocks(ROOT / "docs" / "samplers.md")
    assert capsys.readouterr().out.splitlines() == ["20", "True"]


def test_the_page_on_spaces(capsys):
    run_blocks(ROOT / "docs" / "spaces.md")
    assert capsys.readouterr().out.splitlines() == [
        "[64]",
        "sgd",
        "True",
        "True",
        "{'activation': 'relu', 'rate': 0.001}",
        "0.01 True",
    ]


def test_the_page_on_sharing(capsys):
    made = run_blocks(ROOT / "docs" / "sharing.md")
    assert capsys.readouterr().out.splitlines() == ["1000 400", "100 5"]
    alone = GridSearchCV(made["Pursuit"](), {"n_terms": list(range(1, 21))}, sharing="off")
    alone.fit(made["X"], made["y"])
    for name in [f"split{split}_test_score" for split in range(5)]:
        np.testing.assert_array_equal(
            made["search"].cv_results_[name], alone.cv_results_[name], strict=True
        )


def test_the_page_on_pruning(capsys):
    run_blocks(ROOT / "docs" / "pruning.md")
    printed = capsys.readouterr().out.splitlines()
    assert printed == ["True True True", "6", "True True True", "True"]


def test_the_page_on_parameters_met_in_the_function(capsys):
    made = run_blocks(ROOT / "docs" / "define_by_run.md")
    best, function = capsys.readouterr().out.splitlines()
    assert best.startswith("['layers', 'optimizer', 'rate', 'units_0'")
    assert function == "cosine"
    assert made["result"].best_value < 0.1


def test_the_page_on_studies(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_blocks(ROOT / "docs" / "studies.md")
    printed = capsys.readouterr().out.splitlines()
    assert printed == ["7", "True", "(20, 3)", "20", "20", "True"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["batch.db", "tuning.db"]


@pytest.mark.parametrize(
    ("page", "printed"),
    [
        ("from_optuna", ["True", "True"]),
        ("from_sklearn", ["{'C': 100, 'gamma': 0.0001}", "True"]),
    ],
)
def test_the_pages_from_optuna_and_scikit_learn(page, printed, capsys):
    run_blocks(ROOT / "docs" / f"{page}.md")
    assert capsys.readouterr().out.splitlines() == printed


def test_the_page_from_hyperopt(capsys):
    run_blocks(ROOT / "docs" / "from_hyperopt.md")
    assert capsys.readouterr().out == "0 svm 15\n"


@pytest.mark.long
@pytest.mark.parametrize("script", EXAMPLES, ids=lambda script: script.name)
def test_examples(script, tmp_path):
    env = os.environ | {"PYTHONPATH": str(Path(tunesmith.__file__).parents[1])}
    command = [sys.executable, "-W", "error", str(script)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    assert ": no" not in done.stdout
