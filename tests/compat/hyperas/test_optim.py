# ruff: noqa: F821, F841, SIM108 - variables of the data function are known in the model
from __future__ import annotations

import functools
import inspect

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import cross_val_score
from sklearn.svm import SVC

from tunesmith.compat.hyperas import optim
from tunesmith.compat.hyperas.data import Data
from tunesmith.compat.hyperas.distributions import choice, loguniform, uniform
from tunesmith.compat.hyperas.ensemble import VotingModel
from tunesmith.compat.hyperas.exceptions import TemplateError
from tunesmith.compat.hyperas.source import Source
from tunesmith.compat.hyperas.utils import eval_hyperopt_space
from tunesmith.compat.hyperopt import STATUS_OK, SparkTrials, Trials, rand, tpe
from tunesmith.exceptions import TunesmithError

CALLS = []


def data():
    CALLS.append("data")
    X, y = load_iris(return_X_y=True)
    folds = 3
    return X, y


def create_model(X, y):
    if {{choice(["rbf", "linear"])}} == "rbf":
        model = SVC(C={{loguniform(-3, 5)}}, gamma={{loguniform(-8, 2)}})
    else:
        model = SVC(kernel="linear", C={{loguniform(-3, 6)}})
    accuracy = cross_val_score(model, X, y, cv=folds).mean()
    return {"loss": -accuracy, "status": STATUS_OK, "model": model}


def minimized(model=create_model, data=data, max_evals=6, algo=rand.suggest, **options):
    options = {"trials": Trials(), "verbose": False} | options
    return optim.minimize(model, data, algo, max_evals, **options)


def test_the_signature_is_hyperas():
    assert list(inspect.signature(optim.minimize).parameters) == [
        "model",
        "data",
        "algo",
        "max_evals",
        "trials",
        "functions",
        "rseed",
        "notebook_name",
        "verbose",
        "eval_space",
        "return_space",
        "keep_temp",
    ]


def test_a_search_finds_the_best_run_and_its_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    CALLS.clear()
    trials = Trials()
    best_run, best_model = minimized(max_evals=12, algo=tpe.suggest, trials=trials)
    assert CALLS == ["data"]
    assert len(trials) == 12
    assert best_run == trials.argmin
    assert best_model is trials.best_trial["result"]["model"]
    active = {"choice", "C", "gamma"} if best_run["choice"] == 0 else {"choice", "C_1"}
    assert best_run.keys() == active
    assert best_run.get("C", best_run.get("C_1")) == best_model.C
    assert list(tmp_path.iterdir()) == []


SPACES = []


def tells_its_values(X, y):
    parameters = space
    SPACES.append(parameters)
    C = {{choice([1, 10])}}
    if {{choice(["rbf", "linear"])}} == "rbf":
        gamma = {{uniform(0, 1)}}
        assert parameters["gamma"] == gamma
    assert parameters["C"] == C
    return {"loss": len(SPACES), "status": STATUS_OK}


def test_space_are_the_values_of_a_trial():
    SPACES.clear()
    trials = Trials()
    _, _, space = minimized(tells_its_values, trials=trials, return_space=True)
    for found, trial in zip(SPACES, trials.trials, strict=True):
        assert list(found) == ["C", "C_1", "gamma"]
        looked_at = {name: value for name, value in found.items() if value is not None}
        assert looked_at == eval_hyperopt_space(space, trial["misc"]["vals"])


def test_values_and_the_space_can_be_had():
    best_run, _, space = minimized(eval_space=True, return_space=True)
    assert best_run["choice"] in ("rbf", "linear")
    assert list(space) == ["choice", "C", "gamma", "C_1"]
    assert eval_hyperopt_space(space, {"choice": [1], "C_1": [2.0], "C": []}) == {
        "choice": "linear",
        "C_1": 2.0,
    }


def test_the_same_seed_gives_the_same():
    assert minimized()[0] == minimized()[0]
    assert minimized(rseed=1)[0] != minimized(rseed=2)[0]


def tells_all(a, b, c=5):
    return {"loss": {{uniform(0, 1)}}, "status": STATUS_OK, "model": (a, b, c, hidden)}


def swapped():
    hidden = "only here"
    b, a = 2, 1
    return b, a


def computed():
    return [1, 1 + 1]


def single():
    return 7


def takes_one(x):
    return {"loss": {{uniform(0, 1)}} + x, "status": STATUS_OK}


def takes_none():
    return {"loss": {{uniform(0, 1)}} + a + b, "status": STATUS_OK, "model": (a, b)}


def test_data_goes_by_name_or_else_in_order():
    assert minimized(tells_all, swapped)[1] == (1, 2, 5, "only here")
    assert minimized(takes_none, swapped)[1] == (1, 2)
    assert minimized(takes_one, single)[0].keys() == {"uniform"}
    assert minimized(takes_one, lambda: 7)[0].keys() == {"uniform"}

    def in_order(p, q):
        return {"loss": {{uniform(0, 1)}}, "status": STATUS_OK, "model": (p, q)}

    assert minimized(in_order, computed)[1] == (1, 2)
    assert minimized(in_order, swapped)[1] == (2, 1)


def in_names():
    n_classes = 3
    x_train, y_train = "x", "y"
    return x_train, y_train


def in_expressions():
    n_classes = 3
    x_train, y_train = "x", "y"
    return x_train.upper(), y_train


def of_two_returns():
    x_train, y_train = "x", "y"
    if x_train:
        return y_train, x_train
    return x_train, y_train


def argued(function, data=in_names):
    """Return what a function gets of the data."""
    args, kwargs = Data.of(data).arguments(Source.of(function))
    return function(*args, **kwargs)


def test_parameters_get_the_variables_of_their_names():
    def swaps(y_train, x_train):
        return y_train, x_train

    def asks_for_a_variable(x_train, n_classes):
        return x_train, n_classes

    def has_defaults(x_train=None, n_classes=None, rate=0.1):
        return x_train, n_classes, rate

    def takes_the_rest(y_train, rate=0.1, /, *rest, n_classes):
        return y_train, rate, rest, n_classes

    def takes_named(y_train, **rest):
        return y_train, rest

    def takes_all_named(**rest):
        return rest

    assert argued(swaps) == ("y", "x")
    assert argued(swaps, of_two_returns) == ("y", "x")
    assert argued(asks_for_a_variable) == ("x", 3)
    assert argued(has_defaults) == ("x", 3, 0.1)
    assert argued(takes_the_rest) == ("y", 0.1, ("x",), 3)
    assert argued(takes_named) == ("y", {"x_train": "x"})
    assert argued(takes_all_named) == {"x_train": "x", "y_train": "y"}


def test_parameters_of_other_names_get_values_in_order():
    def has_defaults(a=None, b=None, c=None):
        return a, b, c

    def takes_all(*args):
        return args

    def takes_the_rest(a, *rest):
        return a, rest

    assert argued(has_defaults) == ("x", "y", None)
    assert argued(takes_all) == ("x", "y")
    assert argued(takes_the_rest) == ("x", ("y",))


def test_what_is_returned_without_names_goes_in_order():
    def takes_them(x_train, y_train, n_classes):
        return x_train, y_train, n_classes

    def swaps(y_train, x_train):
        pass

    def takes_named(**rest):
        pass

    assert argued(takes_them, in_expressions) == ("X", "y", 3)
    with pytest.raises(TemplateError, match="in this order y_train is not the data function's"):
        argued(swaps, in_expressions)
    with pytest.raises(TemplateError, match=r"returns 2 values, and takes_named takes 1 \(rest\)"):
        argued(takes_named, in_expressions)


MODE = None


def sets_mode():
    global MODE
    MODE = "b"
    sizes = [8, 9]
    x = 0
    return x


def asks_for_mode(x):
    if {{choice(["a", "b"])}} == MODE:
        loss = {{uniform(0, 1)}}
    else:
        loss = {{choice(sizes)}}
    return {"loss": loss, "status": STATUS_OK}


def test_templates_are_read_when_data_is_there():
    best_run, _, space = minimized(asks_for_mode, sets_mode, return_space=True)
    assert best_run.keys() == {"choice", "loss"}
    assert eval_hyperopt_space(space, {"choice": 0, "loss_1": 1}) == {"choice": "a", "loss_1": 9}


def misspelt(x):
    return {{unifrom(0, 1)}}


def test_what_is_no_template_is_told_before_data_is_called():
    CALLS.clear()
    with pytest.raises(TemplateError, match="there is no distribution 'unifrom'"):
        minimized(misspelt)
    assert CALLS == []


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"algo": tpe}, TypeError),
        ({"max_evals": "3"}, ValueError),
        ({"trials": []}, TypeError),
        ({"rseed": "a"}, TypeError),
        ({"rseed": -1}, TypeError),
    ],
)
def test_arguments_that_are_none_are_told_before_data_is_called(wrong, error):
    CALLS.clear()
    given = {"algo": rand.suggest, "max_evals": 3, "trials": Trials()} | wrong
    name = next(iter(wrong))
    with pytest.raises(error, match=name):
        optim.minimize(sure, data, verbose=False, **given)
    assert CALLS == []


def asks():
    return {{uniform(0, 1)}}


def calls_what_asks(x):
    return {"loss": asks() + {{uniform(0, 1)}}, "status": STATUS_OK}


def test_a_function_that_was_left_out_of_functions_is_told():
    with pytest.raises(TemplateError, match=r"uniform\(0, 1\) was called.*functions="):
        minimized(calls_what_asks, single)


def many():
    return 1, 2, 3


def one_list():
    rows = [1, 2, 3]
    return rows


def one_tuple():
    rows = 1, 2, 3
    return rows


def takes_rows(rows):
    return {"loss": {{uniform(0, 1)}}, "status": STATUS_OK, "model": rows}


def takes_three(a, b, c):
    return {"loss": {{uniform(0, 1)}}, "status": STATUS_OK, "model": (a, b, c)}


def test_a_list_is_one_value_and_a_tuple_is_several():
    assert minimized(takes_rows, one_list)[1] == [1, 2, 3]
    assert minimized(takes_three, one_tuple)[1] == (1, 2, 3)
    assert minimized(takes_three, many)[1] == (1, 2, 3)


def test_data_that_does_not_fit_is_told():
    with pytest.raises(TemplateError, match=r"returns 2 values \(b, a\), and takes_one takes 1"):
        argued(takes_one, swapped)

    def half_of_names(x_train, y):
        pass

    line = half_of_names.__code__.co_firstlineno
    with pytest.raises(TemplateError, match="there is no y in the data function") as caught:
        argued(half_of_names)
    assert str(caught.value).startswith(f"{__file__}:{line}: ")

    def nothing():
        pass

    def yields():
        yield 1

    async def waits():
        return 1

    for function, words in (
        (nothing, "nothing returns nothing; end it with `return"),
        (yields, "yields is a generator or a coroutine; end it with `return"),
        (waits, "waits is a generator or a coroutine"),
    ):
        with pytest.raises(TemplateError, match=words) as caught:
            argued(takes_one, function)
        assert str(caught.value).startswith(f"{__file__}:{function.__code__.co_firstlineno}: ")


def test_data_may_come_from_anything_that_can_be_called():
    made = {}
    exec("def unseen():\n    return 1", made)
    for function in (made["unseen"], functools.cache(single), functools.partial(int, 3)):
        assert minimized(takes_one, function)[0].keys() == {"uniform"}


def build(kernel):
    return SVC(kernel=kernel, C={{choice([1, 10])}}), cases


def uses_build(X, y):
    model, n = build({{choice(["rbf", "linear"])}})
    return {"loss": -model.fit(X, y).score(X, y), "status": STATUS_OK, "model": (model, n)}


def data_with_cases():
    X, y = load_iris(return_X_y=True)
    cases = len(y)
    return X, y


class Unread:
    pass


def test_functions_have_templates_and_variables_of_the_data():
    best_run, (model, n) = minimized(uses_build, data_with_cases, functions=[build, Unread])
    assert best_run.keys() == {"build", "C"}
    assert model.C in (1, 10)
    assert n == 150


class Net:
    label = "net"

    def __init__(self, x):
        self.x = x

    def build(self):
        return SVC(C={{uniform(1, 2)}})


class Made:
    @classmethod
    def build(cls):
        return {{choice([1, 2])}}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (Net, r"Net is a class; .* return Net\({{uniform\(1, 2\)}}\)`"),
        (Net(1).build, r"Net.build is a method"),
        (Made, r"Made is a class"),
    ],
)
def test_templates_of_a_class_are_refused(given, words):
    CALLS.clear()
    with pytest.raises(TemplateError, match=f"functions= takes functions, and {words}") as caught:
        minimized(functions=[given])
    assert str(caught.value).startswith(f"{__file__}:")
    assert CALLS == []


def test_trials_need_not_be_given():
    assert minimized(takes_one, single, trials=None)[0].keys() == {"uniform"}
    models = optim.best_models(1, sure, data, rand.suggest, 2, None)
    assert len(models) == 1


def test_what_is_to_be_searched_is_printed(capsys):
    minimized(max_evals=1, verbose=True)
    assert capsys.readouterr().out.splitlines() == [
        "Hyperparameters:",
        '  choice  choice(["rbf", "linear"])',
        "  C       loguniform(-3, 5)",
        "  gamma   loguniform(-8, 2)",
        "  C_1     loguniform(-3, 6)",
    ]


def without(X, y):
    return 1.0


def test_a_function_without_templates_is_refused():
    with pytest.raises(TemplateError, match="without has no templates"):
        minimized(without)


def test_there_is_no_temporary_file_to_keep():
    with pytest.warns(UserWarning, match="no temporary file"):
        minimized(keep_temp=True, max_evals=1)


def test_trials_may_run_in_other_processes():
    with pytest.warns(UserWarning, match="Spark"):
        trials = SparkTrials(parallelism=2)
    best_run, best_model = minimized(trials=trials, max_evals=4)
    assert len(trials) == 4
    assert best_run.get("C", best_run.get("C_1")) == best_model.C


class Sure:
    """A model that is as sure of one class as its parameter says."""

    def __init__(self, label, share):
        self.label, self.share = label, share

    def predict(self, X, batch_size=128, verbose=0):
        rest = (1 - self.share) / 2
        return np.tile(np.where(np.arange(3) == self.label, self.share, rest), (len(X), 1))


def sure(X, y):
    share = {{uniform(0.4, 1)}}
    return {"loss": -share, "status": STATUS_OK, "model": Sure(1, share)}


def test_the_best_models_are_those_of_the_least_losses():
    trials = Trials()
    models = optim.best_models(3, sure, data, rand.suggest, 8, trials)
    shares = sorted((-loss for loss in trials.losses()), reverse=True)
    assert [model.share for model in models] == shares[:3]
    assert len(optim.best_models(9, sure, data, rand.suggest, 2, Trials())) == 2
    for wrong in (0, 2.0, "2"):
        with pytest.raises(TemplateError, match="a whole number from 1"):
            optim.best_models(wrong, sure, data, rand.suggest, 2, Trials())
    trials = Trials()
    with pytest.raises(TemplateError, match="no model"):
        optim.best_models(1, takes_one, single, rand.suggest, 2, trials)
    assert len(trials._dynamic_trials) == 1


def test_an_ensemble_votes():
    ensemble = optim.best_ensemble(3, sure, data, rand.suggest, 5, Trials(), voting="soft")
    assert ensemble.predict(np.zeros((4, 2))).tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("wrong", [{"voting": "loud"}, {"weights": [1, 2, 3]}])
def test_a_vote_that_cannot_be_is_refused_before_the_search(wrong):
    trials = Trials()
    with pytest.raises(TunesmithError):
        optim.best_ensemble(2, sure, data, rand.suggest, 5, trials, **wrong)
    assert len(trials) == 0


def test_votes():
    models = [Sure(0, 0.95), Sure(1, 0.5), Sure(1, 0.5)]
    X = np.zeros((2, 1))
    assert VotingModel(models).predict(X).tolist() == [1, 1]
    assert VotingModel(models, "soft").predict(X).tolist() == [0, 0]
    assert VotingModel(models, "soft", weights=[0.1, 1, 1]).predict(X).tolist() == [1, 1]
    assert VotingModel(models, weights=[3, 1, 1]).predict(X).tolist() == [0, 0]
    for wrong, words in (
        ({"voting": "loud"}, "'hard' or 'soft'"),
        ({"weights": [1]}, "3 models, and 1 weights"),
    ):
        with pytest.raises(TunesmithError, match=words):
            VotingModel(models, **wrong)
    with pytest.raises(TunesmithError, match="no model"):
        VotingModel([])
    with pytest.raises(TunesmithError, match="of 3 classes, not of nb_classes=4"):
        VotingModel(models, nb_classes=4).predict(X)
