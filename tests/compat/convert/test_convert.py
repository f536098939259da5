from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

import tunesmith
from tunesmith.cli import main
from tunesmith.compat.convert import ConversionError, convert
from tunesmith.compat.convert.conversion import Notes
from tunesmith.compat.convert.ranges import arguments_of, read_range
from tunesmith.compat.hyperopt import hp
from tunesmith.compat.hyperopt.pyll.base import as_apply
from tunesmith.compat.hyperopt.search_space import SearchSpace

libcst = pytest.importorskip("libcst", reason="libcst is not installed")

HERE = Path(__file__).parent
SCRIPTS = sorted((HERE / "scripts").glob("*.txt"))
WHOLE = ["forest", "models", "points", "quadratic"]


def run(*arguments):
    return CliRunner().invoke(main, ["convert", *map(str, arguments)])


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_scripts_become_what_is_expected(script):
    expected = (HERE / "expected" / f"{script.stem}.txt").read_text()
    assert convert(script.read_text()).text == expected


@pytest.mark.parametrize("name", [*WHOLE, "network"])
def test_converted_scripts_run(name, tmp_path):
    path = tmp_path / "script.py"
    path.write_text(convert((HERE / "scripts" / f"{name}.txt").read_text()).text)
    env = os.environ | {"PYTHONPATH": str(Path(tunesmith.__file__).parents[1])}
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    assert done.stdout


LINES = st.sampled_from(
    ["", "# a  comment ", "x = {  'a':1 ,}", "def f( a,b ):\n\treturn a+b  # sum", "print ( 'ü' )"]
)


@given(st.lists(LINES), st.lists(LINES))
@settings(deadline=None, max_examples=30)
def test_lines_that_need_no_change_keep_every_byte(above, below):
    above, below = ("".join(f"{line}\n" for line in lines) for lines in (above, below))
    search = "best = fmin(f, {'x': hp.uniform('x', 0, 1)}, tpe.suggest, 9)\n"
    text = convert(f"from hyperopt import fmin, hp, tpe\n{above}{search}{below}").text
    assert text.startswith(f"from tunesmith import Float, minimize\n{above}result = minimize(")
    assert text.endswith(f"best = result.best_params\n{below}")


@pytest.mark.parametrize(
    ("start", "encoding", "end"),
    [
        ("# coding: latin-1\n", "latin-1", "\n"),
        ("", "utf-8-sig", "\n"),
        ("", "utf-8", "\r\n"),
    ],
)
def test_a_script_keeps_its_encoding_and_ends_of_lines(tmp_path, start, encoding, end):
    rest = "from hyperopt import fmin, hp, tpe\nfmin(abs, hp.uniform('x', 0, 1), tpe.suggest, 9)\n"
    path = tmp_path / "script.py"
    path.write_bytes(f"{start}# für\n{rest}".replace("\n", end).encode(encoding))
    done = run(path)
    assert done.exit_code == 0, done.output
    told = done.stdout_bytes
    assert told.startswith(f"{start}# für\nfrom tunesmith".replace("\n", end).encode(encoding))
    assert told.count(b"\r") == (told.count(b"\n") if end == "\r\n" else 0)


@pytest.mark.parametrize("content", [b"# coding: nowhere\n", b"x = '\xff'\n"])
def test_what_is_no_text_is_named(tmp_path, content):
    path = tmp_path / "script.py"
    path.write_bytes(content)
    done = run(path)
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"{path} is no text" in done.stderr


def test_a_converted_script_is_no_script_of_theirs_any_more():
    for name in WHOLE:
        text = convert((HERE / "scripts" / f"{name}.txt").read_text()).text
        with pytest.raises(ConversionError, match="neither"):
            convert(text)


@pytest.mark.parametrize("package", ["hyperopt", "tunesmith.compat.hyperopt"])
def test_an_import_of_everything_names_what_is_used(package):
    search = "best = fmin(abs, hp.uniform('x', -1, 1), tpe.suggest, 9)\n"
    named = convert(f"from hyperopt import fmin, hp, tpe\n{search}")
    assert convert(f"from {package} import *\n{search}") == named
    kept = convert(f"from {package} import *\n{search}print(Trials, other)\n").text
    assert f"from {package} import Trials, fmin, hp, tpe\n" in kept


def test_a_later_import_is_what_a_name_of_an_import_of_everything_means():
    search = "best = fmin(partial(abs), hp.uniform('x', -1, 1), tpe.suggest, 9)\n"
    found = convert(f"from hyperopt import *\nfrom functools import partial\n{search}")
    assert found.remarks == ()
    assert "hyperopt" not in found.text


@pytest.mark.parametrize(
    ("algo", "sampler"),
    [
        ("rand.suggest", '"random"'),
        ("partial(tpe.suggest, n_startup_jobs=3)", "TPESampler(n_startup=3)"),
    ],
)
def test_an_algorithm_in_a_variable_is_known(algo, sampler):
    head = f"from hyperopt import *\nfrom functools import partial\nalgo = {algo}\n"
    search = "best = fmin(abs, hp.uniform('x', -1, 1), algo=algo, max_evals=9)\n"
    found = convert(head + search)
    assert (found.remarks, f"sampler={sampler}" in found.text) == ((), True)
    assert "algo" not in found.text
    kept = convert(f"{head}{search}print(algo)\n")
    assert f"sampler={sampler}" in kept.text
    assert [remark.line for remark in kept.remarks] == [3]


def test_a_choice_in_a_dict_of_its_own_is_told_though_its_key_is_the_name():
    options = "[{'kind': 'a', 'x': hp.uniform('x', 0, 1)}, {'kind': 'b'}]"
    space = f"{{'kind': hp.choice('kind', {options})}}"
    found = convert(f"from hyperopt import *\nfmin(f, {space}, tpe.suggest, 9)\n")
    (remark,) = found.remarks
    assert "the function reads 'kind' and the other names from its own dict" in remark.text


@pytest.mark.parametrize(
    ("use", "line", "words"),
    [
        ("print(Trials)", 3, "Trials is left"),
        ("def late():\n    return tpe.suggest", 4, "tpe is left"),
        ("from hyperopt.pyll import stochastic as s\nprint(s.sample(1))", 4, "s is left"),
        ("import hyperopt\nprint(hyperopt.__version__)", 4, "hyperopt is left"),
    ],
)
def test_names_that_are_left_are_told_and_imported_still(use, line, words):
    search = "best = fmin(abs, hp.uniform('x', -1, 1), tpe.suggest, 9)"
    found = convert(f"from hyperopt import *\n{search}\n{use}\n")
    (remark,) = found.remarks
    assert (remark.line, words in remark.text) == (line, True)
    name = words.split()[0]
    assert any(name in text for text in found.text.splitlines() if "import" in text)


def test_values_of_a_trial_are_told():
    script = """
from hyperas import optim
from hyperas.distributions import choice
from hyperopt import STATUS_OK, Trials, tpe
def data():
    return [1]
def model(x):
    a = {{choice([1, 2])}}
    print(space)
    return {"loss": a, "status": STATUS_OK}
def other(space):
    return space
best, _ = optim.minimize(model, data, tpe.suggest, 3, Trials())
"""
    (remark,) = convert(script).remarks
    assert remark.line == 9
    assert "trial.params has what was asked for" in remark.text


def test_an_attribute_that_is_gone_is_told():
    search = "    best = fmin(abs, hp.uniform('x', -1, 1), tpe.suggest, 9, trials=self.trials)"
    script = f"from hyperopt import *\ndef run(self):\n    self.trials = Trials()\n{search}\n"
    (remark,) = convert(script).remarks
    assert (remark.line, remark.text) == (3, "there is no self.trials any more; keep result")


@pytest.mark.parametrize("made", ["np.random.default_rng", "np.random.RandomState", "default_rng"])
def test_a_seed_is_taken_whatever_it_is(made):
    search = f"best = fmin(abs, hp.uniform('x', -1, 1), tpe.suggest, 9, rstate={made}(seed + 1))"
    found = convert(f"from hyperopt import *\n{search}\n")
    assert "random_state=seed + 1)" in found.text
    assert not found.remarks


def test_variables_that_are_gone_are_told():
    search = "best = fmin(abs, hp.uniform('x', -1, 1), tpe.suggest, 9, trials=trials)"
    script = f"from hyperopt import *\ntrials = Trials()\n{search}\nprint(trials, unknown)\n"
    (remark,) = convert(script).remarks
    assert (remark.line, remark.text) == (
        4,
        "there is no trials any more; see what the search returns",
    )


def test_options_that_are_arithmetic_are_asked_for_as_they_are():
    script = """from hyperas import optim
from hyperopt import tpe
def data():
    return ()
def model():
    return {"loss": {{choice([10**-3, -(2 * 0.5), {"a": [1 / 4]}])}}, "status": "ok"}
optim.minimize(model, data, tpe.suggest, 3, eval_space=True)
"""
    found = convert(script)
    assert '("choice", [10**-3, -(2 * 0.5), {"a": [1 / 4]}])' in found.text
    assert found.remarks == ()


def test_trials_of_a_function_are_told_though_the_module_has_some_of_that_name():
    script = """from hyperopt import *
def search():
    trials = Trials()
    best = fmin(abs, hp.uniform("x", -1, 1), tpe.suggest, 9, trials=trials)
    print(len(trials), min(trials.losses()))
    return best, trials
best, trials = search()
"""
    (remark,) = convert(script).remarks
    assert (remark.line, "there is no trials" in remark.text) == (6, True)


def test_a_script_that_moved_by_its_import_is_converted_too():
    text = (HERE / "scripts" / "forest.txt").read_text()
    moved = text.replace("from hyperopt", "from tunesmith.compat.hyperopt")
    assert convert(moved).text == convert(text).text


@pytest.mark.parametrize(
    ("imports", "prefix"),
    [
        ("from hyperopt import hp, fmin, tpe", ("hp", "fmin", "tpe")),
        ("import hyperopt", ("hyperopt.hp", "hyperopt.fmin", "hyperopt.tpe")),
        ("import hyperopt as h", ("h.hp", "h.fmin", "h.tpe")),
        ("from hyperopt import hp as H, fmin as f, tpe as T", ("H", "f", "T")),
    ],
)
def test_names_may_be_imported_in_any_way(imports, prefix):
    H, f, T = prefix
    text = f"{imports}\nbest = {f}(g, {{'x': {H}.uniform('x', 0, 1)}}, {T}.suggest, 9)\n"
    assert convert(text).text == (
        "from tunesmith import Float, minimize\n"
        "result = minimize(g, {'x': Float(0, 1)}, n_iter=9, sampler=\"tpe\")\n"
        "best = result.best_params\n"
    )


NUMBERS = {
    "uniform": st.tuples(st.integers(-9, 0), st.integers(1, 9)),
    "loguniform": st.tuples(st.integers(-9, 0), st.integers(1, 9)),
    "uniformint": st.tuples(st.integers(-9, 0), st.integers(1, 9)),
    "randint": st.tuples(st.integers(1, 5)) | st.tuples(st.integers(-5, 0), st.integers(1, 9)),
    "quniform": st.integers(1, 4).map(lambda q: (-2 * q, 5 * q, q)),
    "normal": st.tuples(st.integers(-9, 9), st.integers(1, 9)),
    "lognormal": st.tuples(st.integers(-3, 3), st.integers(1, 3)),
}


@pytest.mark.parametrize("kind", NUMBERS)
@given(data=st.data())
@settings(deadline=None)
def test_ranges_are_hyperopts(kind, data):
    numbers = data.draw(NUMBERS[kind])
    notes = Notes()
    given_as = arguments_of(kind, [(None, str(number)) for number in numbers])
    text = str(read_range(kind, given_as, notes))
    namespace: dict[str, object] = {}
    for line in notes.header(set()):
        exec(line, namespace)
    exec("from tunesmith import Distribution, Float, Int", namespace)
    ours = tunesmith.space.Space.read({"x": eval(text, namespace)})
    node = getattr(hp, kind)("x", *numbers)
    theirs = SearchSpace(as_apply(node))
    places = np.linspace(0.02, 0.98, 9)
    if kind in ("quniform", "uniformint"):  # whose ends are half as likely there
        places = np.array([0.0, 1.0])
    for place in places:
        known = theirs.values(theirs.space.decode([place]))
        assert ours.decode([place])["x"] == pytest.approx(known["x"])


def test_a_logarithm_is_read_from_the_script():
    for text, expected in {
        "np.log(1e-4)": "1e-4",
        "math.log(x + (1))": "x + (1)",
        "log(a) + log(b)": "math.exp(log(a) + log(b))",
        "0": "1.0",
        "-5": "math.exp(-5)",
    }.items():
        found = read_range("loguniform", {"low": text, "high": "1"}, Notes())
        assert found.arguments[0] == expected
    assert math.exp(0) == 1.0


def test_the_command_prints_the_script_and_tells_what_is_left(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run(HERE / "scripts" / "forest.txt")
    assert done.exit_code == 0
    assert done.stdout == (HERE / "expected" / "forest.txt").read_text()
    assert done.stderr == ""
    left = run(HERE / "scripts" / "left.txt")
    assert left.exit_code == 1
    assert f"{HERE / 'scripts' / 'left.txt'}:6: tunesmith has no hp.qlognormal" in left.stderr
    assert len(left.stderr.splitlines()) == 11
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def f(:\n", "script.py:1: "),
        ("print(1)\n", "neither fmin of Hyperopt nor optim.minimize of Hyperas"),
        (
            "from hyperopt import fmin\nfrom hyperas import optim\nfmin(f)\noptim.minimize(m)\n",
            "both Hyperopt (line 3) and Hyperas (line 4)",
        ),
    ],
)
def test_what_cannot_be_converted_is_told(text, words, tmp_path):
    path = tmp_path / "script.py"
    path.write_text(text)
    done = run(path)
    assert done.exit_code == 2
    assert words in done.stderr
    assert done.stdout == ""
    assert path.read_text() == text


def test_a_file_that_is_not_there_is_told(tmp_path):
    done = run(tmp_path / "nothing.py")
    assert done.exit_code == 2
    assert "nothing.py" in done.stderr


def test_libcst_is_asked_for_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "libcst", None)
    done = run(HERE / "scripts" / "forest.txt")
    assert done.exit_code == 2
    assert "pip install 'tunesmith[convert]'" in done.stderr
