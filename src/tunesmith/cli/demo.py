"""``tunesmith demo``: a real search over a real convolutional network, start to end."""

from __future__ import annotations

import importlib.util
import math
import os
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from joblib import cpu_count

from tunesmith.cli.images import Images, load_digits, load_file
from tunesmith.cli.network import OPTIMIZERS, make_model
from tunesmith.progress import describe, duration

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

GRID: Mapping[str, Sequence[Any]] = {
    "dense_layer_sizes": [[32], [64], [32, 32], [64, 64]],
    "epochs": [3, 6],
    "filters": [8],
    "kernel_size": [3],
    "pool_size": [2],
}
BACKENDS = {"jax": "JAX", "tensorflow": "TensorFlow", "torch": "PyTorch"}
FOLDS = 3
SEED = 0
FILE_TRAIN_SIZE = 10_000
MOST_JOBS = 8


@click.command("demo")
@click.option(
    "--search",
    "kind",
    type=click.Choice(["grid", "random"]),
    default="grid",
    show_default=True,
    help="Try all networks of the grid, or some drawn at random.",
)
@click.option(
    "--n-iter",
    type=click.IntRange(min=1),
    default=4,
    show_default=True,
    help="How many networks a random search draws.",
)
@click.option(
    "--data",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An .npz file with x_train, y_train, x_test, y_test, to use instead of digits.",
)
@click.option(
    "--train-size",
    type=click.IntRange(min=30),
    help=f"How many of the training images to use [default: all digits; {FILE_TRAIN_SIZE:,} "
    "of a file].",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help=f"Worker processes [default: one for each core, at most {MOST_JOBS}].",
)
@click.option(
    "--storage",
    help="Keep each evaluation in this file; the same command then goes on where it ended.",
)
@click.option(
    "--optimizer",
    type=click.Choice(list(OPTIMIZERS)),
    default="adadelta",
    show_default=True,
    help="Trains the networks.",
)
@click.option(
    "--learning-rate",
    type=click.FloatRange(min=0, min_open=True),
    help="Its learning rate [default: one at which this network learns].",
)
def demo_command(
    kind: str,
    n_iter: int,
    data: Path | None,
    train_size: int | None,
    jobs: int | None,
    storage: str | None,
    optimizer: str,
    learning_rate: float | None,
) -> None:
    """Tune a convolutional network on handwritten digits, in a few minutes.

    Searches over the sizes of the dense layers and the number of epochs with
    three-fold cross-validation, then evaluates the winner on images it has not seen.
    """
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    backend = require_keras()
    images = _images(data, train_size)
    rate = learning_rate or OPTIMIZERS[optimizer].default
    workers = jobs or min(cpu_count(), MOST_JOBS)

    search = make_search(kind, n_iter, images, optimizer, rate, workers, storage)
    n_candidates = min(n_iter, _grid_size()) if kind == "random" else _grid_size()
    console.print(_headline(kind, n_candidates, images), style="bold")
    console.print(_setting(backend, workers, optimizer, rate))
    if warning := slow_to_learn(optimizer, rate):
        console.print(warning, style="yellow")
    console.print()

    begun = time.monotonic()
    search.fit(images.x_train, images.y_train)
    show(console, search, images, time.monotonic() - begun)


def require_keras() -> str:
    """Choose Keras' backend, JAX unless the user chose another, and return its name.

    Raises
    ------
    click.ClickException
        If Keras or the backend is not installed.
    """
    backend = os.environ.setdefault("KERAS_BACKEND", "jax")
    missing = [name for name in ("keras", backend) if importlib.util.find_spec(name) is None]
    if missing:
        raise click.ClickException(
            f"the demo trains Keras models, and {' and '.join(missing)} cannot be imported. "
            'Install what is needed with: pip install "tunesmith[keras]"'
        )
    return backend


def make_search(
    kind: str,
    n_iter: int,
    images: Images,
    optimizer: str,
    learning_rate: float,
    workers: int,
    storage: str | None,
) -> Any:
    """Return the search, ready to be fitted."""
    from tunesmith import GridSearchCV, KerasClassifier, RandomizedSearchCV

    classifier = KerasClassifier(
        make_model,
        batch_size=32,
        image_shape=images.shape,
        n_classes=images.n_classes,
        optimizer=optimizer,
        learning_rate=learning_rate,
        random_state=SEED,
    )
    settings: dict[str, Any] = {
        "scoring": "neg_log_loss",
        "cv": FOLDS,
        "n_jobs": workers,
        "storage": storage,
        "progress": True,
    }
    if kind == "grid":
        return GridSearchCV(classifier, GRID, **settings)
    n_iter = min(n_iter, _grid_size())
    return RandomizedSearchCV(classifier, GRID, n_iter=n_iter, random_state=SEED, **settings)


def slow_to_learn(optimizer: str, learning_rate: float) -> str:
    """Return a sentence if a network trained like this hardly learns, otherwise nothing."""
    rates = OPTIMIZERS[optimizer]
    if rates.least <= learning_rate <= rates.most:
        return ""
    where = "so small" if learning_rate < rates.least else "so large"
    sentence = (
        f"With {optimizer} and a learning rate {where}, this network hardly learns in "
        f"{max(GRID['epochs'])} epochs: expect scores near chance. {rates.default:g} works."
    )
    if optimizer == "adadelta" and math.isclose(learning_rate, 0.001):
        sentence += " (0.001 is what Keras 3 makes of the name 'adadelta'; it used to mean 1.0.)"
    return sentence


def show(console: Console, search: Any, images: Images, seconds: float) -> None:
    """Print the candidates, the winner, and how it does on images it has not seen."""
    results = search.cv_results_
    console.print(f"Done in {duration(seconds)}, the refit of the winner included.\n")
    console.print(_candidates(results))
    log_loss = -search.best_score_
    chance = math.log(images.n_classes)
    console.print("Winner", style="bold green")
    console.print(f"  {describe(search.best_params_)}")
    console.print(f"  cross-validated log loss {log_loss:.4f} (chance: {chance:.4f})")
    if not log_loss < 0.9 * chance:
        console.print(
            "  The best of these networks learned hardly anything: its log loss is about what "
            "guessing gives.\n  Try another --learning-rate or --optimizer.",
            style="yellow",
        )
    console.print(f"\nRefitted, on {len(images.x_test):,} held-out images", style="bold green")
    for name, value in _evaluate(search.best_estimator_.model, images).items():
        console.print(f"  {name} {value:.4f}")


def _images(data: Path | None, train_size: int | None) -> Images:
    try:
        images = load_file(data) if data else load_digits(random_state=SEED)
        if train_size is None and data:
            train_size = min(FILE_TRAIN_SIZE, len(images.x_train))
        return images.first(train_size) if train_size else images
    except ValueError as error:
        raise click.ClickException(str(error)) from error


def _grid_size() -> int:
    return math.prod(len(values) for values in GRID.values())


def _headline(kind: str, n_candidates: int, images: Images) -> str:
    height, width, *_ = images.shape
    networks = "network" if n_candidates == 1 else "networks"
    return (
        f"{kind.capitalize()} search: {n_candidates} {networks} × {FOLDS} folds, "
        f"{len(images.x_train):,} images of {height}×{width} pixels ({images.name})"
    )


def _setting(backend: str, workers: int, optimizer: str, learning_rate: float) -> str:
    processes = "process" if workers == 1 else "processes"
    return (
        f"Keras {version('keras')} on {BACKENDS.get(backend, backend)}, {workers} worker "
        f"{processes}, {optimizer} with a learning rate of {learning_rate:g}"
    )


def _candidates(results: Mapping[str, Any]) -> Table:
    """Return a table of the candidates, the best first."""
    from rich import box
    from rich.table import Table

    varied = [name for name, values in GRID.items() if len(values) > 1]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("rank", *varied, "log loss", "± folds", "seconds a fit"):
        table.add_column(name, justify="left" if name in varied else "right")
    order = sorted(range(len(results["params"])), key=lambda i: results["rank_test_score"][i])
    for place, i in enumerate(order):
        table.add_row(
            str(results["rank_test_score"][i]),
            *(str(results["params"][i][name]) for name in varied),
            f"{-results['mean_test_score'][i]:.4f}",
            f"{results['std_test_score'][i]:.4f}",
            f"{results['mean_fit_time'][i]:.1f}",
            style="bold green" if place == 0 else "",
        )
    return table


def _evaluate(model: Any, images: Images) -> Mapping[str, float]:
    from keras.utils import to_categorical

    labels = to_categorical(images.y_test, images.n_classes)
    metrics: Mapping[str, float] = model.evaluate(
        images.x_test, labels, return_dict=True, verbose=0
    )
    return metrics
