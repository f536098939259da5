from __future__ import annotations

import inspect
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
from sklearn.base import clone, is_classifier, is_regressor

from tests.models.networks import compiled, iris
from tunesmith.models import KerasClassifier, KerasRegressor, routing


def open_ended(hidden=8, **others):
    return others


class Maker:
    def __call__(self, hidden=8):
        return compiled(hidden)

    def method(self, units=3):
        return compiled(units=units)


class OwnClassifier(KerasClassifier):
    def __call__(self, hidden=8):
        return compiled(hidden)


class Declaring(KerasClassifier):
    def __init__(self, hidden=8, **params):
        super().__init__(**params)
        self.hidden = hidden

    def __call__(self, hidden):
        return compiled(hidden)


def test_importing_the_room_does_not_import_keras():
    code = "import sys, tunesmith.models; sys.exit('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("callee", ["fit", "predict", "evaluate", "compile"])
def test_names_are_those_of_the_installed_keras(callee):
    keras = pytest.importorskip("keras")
    takes = set(inspect.signature(getattr(keras.Model, callee)).parameters)
    own = {"self", "x", "y", "sample_weight", "return_dict", "kwargs"}
    assert takes - own == routing.CALLEES[callee]


@pytest.mark.parametrize(
    ("estimator", "name"),
    [
        (KerasClassifier(compiled, batch_size=32), "hidden"),
        (KerasClassifier(build_fn=compiled), "units"),
        (KerasClassifier(model=compiled), "epochs"),
        (KerasClassifier(Maker()), "hidden"),
        (KerasClassifier(Maker().method), "units"),
        (KerasClassifier(partial(compiled, units=3)), "hidden"),
        (OwnClassifier(), "hidden"),
        (Declaring(hidden=3, epochs=2), "hidden"),
        (KerasClassifier(open_ended), "whatever"),
        (KerasRegressor(compiled), "model__hidden"),
        (KerasClassifier(compiled), "fit__batch_size"),
        (KerasClassifier(compiled), "predict__batch_size"),
        (KerasClassifier(compiled), "optimizer__learning_rate"),
        (KerasClassifier(compiled), "shuffle"),
    ],
)
def test_a_legal_name_need_not_be_declared(estimator, name):
    value = object()
    copied = clone(estimator).set_params(**{name: value})
    assert copied.get_params()[name] is value
    assert name not in vars(type(copied))


@pytest.mark.parametrize("name", ["hiden", "fit__epoch", "model__hiden", "meta", "nosuch__thing"])
def test_an_illegal_name_is_found_before_any_fit(name):
    estimator = KerasClassifier(compiled)
    message = rf"^{name} is not a legal parameter for KerasClassifier\(compiled\); .*legal: "
    with pytest.raises(ValueError, match=message):
        estimator.set_params(epochs=3, **{name: 1})
    assert estimator.epochs is None
    with pytest.raises(ValueError, match=message):
        KerasClassifier(compiled, **{name: 1})


def test_the_message_names_the_nearest():
    with pytest.raises(ValueError, match="nearest: epochs"):
        KerasClassifier(compiled).set_params(nb_epochs=3)


def test_a_parameter_that_a_new_build_function_does_not_take_is_refused():
    estimator = KerasClassifier(compiled, hidden=3)
    with pytest.raises(ValueError, match="hidden is not a legal"):
        estimator.set_params(build_fn=Maker().method)
    assert estimator.build_fn is compiled


def test_lists_keep_their_identity():
    sizes = [32, 32]
    estimator = KerasClassifier(open_ended, sizes=sizes)
    assert estimator.get_params()["sizes"] is sizes
    assert clone(estimator).get_params()["sizes"] == sizes


def test_a_subclass_keeps_the_parameters_of_its_base_when_cloned():
    copied = clone(Declaring(hidden=3, epochs=2, batch_size=16))
    assert (copied.hidden, copied.epochs, copied.batch_size) == (3, 2, 16)


def test_model_and_build_fn_at_once():
    with pytest.raises(ValueError, match="not as both"):
        KerasClassifier(compiled, model=compiled)


def test_tags():
    assert is_classifier(KerasClassifier())
    assert is_regressor(KerasRegressor())
    assert KerasClassifier().__sklearn_tags__().non_deterministic
    assert not KerasClassifier(random_state=0).__sklearn_tags__().non_deterministic


def test_what_each_function_gets():
    params = {
        "hidden": 4,
        "units": 2,
        "model__units": 3,
        "epochs": 5,
        "batch_size": 32,
        "predict__batch_size": 256,
        "callbacks": ["c"],
    }
    assert routing.route_build(params, compiled, ()) == {"hidden": 4, "units": 3}
    assert routing.route_build({"width": 1, "epochs": 2}, open_ended, ()) == {"width": 1}
    assert routing.route(params, "fit") == {"epochs": 5, "batch_size": 32, "callbacks": ["c"]}
    assert routing.route(params, "predict") == {"batch_size": 256}
    assert routing.route(params, "evaluate") == {"batch_size": 32}


def test_calls_beat_the_constructor_and_refuse_unknown_names():
    X, y = iris()
    estimator = KerasClassifier(compiled, epochs=1, batch_size=150)
    estimator.fit(X, y, epochs=3)
    assert len(estimator.history_["loss"]) == 3
    with pytest.raises(TypeError, match=r"fit\(\) got an unexpected .*'epoch'.*'epochs'"):
        estimator.fit(X, y, epoch=3)
    with pytest.raises(TypeError, match=r"predict\(\) got an unexpected"):
        estimator.predict(X, epochs=3)


def test_numbers_of_numpy_arrive_as_pythons():
    X, y = iris()
    keras = pytest.importorskip("keras")

    def build(units, activation):
        return keras.Sequential(
            [
                keras.layers.Input((4,)),
                keras.layers.Dense(units, activation=activation),
                keras.layers.Dense(3, activation="softmax"),
            ]
        )

    units = np.arange(3, 5)[0]
    estimator = KerasClassifier(
        build, units=units, activation=np.array(["relu"])[0], batch_size=np.int64(150)
    )
    assert estimator.fit(X, y).model_.layers[0].units == 3
    assert estimator.get_params()["units"] is units
