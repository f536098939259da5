"""Converted scripts do what they did, or tell where they do not."""

from __future__ import annotations

import math
import sys
import textwrap

import pytest

from tests.compat.convert.converting import HYPEROPT, ran, searched, told
from tunesmith.compat.convert import ConversionError, convert

pytest.importorskip("libcst", reason="libcst is not installed")

HYPERAS = """
from hyperas import optim
from hyperas.distributions import choice, uniform
from hyperopt import STATUS_FAIL, STATUS_OK, Trials, tpe
"""


def hyperas(model, data="return 1, 2", search="best, _ = optim.minimize({})", above="", more=""):
    call = f"model, data, tpe.suggest, 12, Trials(), verbose=False{more}"
    return (
        f"{HYPERAS}{above}\ndef data():\n{textwrap.indent(textwrap.dedent(data), '    ')}\n"
        f"{textwrap.dedent(model)}\n{search.format(call)}\n"
    )


# Results


@pytest.mark.parametrize(
    "result",
    [
        '{"loss": -1.0, "status": STATUS_FAIL}',
        "dict(loss=-1.0, status=STATUS_FAIL)",
        '{"status": STATUS_FAIL}',
        '{"status": "fail"}',
    ],
)
def test_failed_trials_have_no_loss(result):
    body = f"if v > 0.75:\n        return {result}\n    return {{'loss': v, 'status': STATUS_OK}}"
    names, _ = ran(hyperas(f"def model(x, y):\n    v = {{{{uniform(0.5, 1)}}}}\n    {body}"))
    assert 0.5 <= names["best"]["v"] <= 0.75
    text = f"{HYPEROPT}def f(p):\n    v = p['v']\n    {body}\n"
    text += "best = fmin(f, {'v': hp.uniform('v', 0.5, 1)}, tpe.suggest, 20)\n"
    names, remarks = ran(text)
    assert names["best"]["v"] <= 0.75
    assert not remarks


@pytest.mark.parametrize(
    ("body", "line", "words"),
    [
        (
            'return {"loss": 1, "status": STATUS_OK if p else STATUS_FAIL}',
            None,
            "not written out with one status",
        ),
        ('s = STATUS_OK\n    return {"loss": 1, "status": s}', -1, "with one status"),
        ('return {"loss": 1, "status": "ok", **p}', None, "with one status"),
        ('return {"status": STATUS_OK}', None, "with one status"),
        ('return ({"loss": 1, "status": STATUS_OK}, 2)[0]', None, "put together"),
        ('o = {"loss": 1, "status": "ok"}\n    o["t"] = 2\n    return o', 0, "put together"),
        ('o = {}\n    o["loss"] = 1\n    o["status"] = "ok"\n    return o', 2, "put together"),
    ],
)
def test_results_that_are_not_understood_are_left(body, line, words):
    found, lines = told(f"{HYPEROPT}def f(p):\n    {body}\nbest = fmin(f, {{}}, tpe.suggest, 3)\n")
    assert body in found.text
    assert words in lines[body.splitlines()[line or 0].strip()]
    assert "import STATUS_FAIL, STATUS_OK" in found.text


def test_a_loss_of_several_lines_stays_one_expression():
    names, remarks = ran(
        HYPEROPT
        + """
def f(p):
    return {
        "loss": p["a"]  # first
        + p["b"],  # the sum
        "status": STATUS_OK,
    }
best = fmin(f, {"a": hp.uniform("a", 0, 1), "b": hp.uniform("b", 0, 1)}, tpe.suggest, 6)
"""
    )
    assert set(names["best"]) == {"a", "b"}
    assert not remarks


# Spaces


def test_constants_of_a_space_stay_constants():
    space = """{
        "booster": "gbtree", "n_jobs": -1, "none": None, "pair": (1, 2),
        "x": hp.uniform("x", 0, 1),
        "m": hp.choice("m", [{"type": "a", "k": 3}, {"type": "b", "z": hp.uniform("z", 0, 1)}]),
    }"""
    seen = (
        "assert (p['booster'], p['n_jobs'], p['none'], p['pair']) == ('gbtree', -1, None, (1, 2))"
    )
    objective = f"{HYPEROPT}def f(p):\n    {seen}\n    return p['k'] if p['type'] == 'a' else 4\n"
    names, _ = ran(f"{objective}best = fmin(f, {space}, tpe.suggest, 9)\n")
    assert names["result"].best_value == 3


@pytest.mark.parametrize(
    ("space", "words"),
    [
        ('{"x": hp.choice("x", [*a, *b])}', "not written out, one by one"),
        ('{"x": hp.uniform("x", *bounds)}', "not written out, one by one"),
        ('{"x": hp.quniform("x", 1, 10)}', "takes a label and low, high, q"),
        ('{"x": hp.uniform("x", 0, 1, 2)}', "takes a label and low, high"),
        ('{"x": -hp.uniform("x", 0, 1)}', "cannot be computed with"),
        ('{"x": math.exp(hp.uniform("x", 0, 1))}', "cannot be computed with"),
        ('{"x": hp.uniform("x", 0, 1) + 1}', "cannot be computed with"),
        ('{"x": [hp.uniform("x", 0, 1), 2]}', "one dict"),
        ('{"x": {"y": hp.uniform("x", 0, 1)}}', "one dict"),
        ('{"x": scope.int(hp.quniform("x", 0, 1, 0.5))}', "write a range by hand"),
        ('hp.choice("m", [{"t": "a", **base}, {"t": "b", "g": hp.uniform("g", 0, 1)}])', "ranges"),
        ('hp.choice("m", [("a", 1 + hp.uniform("y", 0, 1)), ("b", 2)])', "hold ranges"),
        ('[hp.uniform("x", 0, 1), 3]', "a dict of names and ranges"),
    ],
)
def test_parts_of_a_space_that_are_not_understood_are_left(space, words):
    text = searched(space)
    found, lines = told(text)
    assert words in lines[text.splitlines()[-1]]
    assert space in found.text
    assert "import STATUS_FAIL" in found.text


@pytest.mark.parametrize(
    ("space", "words"),
    [
        ('{"x": hp.uniform("x", 0, 1), **base}', "what base holds"),
        ('{"x": hp.uniform("x", 0, 1), "y": thing}', "not seen what thing is"),
        ("make()", "not seen what make() is"),
        ("self.space", "not seen what self.space is"),
        ('{"x": hp.quniform("x", low, 9, 2)}', "see that low and 9 are"),
    ],
)
def test_parts_of_a_space_that_are_not_seen_are_told(space, words):
    text = searched(space)
    assert words in told(text)[1][text.splitlines()[-1]]


def test_what_would_be_set_twice_is_left():
    option = (
        'hp.choice("{0}", [{{"type": "a", "{0}1": hp.uniform("{0}1", 0, 1)}}, {{"type": "b"}}])'
    )
    space = f'{{"u": {option.format("u")},\n "v": {option.format("v")}}}'
    found, _ = told(searched(space))
    assert found.text == searched(space)
    assert any("'type' would be set twice" in remark.text for remark in found.remarks)


def test_a_space_may_be_empty():
    names, remarks = ran(searched("[]", "lambda p: len(p)"))
    assert names["best"] == {}
    assert not remarks


def test_each_search_has_its_own_space():
    names, remarks = ran(
        HYPEROPT
        + """
def one():
    space = [hp.uniform("x", 0, 1), hp.uniform("y", 0, 1)]
    best = fmin(lambda a: a[0] + a[1], space, tpe.suggest, 3)
    return best
def two():
    space = {"u": hp.uniform("u", 0, 1)}
    best = fmin(lambda p: p["u"], space, tpe.suggest, 3)
    return best
a = fmin(lambda x: x**2, hp.uniform("x", -1, 1), tpe.suggest, 3)
b = fmin(lambda p: p["v"], {"v": hp.uniform("v", 0, 1)}, tpe.suggest, 3)
def late():
    return fmin(lambda x: x**2, below, tpe.suggest, 3)
below = hp.uniform("w", -1, 1)
found = [set(part) for part in (one(), two(), a, b, late())]
"""
    )
    assert names["found"] == [{"x", "y"}, {"u"}, {"x"}, {"v"}, {"w"}]
    assert not remarks


def test_a_logarithm_of_another_base_keeps_its_value():
    names, _ = ran(
        f"{HYPEROPT}space = {{'x': hp.loguniform('x', math.log(2, 10), math.log(100, 10))}}\n"
        "best = fmin(lambda p: p['x'], space, tpe.suggest, 3)\n"
    )
    assert names["space"]["x"].low == pytest.approx(math.exp(math.log(2, 10)))
    assert names["space"]["x"].high == pytest.approx(math.exp(2))


# Searches


@pytest.mark.parametrize(
    ("use", "wanted"),
    [
        ("best: dict = {}", "best['x']"),
        ("best = other = {}", "other['x']"),
        ("ok, best = True, {}", "best['x']"),
        ("best = space_eval(space, {})", "best['x']"),
        ("best = [{} for _ in range(2)]", "best[1]['x']"),
        ("for _ in range(2): best = {}", "best['x']"),
        ("best = {}['x']", "best"),
        ("best = ({})", "best['x']"),
    ],
)
def test_a_search_may_stand_anywhere(use, wanted):
    call = "fmin(lambda p: p['x'], space, tpe.suggest, 3)"
    names, remarks = ran(
        f"{HYPEROPT}space = {{'x': hp.uniform('x', 0, 1)}}\n{use.format(call)}\nfound = {wanted}\n"
    )
    assert 0 <= names["found"] <= 1
    assert not remarks


def test_trials_and_a_search_may_stand_in_one_line():
    names, remarks = ran(
        f"{HYPEROPT}space = {{'x': hp.uniform('x', 0, 1)}}\n"
        "trials = Trials(); best = fmin(lambda p: p['x'], space, tpe.suggest, 3, trials=trials); "
        "n = len(trials)\n"
    )
    assert names["n"] == 3
    assert not remarks


@pytest.mark.parametrize("more", [", **settings", ", fn=abs", ", *settings"])
def test_arguments_that_are_not_written_out_leave_the_script(more):
    text = searched("{'x': hp.uniform('x', 0, 1)}", more=more)
    found, lines = told(text)
    assert found.text == text
    assert "arguments of fmin are not written out" in lines[text.splitlines()[-1]]


@pytest.mark.parametrize(
    ("more", "made"),
    [
        (", trials=SparkTrials(parallelism=2)", "n_jobs=2"),
        (", verbose=0", "progress=False"),
        (", verbose=True, return_argmin=False", "sampler="),
        (", catch_eval_exceptions=True, loss_threshold=None", "sampler="),
    ],
)
def test_arguments_are_translated(more, made):
    found = convert(searched("{'x': hp.uniform('x', 0, 1)}", more=more))
    assert made in found.text
    assert not found.remarks


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (", trials=load()", "not seen what load() is"),
        (", verbose=quiet", "progress="),
        (", trials=SparkTrials()", "n_jobs="),
        (", trials=SparkTrials(2, timeout=9)", "timeout=9 of SparkTrials is left out"),
        (", early_stop_fn=stop", "early_stop_fn"),
    ],
)
def test_arguments_that_are_left_out_are_told(more, words):
    text = searched("{'x': hp.uniform('x', 0, 1)}", more=more)
    assert words in told(text)[1][text.splitlines()[-1]]


def test_values_of_the_space_keep_its_shape():
    names, remarks = ran(
        searched("hp.choice('x', [5, 7, 8, 9, 11, 13])", "lambda x: x", ", return_argmin=False")
        + "found = best + 1\n"
    )
    assert names["found"] == 6
    assert not remarks


@pytest.mark.parametrize(
    "before",
    ["trials = load()", "try:\n    trials = load()\nexcept OSError:\n    trials = Trials()"],
)
def test_trials_that_a_search_goes_on_with_are_told(before):
    more = ", trials=trials"
    search = searched("{'x': hp.uniform('x', 0, 1)}", more=more).removeprefix(HYPEROPT)
    found, lines = told(f"{HYPEROPT}{before}\n{search}")
    assert before in found.text
    assert "storage= keeps trials" in lines[search.strip()]
    loop = f"trials = Trials()\nfor _ in range(2):\n    {search}"
    assert "a search goes on with them" in told(f"{HYPEROPT}{loop}")[1][search.strip()]


@pytest.mark.parametrize(
    ("use", "words"),
    [
        ("best['c']", "the option itself now"),
        ("best.get('c')", "options themselves"),
        ("dict(best)", "options themselves"),
        ("best['label']", "is under 'x' now"),
    ],
)
def test_numbers_that_are_options_now_are_told(use, words):
    space = "{'c': hp.choice('c', ['a', 'b']), 'x': hp.uniform('label', 0, 1)}"
    assert words in told(searched(space) + f"{use}\n")[1][use]
    assert not convert(searched(space) + "print(best, best['x'])\n").remarks
    model = "def model(x, y):\n    c = {{choice(['a', 'b'])}}\n    return 1.0"
    if "label" not in use:
        assert words in told(hyperas(model) + f"{use}\n")[1][use]
        assert not convert(hyperas(model, more=", eval_space=True") + f"{use}\n").remarks


# Names and imports


@pytest.mark.parametrize(
    "imports",
    [
        "import math, hyperopt",
        "import math; import hyperopt",
        "def f():\n    from hyperopt import hp as h\nimport hyperopt, math",
    ],
)
def test_imports_come_whatever_they_stand_beside(imports):
    names, _ = ran(
        f"{imports}\nbest = hyperopt.fmin(lambda p: math.sin(p['x']), {{'x': "
        "hyperopt.hp.uniform('x', 0, 1)}, hyperopt.tpe.suggest, 3)\n"
    )
    assert set(names["best"]) == {"x"}
    assert "hyperopt" not in names


def test_names_of_the_script_stay_its_own():
    names, remarks = ran(
        f"from math import sin as minimize\nresult = norm = 7\n{HYPEROPT}\n"
        "best = fmin(lambda p: p['x'], {'x': hp.normal('x', 0, 1)}, tpe.suggest, 3)\n"
        "found = minimize(0), result, norm\n"
    )
    assert names["found"] == (0, 7, 7)
    assert not remarks
    model = "def model(x, y):\n    trial = {{uniform(0, 1)}}\n    return trial"
    names, remarks = ran(hyperas(model, above="result = dataset = 7"))
    assert set(names["best"]) == {"trial"}
    assert (names["result"], names["dataset"]) == (7, 7)
    assert not remarks


# Hyperas


def test_data_goes_to_parameters_of_its_name():
    model = """
    def model(a, b, c=3):
        assert (a, b, c) == (1, 2, 3)
        return {"loss": {{uniform(0, 1)}}, "status": STATUS_OK}
    """
    for data in ("b, a = 2, 1\nreturn b, a", "return 1, 2", "found = (1, 2)\nreturn found"):
        _, remarks = ran(hyperas(model, data))
        assert not remarks
    one = "def model(x):\n    assert x == [1, 2]\n    return {{uniform(0, 1)}}"
    ran(hyperas(one, "x = [1, 2]\nreturn x"))
    found, lines = told(hyperas(one, "return 1, 2"))
    assert "{{uniform(0, 1)}}" in found.text
    assert any("returns 2 values, and model takes 1" in text for text in lines.values())


def test_variables_of_data_are_told():
    model = "def model(x, y):\n    return n + {{uniform(0, 1)}}"
    lines = told(hyperas(model, "n = 3\nreturn 1, 2"))[1]
    assert "n is a variable of the function of data" in lines["return n + {{uniform(0, 1)}}"]


def test_an_option_is_drawn_where_it_is_taken():
    model = """
    def model(x, y):
        v = {{choice([0, {{uniform(1, 2)}}, len])}}
        return 5 if v is len else v + 1
    """
    names, remarks = ran(hyperas(model))
    assert names["best"] == {"v": 0}
    taken = [trial.params for trial in names["result"].trials]
    assert {(p["v"], "v_1" in p) for p in taken} == {(0, False), (1, True), (2, False)}
    assert not remarks


@pytest.mark.parametrize(
    ("search", "wanted"),
    [
        ("best = optim.minimize({})[0]", "best"),
        ("def run():\n    return optim.minimize({})", "run()[0]"),
        ("best = [optim.minimize({})[0]]", "best[0]"),
        ("best, model_ = optim.minimize({})", "best"),
        ("found = optim.minimize({})", "found[0]"),
    ],
)
def test_a_search_of_hyperas_may_stand_anywhere(search, wanted):
    model = "def model(x, y):\n    return {{uniform(0, 1)}}"
    names, _ = ran(hyperas(model, search=search) + f"\nwanted = {wanted}\n")
    assert set(names["wanted"]) == {"uniform"}


def test_methods_are_given_the_trial_after_their_object():
    names, _ = ran(
        HYPERAS
        + """
class Tuner:
    def data(self):
        return 1, 2
    def model(self, x, y):
        return x + {{uniform(0, 1)}}
    def run(self):
        self.best, _ = optim.minimize(self.model, self.data, tpe.suggest, 3, Trials())
tuner = Tuner()
tuner.run()
"""
    )
    assert 0 <= names["tuner"].best["uniform"] <= 1


NAMED = """
from tunesmith.compat.hyperas import optim
from tunesmith.compat.hyperas.distributions import choice, uniform
from tunesmith.compat.hyperopt import STATUS_OK, Trials, tpe
def data():
    return 1, 2
def helper(v):
    return v * {{uniform(1, 2)}}
def model(x, y):
    width = {{choice([1, 2])}} * 2
    k: int = {{choice([1, 3])}}
    seen = [{{uniform(0, 1)}}, max(x, {{uniform(0, 1)}}), max({{uniform(0, 3)}}, y)]
    if ({{uniform(0, 5)}}) < 9:
        seen = [helper(seen[0])]
    loss = width + k + seen[0]
    return {"loss": loss, "status": STATUS_OK}
best, _ = optim.minimize(
    model, data, tpe.suggest, 3, Trials(), functions=[helper], verbose=False
)
"""


def test_templates_have_the_names_that_they_had(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "named_before.py").write_text(NAMED)
    import named_before  # type: ignore[import-not-found]

    names, _ = ran(NAMED)
    assert set(names["best"]) == set(named_before.best)
    assert len(names["best"]) == 7
    sys.modules.pop("named_before")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("return float(f'{ {{uniform(0, 1)}} }')", "in a text stays"),
        ("return {{choice([*x])}}", "not written out"),
        ("return {{normal(0, 1)}}", "cannot be asked for normal"),
        ("return {{uniform(0)}}", "takes low, high"),
        ("return {{choice(UNITS)}}", "not seen what UNITS holds"),
    ],
)
def test_templates_that_are_not_understood_are_told(model, words):
    found, lines = told(hyperas(f"def model(x, y):\n    {model}"))
    assert words in lines[model]
    assert (model in found.text) == ("UNITS" not in model)


def test_a_vote_of_models_is_told():
    text = f"{HYPERAS}models = optim.best_models(2, model, data, tpe.suggest, 5, Trials())\n"
    found, lines = told(text)
    assert found.text == text
    assert "there is no optim.best_models" in lines[text.splitlines()[-1]]


# Text


def test_comments_stay():
    text = f"""{HYPEROPT}
space = {{
    "act": hp.choice(
        "act",
        [
            "relu",  # usual
            "tanh",  # older
        ],
    ),
}}
def f(p):
    # above
    trials = Trials()  # beside
    best = fmin(
        lambda p: 1,
        space,  # space
        tpe.suggest,
        3,  # not many
        trials=trials,
    )  # done
    return best
def g():
    # in g
    trials = Trials()
    # end of g
    fmin(lambda p: 1, space, tpe.suggest, 3, trials=trials)
for k in [1]:
    f(k)
"""
    found = convert(text).text
    words = ["usual", "older", "above", "beside", "space", "not many", "done", "in g", "end of g"]
    assert [word for word in words if found.count(f"# {word}") != 1] == []
    assert '"relu",  # usual\n            "tanh",  # older\n' in found
    f, g = found.split("def f(")[1].split("def g(")
    assert f.index("# above") < f.index("# beside") < f.index("result = ")
    assert g.index("# in g") < g.index("# end of g") < g.index("minimize(") < g.index("for k")


def test_a_notebook_is_named_as_one():
    with pytest.raises(ConversionError, match=r"nbconvert --to script search\.ipynb"):
        convert("{}", "search.ipynb")


def test_what_would_be_no_python_is_not_printed():
    text = searched("{'x': hp.uniform('x', 0, 1)}").replace("6)", "n := 6)")
    with pytest.raises(ConversionError, match="cannot be converted"):
        convert(text)


def test_a_variable_of_the_functions_name_is_another():
    names, remarks = ran(
        hyperas(
            "def model(x, y):\n"
            "    model = float\n"
            "    return {'loss': model({{uniform(0, 1)}}), 'status': STATUS_OK}\n"
        )
    )
    assert set(names["best"]) == {"model"}
    assert not remarks


def test_variables_of_data_are_told_in_helpers_too():
    helper = "return x * factor"
    text = hyperas(
        "def model(x):\n    return {'loss': scaled({{uniform(0, 1)}}), 'status': STATUS_OK}\n",
        "factor = 3\nreturn 1",
        above=f"\nfactor_ = 1\ndef scaled(x):\n    {helper}\nhelpers = [scaled]",
        more=", functions=helpers",
    )
    _, lines = told(text)
    assert "factor is a variable of the function of data" in lines[helper]
