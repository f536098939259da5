from __future__ import annotations

import importlib.util
import io
import math
import re
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from rich.console import Console

import tunesmith
from tunesmith.cli import main
from tunesmith.cli.demo import GRID, make_search, show, slow_to_learn
from tunesmith.cli.images import load_digits, load_file
from tunesmith.cli.network import OPTIMIZERS, make_model
from tunesmith.exceptions import StudyMismatch

PARAMS = {
    "dense_layer_sizes": [32],
    "filters": 2,
    "kernel_size": 3,
    "pool_size": 2,
    "image_shape": (8, 8, 1),
    "n_classes": 10,
}


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def some_images(**changed):
    rng = np.random.default_rng(0)
    arrays = {
        "x_train": rng.integers(0, 256, (40, 9, 9), dtype=np.uint8),
        "y_train": np.arange(40, dtype=np.uint8) % 4,
        "x_test": rng.integers(0, 256, (8, 9, 9), dtype=np.uint8),
        "y_test": np.arange(8, dtype=np.uint8) % 4,
    }
    return {name: array for name, array in (arrays | changed).items() if array is not None}


@pytest.fixture
def save(tmp_path):
    def save(**changed):
        path = tmp_path / "shapes.npz"
        np.savez(path, **some_images(**changed))
        return path

    return save


class TestCommand:
    def test_help_lists_the_demo(self):
        result = run("--help")
        assert result.exit_code == 0
        assert "demo" in result.output

    def test_version(self):
        assert tunesmith.__version__ in run("--version").output

    def test_help_of_the_demo_lists_its_options(self):
        output = run("demo", "--help").output
        for option in ("search", "data", "jobs", "storage", "train-size", "learning-rate"):
            assert f"--{option}" in output

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--search", "gird"], "'gird' is not one of"),
            (["--jobs", "0"], "0 is not in the range x>=1"),
            (["--learning-rate", "0"], "0.0 is not in the range x>0"),
            (["--data", "nowhere.npz"], "'nowhere.npz' does not exist"),
            (["--train-size", "9999"], "digits has 1,440 training images; 9,999 asked for"),
        ],
    )
    def test_bad_option_is_named(self, arguments, message):
        result = run("demo", *arguments)
        assert result.exit_code != 0
        assert message in result.output

    @pytest.mark.parametrize(
        ("absent", "message"),
        [
            ({"keras"}, "keras cannot be imported"),
            ({"keras", "jax"}, "keras and jax cannot be imported"),
        ],
    )
    def test_missing_keras_names_the_extra(self, monkeypatch, absent, message):
        find = importlib.util.find_spec
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name: None if name in absent else find(name)
        )
        monkeypatch.setenv("KERAS_BACKEND", "jax")
        result = run("demo")
        assert result.exit_code == 1
        assert message in result.output
        assert 'pip install "tunesmith[keras]"' in result.output

    def test_error_raised_on_purpose_is_one_line(self, monkeypatch):
        def fail(*arguments):
            raise StudyMismatch("the study was made from something else")

        monkeypatch.setattr("tunesmith.cli.demo.make_search", fail)
        result = run("demo")
        assert result.exit_code == 1
        assert result.output.splitlines()[-1] == "Error: the study was made from something else"

    def test_interrupted_search_says_how_to_go_on(self, monkeypatch):
        def interrupt(*arguments):
            stop = KeyboardInterrupt()
            stop.add_note("Run the same script again to go on.")
            raise stop

        monkeypatch.setattr("tunesmith.cli.demo.make_search", interrupt)
        result = run("demo")
        assert result.exit_code == 1
        assert result.output.split("\n")[-4:-1] == [
            "Run the same script again to go on.",
            "",
            "Aborted!",
        ]


class TestImages:
    def test_digits_are_scaled_and_split(self):
        images = load_digits(random_state=0)
        assert images.x_train.shape == (1440, 8, 8, 1)
        assert images.x_test.shape == (357, 8, 8, 1)
        assert images.x_train.dtype == np.float32
        assert (images.x_train.min(), images.x_train.max()) == (0, 1)
        assert set(np.bincount(images.y_test)) <= {35, 36, 37}

    def test_digits_are_the_same_for_a_seed(self):
        a, b, c = (load_digits(random_state=seed) for seed in (0, 0, 1))
        assert np.array_equal(a.x_test, b.x_test)
        assert not np.array_equal(a.x_test, c.x_test)

    def test_file(self, save):
        images = load_file(save()).first(20)
        assert (images.name, images.shape, images.n_classes) == ("shapes", (9, 9, 1), 4)
        assert len(images.x_train) == len(images.y_train) == 20
        assert images.x_train.max() <= 1 < images.x_train.max() * 2

    def test_colours_and_floats_are_kept(self, save):
        x = np.random.default_rng(0).random((40, 9, 9, 3))
        images = load_file(save(x_train=x))
        assert images.shape == (9, 9, 3)
        np.testing.assert_array_equal(images.x_train, x.astype(np.float32))

    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            ({"y_test": None}, "lacks y_test; it must hold x_train"),
            ({"x_train": np.zeros((40, 81))}, "x_train must be numbers of shape"),
            ({"y_train": np.zeros(40)}, "y_train must be integers from 0"),
            ({"y_train": np.zeros(39, dtype=int)}, "has not as many labels as images"),
            ({"y_train": np.full(40, None)}, "is no .npz file of plain arrays"),
        ],
    )
    def test_other_content_is_named(self, save, changed, message):
        result = run("demo", "--data", save(**changed))
        assert result.exit_code == 1
        assert message in result.output

    def test_other_file_is_named(self, tmp_path):
        path = tmp_path / "x.npz"
        path.write_text("x")
        result = run("demo", "--data", path)
        assert result.exit_code == 1
        assert "is no .npz file of plain arrays" in result.output


class TestNetwork:
    @pytest.mark.parametrize("optimizer", OPTIMIZERS)
    def test_is_compiled_with_the_learning_rate(self, optimizer):
        pytest.importorskip("keras")
        model = make_model(**PARAMS, optimizer=optimizer, learning_rate=0.125)
        assert type(model.optimizer).__name__.lower() == optimizer
        assert float(np.asarray(model.optimizer.learning_rate)) == 0.125
        assert model.loss == "categorical_crossentropy"
        assert model.output_shape == (None, 10)

    def test_layers_are_those_of_the_grid(self):
        keras = pytest.importorskip("keras")
        params = PARAMS | {"dense_layer_sizes": [32, 16]}
        model = make_model(**params, optimizer="sgd", learning_rate=0.1)
        dense = [layer.units for layer in model.layers if isinstance(layer, keras.layers.Dense)]
        assert dense == [32, 16, 10]

    @pytest.mark.parametrize("optimizer", OPTIMIZERS)
    def test_only_rates_out_of_range_are_warned_of(self, optimizer):
        rates = OPTIMIZERS[optimizer]
        assert slow_to_learn(optimizer, rates.default) == ""
        assert "so small" in slow_to_learn(optimizer, rates.least / 2)
        assert "so large" in slow_to_learn(optimizer, rates.most * 2)

    def test_meaning_of_adadelta_is_told(self):
        assert "it used to mean 1.0" in slow_to_learn("adadelta", 0.001)
        assert "it used to mean 1.0" not in slow_to_learn("adadelta", 0.002)


class TestReport:
    def shown(self, log_losses):
        n = len(log_losses)
        order = np.argsort(log_losses)
        params = [
            {"dense_layer_sizes": [32 * (i + 1)], "epochs": 3, "filters": 8} for i in range(n)
        ]
        search = SimpleNamespace(
            n_splits_=3,
            best_score_=-min(log_losses),
            best_params_=params[order[0]],
            best_estimator_=SimpleNamespace(model=Model()),
            cv_results_={
                "params": params,
                "mean_test_score": -np.array(log_losses),
                "std_test_score": np.full(n, 0.01),
                "mean_fit_time": np.full(n, 1.25),
                "rank_test_score": np.argsort(order) + 1,
            },
        )
        console = Console(file=io.StringIO(), width=100)
        show(console, search, load_digits(random_state=0), 75)
        return console.file.getvalue()

    def test_candidates_come_best_first(self):
        pytest.importorskip("keras")
        shown = self.shown([0.9, 0.3, 0.6])
        assert re.findall(r"^ *(\d) +\[(\d+)\]", shown, re.MULTILINE) == [
            ("1", "64"),
            ("2", "96"),
            ("3", "32"),
        ]
        assert "Done in 1 min 15 s, the refit of the winner included." in shown
        assert "  dense_layer_sizes=[64], epochs=3, filters=8\n" in shown
        assert "log loss 0.3000 (chance: 2.3026)" in shown
        assert "learned hardly anything" not in shown

    def test_metrics_bear_their_real_names(self):
        pytest.importorskip("keras")
        assert re.search(
            r"357 held-out images\n  loss 0\.2500\n  accuracy 0\.9375", self.shown([1])
        )

    @pytest.mark.parametrize("log_loss", [math.log(10), 2.1, math.nan])
    def test_chance_is_called_so(self, log_loss):
        pytest.importorskip("keras")
        assert "learned hardly anything" in self.shown([log_loss])


class Model:
    def evaluate(self, x, y, *, return_dict, verbose):
        assert return_dict
        assert x.shape == (357, 8, 8, 1)
        assert y.shape == (357, 10)
        return {"loss": 0.25, "accuracy": 0.9375}


def test_search_is_that_of_the_grid():
    pytest.importorskip("keras")
    images = load_digits(random_state=0)
    search = make_search("grid", 4, images, "adadelta", 1.0, 2, None)
    assert isinstance(search, tunesmith.GridSearchCV)
    assert search.param_grid == GRID
    assert (search.cv, search.scoring, search.n_jobs) == (3, "neg_log_loss", 2)
    search = make_search("random", 99, images, "adadelta", 1.0, 2, None)
    assert isinstance(search, tunesmith.RandomizedSearchCV)
    assert search.n_iter == 8


def metric(output, name):
    return float(re.search(rf"^  {name} ([\d.]+)$", output, re.MULTILINE).group(1))


@pytest.mark.long
def test_small_random_search_goes_on_where_it_ended(tmp_path):
    pytest.importorskip("keras")
    arguments = ("demo", "--search", "random", "--n-iter", 1, "--train-size", 120, "--jobs", 1)
    storage = ("--storage", tmp_path / "demo.db")
    first, again = run(*arguments, *storage), run(*arguments, *storage)
    assert first.exit_code == again.exit_code == 0, first.output + again.output
    assert "Random search: 1 network ×" in first.output
    assert "3 of 3 evaluations found" not in first.output
    assert "3 of 3 evaluations found" in again.output
    report = first.output.index("Winner")
    assert again.output[again.output.index("Winner") :] == first.output[report:]


@pytest.mark.long
def test_demo_finds_a_network_that_reads_digits():
    pytest.importorskip("keras")
    result = run("demo", "--jobs", 2)
    assert result.exit_code == 0, result.output
    assert "24/24" in result.output
    assert metric(result.output, "accuracy") >= 0.90


@pytest.mark.long
def test_demo_says_so_where_nothing_is_learned():
    pytest.importorskip("keras")
    result = run("demo", "--jobs", 2, "--learning-rate", 0.001, "--train-size", 100)
    assert result.exit_code == 0, result.output
    assert "expect scores near chance" in result.output
    assert "learned hardly anything" in result.output
