"""What scripts do elsewhere with the functions, spaces, trials and best values of a search."""

from __future__ import annotations

import textwrap

import pytest

from tests.compat.convert.converting import HYPEROPT, ran, told
from tunesmith.compat.convert import convert

pytest.importorskip("libcst", reason="libcst is not installed")

SPACE = 'space = {"x": hp.uniform("x", 0, 1)}\n'
OBJECTIVE = 'def objective(p):\n    return {"loss": p["x"], "status": STATUS_OK}\n'
SEARCH = "best = fmin(objective, space, tpe.suggest, 6)\n"


def lines_of(more, above=SPACE + OBJECTIVE):
    """Convert a script, and return it and its remarks by lines."""
    return told(f"{HYPEROPT}{above}{textwrap.dedent(more)}")


def same(more, above=SPACE + OBJECTIVE):
    """Convert a script of which nothing is left, and return it, its variables when it has run."""
    text = f"{HYPEROPT}{above}{textwrap.dedent(more)}"
    names, remarks = ran(text)
    assert not remarks
    return convert(text).text, names


# Results


def test_a_loss_is_read_from_the_function_itself():
    text, names = same(f'{SEARCH}loss = objective(best)["loss"]\nobjective(best)\n')
    assert "loss = objective(best)\n" in text
    assert names["loss"] == names["result"].best_value


@pytest.mark.parametrize(
    "use",
    ["found = objective(best)", 'objective(best)["status"]', "map(objective, [best])"],
)
def test_what_reads_a_result_in_another_way_is_told(use):
    _, lines = lines_of(f"{SEARCH}{use}\n")
    assert lines[use] == "objective returns the loss alone now"


@pytest.mark.parametrize(
    "function",
    [
        "def g(p):\n    return objective(p)\n",
        "g = lambda p: objective(p)\n",
        "from functools import partial\ng = partial(objective)\n",
        "def make():\n    return objective\ng = make()\n",
        "def g(p):\n    out = objective(p)\n    return out\n",
        "class G:\n    def __call__(self, p):\n        return objective(p)\ng = G()\n",
    ],
)
def test_results_that_are_handed_on_become_losses(function):
    text, names = same(f"{function}best = fmin(g, space, tpe.suggest, 6)\n")
    assert "STATUS_OK" not in text
    assert 0 <= names["result"].best_value <= 1


def test_methods_return_losses():
    _, names = same(
        """
        class Tuner:
            SPACE = {"x": hp.uniform("x", 0, 1)}
            def loss(self, p):
                return {"loss": p["x"], "status": STATUS_OK}
            def run(self):
                best = fmin(self.loss, self.SPACE, tpe.suggest, 6)
                return self.loss(best)["loss"]
        found = Tuner().run()
        """,
        "",
    )
    assert 0 <= names["found"] <= 1


def test_a_function_that_is_no_objective_keeps_its_results():
    _, names = same(
        """
        def check(p):
            return {"loss": p["x"], "status": "ok"}
        def objective(p):
            return {"loss": check(p)["loss"], "status": STATUS_OK}
        best = fmin(objective, space, tpe.suggest, 6)
        seen = check(best)
        """,
        SPACE,
    )
    assert names["seen"] == {"loss": names["result"].best_value, "status": "ok"}


def test_results_that_another_function_changes_are_left():
    found, lines = lines_of(
        """
        def timed(p):
            found = objective(p)
            found["time"] = 3
            return found
        best = fmin(timed, space, tpe.suggest, 6)
        """
    )
    assert "not seen what gets" in lines['return {"loss": p["x"], "status": STATUS_OK}']
    assert "import STATUS_FAIL, STATUS_OK" in found.text


def test_results_that_a_decorator_gets_are_left():
    _, lines = lines_of(f"@logged\n{OBJECTIVE}{SEARCH}", f"logged = len\n{SPACE}")
    assert "decorator" in lines['return {"loss": p["x"], "status": STATUS_OK}']


@pytest.mark.parametrize("function", ["load()", "objective"])
def test_a_function_that_is_not_seen_is_told(function):
    above = f"from models import load, objective\n{SPACE}"
    search = f"best = fmin({function}, space, tpe.suggest, 6)"
    _, lines = lines_of(search, above)
    assert lines[search] == f"it is not seen what {function} returns; it has to be the loss alone"


def test_what_the_function_raises_is_told_where_it_is_awaited():
    handler = "except ValueError:"
    _, lines = lines_of(f"try:\n    {SEARCH}{handler}\n    pass\n")
    assert "a trial that has failed" in lines[handler]
    same(f"try:\n    {SEARCH}except KeyboardInterrupt:\n    pass\n")


# Spaces


@pytest.mark.parametrize(
    ("use", "words"),
    [
        ('space["n"] = 2', "Categorical([constant])"),
        ('space.update({"n": 2})', "Categorical([constant])"),
        ('space.setdefault("n", 2)', "Categorical([constant])"),
        ('low = space["x"].low', "space['x'] is a range of tunesmith now"),
        ("for name, range in space.items(): pass", "ranges of tunesmith now"),
    ],
)
def test_uses_of_a_space_that_are_not_as_they_were_are_told(use, words):
    _, lines = lines_of(f"{use}\n{SEARCH}")
    assert words in lines[use].replace('"', "'")


def test_uses_of_a_space_that_are_as_they_were_are_not_told():
    text, names = same(
        f"""
        space["y"] = hp.uniform("y", 0, 1)
        print(len(space), space, [*space.keys()])
        {SEARCH}print(space_eval(space, best))
        """.replace("        ", "")
    )
    assert "print(best)" in text
    assert set(names["best"]) == {"x", "y"}


@pytest.mark.parametrize(
    ("above", "options"),
    [
        ('def a(): return {"t": "a", "u": hp.uniform("u", 0, 1)}\n', '[a(), {"t": "b"}]'),
        ('A = {"t": "a", "u": hp.uniform("u", 0, 1)}\n', "[A, 3]"),
        ('A = {"a": {"u": hp.uniform("u", 0, 1)}}\n', "list(A.values())"),
        ('A = []\nA.append({"u": hp.uniform("u", 0, 1)})\n', "A"),
        ('A = []\nfor n in (1, 2): A += [hp.uniform(f"u{n}", 0, 1)]\n', "A"),
        ('A = {}\nA["a"] = hp.uniform("u", 0, 1)\n', "[*A.values(), 3]"),
    ],
)
def test_options_that_hold_ranges_made_elsewhere_are_left(above, options):
    space = f'space = {{"x": hp.choice("x", {options})}}'
    found, lines = lines_of(f"{above}{space}\n{SEARCH}", OBJECTIVE)
    assert f'hp.choice("x", {options})' in found.text
    assert "options of 'x'" in lines[space]


def test_names_of_a_space_are_texts():
    space = 'space = {0: hp.uniform("x", 0, 1)}'
    _, lines = lines_of(f"{space}\n{SEARCH}", OBJECTIVE)
    assert lines[space] == "0 is no name; a space has texts for names"
    space = 'space = {NAME: hp.uniform("x", 0, 1)}'
    _, lines = lines_of(f'NAME = "y"\n{space}\n{SEARCH}', OBJECTIVE)
    assert lines[space] == "'x' has the name NAME in the space, and in best"


def test_lists_are_tuples_as_hyperopt_gives_them():
    text, names = same(
        """
        space = {"x": hp.choice("x", [
            [1],  # one
            [1, [2, 3]],
        ]), "c": [4]}
        best = fmin(lambda p: len(p["x"] + p["c"]), space, tpe.suggest, 2, return_argmin=False)
        """,
        "",
    )
    assert names["best"] == {"x": (1,), "c": (4,)}
    assert "# one" in text
    space = 'space = {"x": hp.choice("x", OPTIONS)}'
    _, lines = lines_of(f"OPTIONS = [[1], [2]]\n{space}\n{SEARCH}", OBJECTIVE)
    assert "lists of OPTIONS" in lines[space]


@pytest.mark.parametrize("label", ["{x}", "{0}", 'a"b', "a'b"])
def test_labels_may_be_any_text(label):
    _, names = same(
        f"best = fmin(sum, [hp.uniform({label!r}, 0, 1), hp.uniform('y', 0, 1)], tpe.suggest, 6)",
        "",
    )
    assert set(names["best"]) == {label, "y"}


def test_the_name_of_the_dict_is_none_of_the_function():
    text, _ = same(
        "params, values = 1, 2\n"
        'best = fmin(lambda x: x + params + values, hp.uniform("x", 0, 1), tpe.suggest, 6)\n',
        "",
    )
    assert "lambda chosen:" in text


# Trials


@pytest.mark.parametrize(
    "script",
    [
        "{trials}def f(p):\n    print(len(trials))\n    return p['x']\n{search}",
        "{trials}def f(p):\n    print(min(trials.losses()))\n    return p['x']\n{search}",
        "{trials}assert len(trials) == 0\n{search}",
        "{trials}if space:\n    {search}print(len(trials))\n",
        "{trials}{search}def show():\n    print(len(trials))\n",
    ],
)
def test_trials_that_are_looked_at_where_there_may_be_no_result_are_told(script):
    search = "best = fmin({}, space, tpe.suggest, 6, trials=trials)\n"
    search = search.format("f" if "def f" in script else "objective")
    text = script.format(trials="trials = Trials()\n", search=search)
    found, lines = lines_of(text)
    assert "result.trials" not in found.text
    [line] = [line.strip() for line in text.splitlines() if "len(" in line or "losses" in line]
    assert "see" in lines[line]


@pytest.mark.parametrize(
    ("calls", "is_repeated"),
    [
        ("step()", False),
        ("step()\nstep()", True),
        ("for _ in range(3):\n    step()", True),
        ("[step() for _ in range(3)]", True),
        ("map(step, range(3))", True),
        ("def twice():\n    step()\ntwice()", False),
        ("def twice():\n    step()\ntwice()\ntwice()", True),
        ("def step_2():\n    step()\nwhile False:\n    step_2()", True),
        ("", True),
    ],
)
def test_trials_of_a_function_that_runs_again_go_on(calls, is_repeated):
    search = "fmin(objective, space, tpe.suggest, 6, trials=trials)"
    text = f"{HYPEROPT}{SPACE}{OBJECTIVE}trials = Trials()\ndef step():\n    {search}\n{calls}\n"
    remarks = [remark.text for remark in convert(text).remarks]
    assert any("a search goes on with them" in text for text in remarks) == is_repeated


def test_trials_of_an_object_are_told_where_they_are_read():
    _, lines = lines_of(
        """
        class Tuner:
            def __init__(self):
                self.trials = Trials()
            def run(self):
                return fmin(objective, space, tpe.suggest, 6, trials=self.trials)
            def report(self):
                return len(self.trials.trials)
        tuner = Tuner()
        tuner.run()
        losses = tuner.trials.losses()
        """
    )
    assert "no self.trials" in lines["return len(self.trials.trials)"]
    assert "no self.trials" in lines["losses = tuner.trials.losses()"]


def test_trials_are_counted_either_way():
    _, names = same(
        f"trials = Trials()\n{SEARCH.replace('6)', '6, trials=trials)')}"
        "a, b = len(trials), len(trials.trials)\n"
    )
    assert (names["a"], names["b"]) == (6, 6)


# Best values

CHOICE = 'space = {"x": hp.uniform("x", 0, 1), "k": hp.choice("k", ["a", "b"])}\n' + OBJECTIVE


@pytest.mark.parametrize(
    ("use", "line", "words"),
    [
        ("found = {}\nfound[0] = fmin(objective, space, tpe.suggest, 6)", 1, "found[0] holds"),
        (
            "class A: pass\na = A()\na.best = fmin(objective, space, tpe.suggest, 6)\n"
            'b = a\nk = b.best["k"]',
            -1,
            "b.best['k'] is the option itself now",
        ),
    ],
)
def test_numbers_of_options_are_told_wherever_they_are_kept(use, line, words):
    _, lines = lines_of(f"{use}\n", CHOICE)
    assert words in lines[use.splitlines()[line]]


def test_best_values_that_were_options_already_are_not_told():
    text, names = same(
        f'{SEARCH}best = space_eval(space, best)\nk = best["k"]\nprint(best)\n', CHOICE
    )
    assert names["k"] in ("a", "b")
    assert "best = best\n" not in text
    same(
        f"def main():\n    global best\n    {SEARCH}    print(best)\nmain()\n",
        CHOICE,
    )


def test_options_are_a_dict_of_their_own():
    _, names = same(f'{SEARCH}params = space_eval(space, best)\nparams.pop("k")\n', CHOICE)
    assert set(names["best"]) == {"x", "k"}


@pytest.mark.parametrize(
    "functions",
    [
        f"def tune():\n    {SEARCH}    return best\n",
        f"def tune():\n    return {SEARCH.removeprefix('best = ')}",
        f"def run():\n    return {SEARCH.removeprefix('best = ')}def tune():\n    return run()\n",
    ],
)
def test_best_values_that_a_function_returns_are_options(functions):
    text, names = same(f"{functions}best = tune()\nk = space_eval(space, best)\n")
    assert "k = dict(best)\n" in text
    assert names["k"] == names["best"]


def test_a_name_and_a_number_that_changed_are_told_at_once():
    space = 'space = {"n": hp.choice("k", ["a", "b"])}\n'
    use = 'k = best["k"]'
    _, lines = lines_of(f"{SEARCH}{use}\n", space + OBJECTIVE)
    assert lines[use] == "best['k'] is under 'n' now, and the option itself, not its number"


# Cells and imports


def test_names_that_are_given_values_again_and_again_are_those_above():
    _, names = same(
        """
        space = {"x": hp.uniform("x", 0, 1)}
        trials = Trials()
        best = fmin(lambda p: p["x"], space, tpe.suggest, 5, trials=trials)
        first = len(trials), best["x"]
        space = [hp.uniform("y", 2, 3)]
        trials = Trials()
        best = fmin(lambda p: p[0], space, tpe.suggest, 6, trials=trials)
        second = len(trials), best["y"]
        """,
        "",
    )
    assert (names["first"][0], names["second"][0]) == (5, 6)
    assert names["first"][1] <= 1 < names["second"][1]


def test_imports_of_one_case_are_made_at_the_top():
    text = (
        "import sys\nif len(sys.argv) > 99:\n    from hyperopt import rand as algo\nelse:\n"
        "    from hyperopt import tpe as algo\nfrom hyperopt import fmin, hp\n"
        'best = fmin(lambda p: p["x"], {"x": hp.uniform("x", 0, 1)}, algo.suggest, 6)\n'
    )
    names, remarks = ran(text)
    assert set(names["best"]) == {"x"}
    assert [remark.text for remark in remarks] == [
        "sampler= is to be chosen for algo=algo.suggest"
    ]


def test_comments_of_imports_stay():
    text = (
        "from hyperopt import (fmin,  # the search\n                      hp)\n# the sampler\n"
        "from hyperopt import tpe  # noqa: E402\n\n# ---- helpers ----\n"
        "from hyperopt.pyll import scope  # ints\n"
        'space = {"n": scope.int(hp.quniform("n", 1, 9, 1))}\n'
        'best = fmin(lambda p: p["n"], space, tpe.suggest, 6)\n'
    )
    found = convert(text).text
    places = [found.index(f"# {w}") for w in ("the search", "the sampler", "---- helpers", "ints")]
    assert places == sorted(places)
    assert "noqa" not in found


def test_a_bracket_may_stand_beside_a_word():
    text = f'{SPACE}def f(p):\n    return{{"loss": p["x"], "status": STATUS_OK}}\n'
    _, names = same("best = fmin(f, space, tpe.suggest, 6)\n", text)
    assert names["result"].best_value == names["best"]["x"]


def test_a_search_without_an_end_is_told():
    search = 'best = fmin(objective, space, tpe.suggest, float("inf"), timeout=1)'
    found, lines = lines_of(f"{search}\n")
    assert "n_iter=100" in found.text
    assert "how many trials" in lines[search]


# Searches that stay


def test_a_search_stays_with_all_that_is_its_own():
    kept = 'def kept(p):\n    return {"loss": p["y"], "status": STATUS_OK}\n'
    first = (
        'strange = {"y": 2 * hp.uniform("y", 0, 1)}\nold = Trials()\n'
        "found = fmin(kept, strange, tpe.suggest, 3, trials=old)\nprint(old.losses())\n"
    )
    above = f"{kept}{first}"
    found, lines = lines_of(f"{above}{SEARCH}")
    assert above in found.text
    assert "result = minimize(objective" in found.text
    assert "this search stays" in lines["found = fmin(kept, strange, tpe.suggest, 3, trials=old)"]
    assert "return {" not in " ".join(lines)


def test_a_space_that_has_a_part_of_one_that_stays_stays_too():
    above = 'x = hp.uniform("x", 0, 1)\nspace = {"x": x}\n'
    found, lines = lines_of(f'{SEARCH}fmin(objective, {{"x": [x]}}, tpe.suggest, 3)\n', above)
    assert f"{above}{SEARCH}" in found.text
    assert "a part of this space" in lines['space = {"x": x}']


def test_what_is_put_into_a_space_belongs_to_it():
    text, names = same(
        """
        space = {}
        space["y"] = hp.quniform("z", 1, 5, 1)
        for n in ["a", "b"]:
            space[n] = hp.uniform(n, 0, 1)
        best = fmin(lambda p: p["y"] + p["a"], space, tpe.suggest, 6)
        """,
        "",
    )
    assert set(names["best"]) == {"y", "a", "b"}
    assert "space[n] = Float(0, 1)" in text
    use = 'k = best["z"]'
    _, lines = lines_of(f'space["y"] = hp.uniform("z", 1, 5)\n{SEARCH}{use}\n')
    assert lines[use] == "best['z'] is under 'y' now"
    choice = 'space["c"] = hp.choice("c", [{"t": 1, "u": hp.uniform("u", 0, 1)}, {"t": 2}])'
    found, lines = lines_of(f"{choice}\n{SEARCH}")
    assert "written in the dict" in lines[choice]
    assert f"{SPACE}{OBJECTIVE}{choice}\n{SEARCH}" in found.text


@pytest.mark.parametrize(
    "space",
    [
        '{n: hp.uniform(n, 0, 1) for n in ("x", "y")}',
        '{"x": hp.uniform("x", 0, 1), **{f"y{n}": hp.uniform(f"y{n}", 0, 1) for n in (1, 2)}}',
        '{"x": hp.uniform("x", 0, 1), **{"y": hp.uniform("y", 0, 1)}}',
    ],
)
def test_ranges_may_be_made_by_names(space):
    _, names = same(f"space = {space}\n{SEARCH}", OBJECTIVE)
    assert len(names["best"]) >= 2


def test_a_function_without_parameters_may_return_the_space():
    make = 'def make():\n    return [hp.uniform("x", 0, 1), hp.uniform("y", 0, 1)]\n'
    search = "best = fmin(sum, space, tpe.suggest, 6)\nk = space_eval(space, best)\n"
    _, names = same(f"{make}space = make()\n{search}", "")
    assert names["k"] == (names["best"]["x"], names["best"]["y"])
    _, names = same(f"{make}best = fmin(sum, make(), tpe.suggest, 6)\n", "")
    assert set(names["best"]) == {"x", "y"}
    strange = make.replace('hp.uniform("y", 0, 1)', "1")
    found, lines = lines_of(f"{strange}space = make()\n{search}", "")
    assert f"{strange}space = make()\n{search}" in found.text
    more = "def make(low):\n    return {'x': hp.uniform('x', low, 1)}\n"
    use = "fmin(objective, make(0), tpe.suggest, 6)"
    _, lines = lines_of(f"{more}{use}\n", OBJECTIVE)
    assert "not seen what make(0) is" in lines[use]


def test_what_is_no_range_is_a_constant():
    _, names = same(
        """
        import numpy as np
        N = len("abc")
        space = {"x": hp.uniform("x", 0, 1), "n": N, "m": len("ab"), "f": np.mean, "l": np.log(1)}
        best = fmin(lambda p: p["x"] + p["n"] + p["m"], space, tpe.suggest, 6)
        best["x"]
        """,
        "",
    )
    assert names["best"]["n"] == 3
    use = "show(**best)"
    _, lines = lines_of(
        f"{SEARCH}{use}\n", 'space = {"x": hp.uniform("x", 0, 1), "n": 3}\n' + OBJECTIVE
    )
    assert lines[use] == "best has the constants of the space, too: n"


def test_one_value_under_two_names_is_told():
    space = 'space = {"a": x, "b": x}'
    _, lines = lines_of(f'x = hp.uniform("x", 0, 1)\n{space}\n{SEARCH}', OBJECTIVE)
    assert "'a' and 'b' have one value in Hyperopt" in lines[space]


def test_lists_within_calls_stay_lists():
    text, _ = same(
        """
        import numpy as np
        space = {"x": hp.choice("x", [np.array([1, 2]), np.arange(3)[[0, 1]], [1] * 2])}
        best = fmin(lambda p: sum(p["x"]), space, tpe.suggest, 3)
        """,
        "",
    )
    assert "[np.array([1, 2]), np.arange(3)[[0, 1]], (1,) * 2]" in text
    space = 'space = {"x": hp.choice("x", [[64] * n for n in (1, 2)])}'
    _, lines = lines_of(f"{space}\n{SEARCH}", OBJECTIVE)
    assert "the function gets lists" in lines[space]


def test_losses_that_may_be_none_are_told():
    fail = 'def f(p):\n    return {"loss": p["x"], "status": STATUS_FAIL}\n'
    use = "losses = trials.losses()"
    search = "trials = Trials()\nfmin(f, space, tpe.suggest, 6, trials=trials)\n"
    _, lines = lines_of(f"{fail}{search}{use}\n")
    assert "has the value None" in lines[use]
    one = "    if p['x'] > 0.5:\n        return {'loss': p['x'], 'status': STATUS_FAIL}\n"
    both = f"def f(p):\n{one}    return {{'loss': p['x'], 'status': STATUS_OK}}\n"
    _, lines = lines_of(f"{both}{search}{use}\n")
    assert "has the value None" in lines[use]


def test_methods_of_other_objects_are_none_of_the_searches():
    text, _ = same(
        """
        class Model:
            def evaluate(self, x):
                return {"loss": x}
        class Tuner:
            def evaluate(self, p):
                model = [Model()][0]
                return {"loss": model.evaluate(p["x"])["loss"], "status": STATUS_OK}
            def run(self):
                return fmin(self.evaluate, space, tpe.suggest, 6)
        Tuner().run()
        """,
        SPACE,
    )
    assert 'return model.evaluate(p["x"])["loss"]' in text


def test_best_values_of_another_variable_are_left():
    show = "def show(best): return space_eval(space, best)\n"
    found, lines = lines_of(f"{show}{SEARCH}show(best)\n", CHOICE)
    assert show in found.text
    assert "space_eval is left" in lines[show.strip()]


def test_values_in_a_text_have_other_quotes():
    text, names = same(
        'space = [hp.uniform("x", 0, 1)]\n'
        "best = fmin(lambda p: p[0], space, tpe.suggest, 6)\n"
        'shown = f"{space_eval(space, best)}"\n',
        "",
    )
    assert "f\"{(best['x'],)}\"" in text
    assert names["shown"] == f"({names['best']['x']},)"


def test_a_number_of_trials_may_be_written_as_a_float():
    text, _ = same("best = fmin(objective, space, tpe.suggest, 1e1)\n")
    assert "n_iter=int(1e1)" in text


def test_what_an_imported_function_returns_is_told():
    call = "return evaluate(p)"
    text = (
        f"from models import evaluate\ndef f(p):\n    {call}\n{SEARCH.replace('objective', 'f')}"
    )
    _, lines = lines_of(text, SPACE)
    assert "not seen what evaluate returns" in lines[call]


def test_variables_have_the_value_that_is_sure_to_be_theirs():
    _, names = same(
        """
        trials = Trials()
        fmin(objective, space, tpe.suggest, 3, trials=trials)
        first = len(trials)
        for seed in range(2):
            trials = Trials()
            best = fmin(objective, space, tpe.suggest, 4, trials=trials)
            second = len(trials)
        """
    )
    assert (names["first"], names["second"]) == (3, 4)


def test_long_calls_stay_of_several_lines():
    text, _ = same(
        """
        def run():
            best = fmin(
                fn=lambda p: p["a_parameter_of_a_long_name"],
                space={
                    "a_parameter_of_a_long_name": hp.uniform("a_parameter_of_a_long_name", 0, 1)
                },
                max_evals=3,
            )
            return best
        run()
        """,
        "",
    )
    assert "        n_iter=3,\n" in text
    assert max(map(len, text.splitlines())) < 100
