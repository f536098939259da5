"""How many units? Five ways to choose six numbers between 50 and 1000.

    python units.py [--epochs 20] [--seeds 1] [--picture units.png]

One hidden layer of rectifiers reads scikit-learn's digits, 70 % of which it is trained on. A grid,
random draws, a Sobol sequence, a Gaussian process and Parzen estimators each try six numbers of
units. NeuPy's article on hyperparameters does so with 100 epochs, and this with --epochs 100.
"""

from __future__ import annotations

import argparse
import functools

import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from tunesmith import Categorical, Int, minimize
from tunesmith.samplers.tpe import TPESampler

LEAST, MOST, TRIALS = 50, 1000, 6
SAMPLERS = {
    "grid": "grid",
    "random": "random",
    "Sobol": "qmc",
    "Gaussian process": "gp",
    "Parzen estimators": TPESampler(n_startup=3),
}


def losses(epochs):
    """Return a function of a number of units: the loss on the digits that are held out."""
    x, y = load_digits(return_X_y=True)
    parts = train_test_split(x / 16, y, train_size=0.7, random_state=0)
    x_train, x_test, y_train, y_test = parts

    @functools.cache
    def loss(units):
        network = MLPClassifier(
            (units,), solver="sgd", learning_rate_init=0.02, momentum=0.9, random_state=0
        )
        for _ in range(epochs):
            network.partial_fit(x_train, y_train, classes=np.arange(10))
        return log_loss(y_test, network.predict_proba(x_test))

    return loss


def search(loss, sampler, seed):
    """Return the numbers of units that a sampler tries, and their losses."""
    units = Int(LEAST, MOST)
    if sampler == "grid":
        units = Categorical(np.linspace(LEAST, MOST, TRIALS).astype(int).tolist(), ordered=True)
    result = minimize(
        lambda params: loss(params["units"]),
        {"units": units},
        TRIALS,
        sampler=sampler,
        random_state=seed,
    )
    return [(trial.params["units"], trial.value) for trial in result.trials]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--picture", help="where to draw what was tried")
    options = parser.parse_args()
    loss = losses(options.epochs)
    found = {}
    for name, sampler in SAMPLERS.items():
        runs = [search(loss, sampler, seed) for seed in range(options.seeds)]
        found[name] = runs[0]
        best = np.mean([min(value for _, value in run) for run in runs])
        tried = ", ".join(f"{units}: {value:.4f}" for units, value in runs[0])
        print(f"{name:18} least loss {best:.4f}, tried {tried}")
    if options.picture:
        draw(found, options.picture)


def draw(found, path):
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    everything = sorted({pair for tried in found.values() for pair in tried})
    figure, axes = plt.subplots(
        1, len(found), figsize=(11, 2.8), sharex=True, sharey=True, layout="constrained"
    )
    for place, (name, tried) in zip(axes, found.items(), strict=True):
        place.plot(*zip(*everything, strict=True), color="0.8", zorder=0)
        units, values = zip(*tried, strict=True)
        place.scatter(units, values, c=range(len(units)), cmap="viridis", s=22)
        best = int(np.argmin(values))
        place.scatter(units[best], values[best], s=110, fc="none", ec="tab:red", lw=1.5)
        place.set_title(name, fontsize=10)
        place.set_xlabel("units (dark: tried first)", fontsize=9)
    axes[0].set_ylabel("loss")
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
