from __future__ import annotations

import re
import tomllib
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def blocks():
    return re.findall(r"^```python\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)


def test_examples_run_one_after_the_other(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    # A block that leaves something out runs in the tests of what it is about.
    whole = [block for block in blocks() if "..." not in block]
    assert len(whole) == len(blocks()) - 1
    namespace: dict[str, object] = {"__name__": "__main__"}
    for block in whole:
        exec(compile(block, str(README), "exec"), namespace)
    assert namespace["search"].best_score_ > 0.95
    assert "'gamma': 0.001" in capsys.readouterr().out
    assert (tmp_path / "digits.db").exists()


def test_layers_are_those_that_are_enforced():
    project = tomllib.loads((README.parent / "pyproject.toml").read_text())
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    diagram = re.search(r"^```\n(testing .*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)
    lines = diagram.group(1).splitlines()
    assert len(lines) == len(layers)
    for line, layer in zip(lines, layers, strict=True):
        rooms = layer.split(" | ")
        assert line.split()[: len(rooms)] == rooms
