"""One layer or two: a conditional space, and networks that diverge are stopped.

    python layers.py [--data mnist.npz] [--evals 12] [--epochs 4] [--picture layers.png]

The space of NeuPy's article on hyperparameters: step and batch size of RMSProp, dropout, and one
or two layers of units with one of five activations. Parzen estimators learn from random trials.
A network whose loss passes 10 is stopped, and counts as one that failed. The article makes 200
trials of 50 epochs on MNIST, 20 of them at random: --data mnist.npz --evals 200 --epochs 50. By
default it is 12 trials of 4 epochs on scikit-learn's digits.
"""

from __future__ import annotations

import argparse
import math

import keras
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from tunesmith import Categorical, Choice, Float, Int, TrialPruned, minimize
from tunesmith.samplers.tpe import TPESampler

ACTIVATIONS = Categorical(["relu", "leaky_relu", "elu", "tanh", "sigmoid"])
SPACE = {
    "step": Float(1e-4, 0.5, log=True),
    "batch_size": Int(16, 512, log=True),
    "dropout": Float(0.0, 0.5),
    "units_1": Int(20, 300),
    "activation_1": ACTIVATIONS,
    "layers": Choice({1: {}, 2: {"units_2": Int(20, 300), "activation_2": ACTIVATIONS}}),
}
DIVERGED = 10.0


def images(path):
    if path is None:
        x, y = load_digits(return_X_y=True)
        return train_test_split(x.astype("float32") / 16, y, test_size=357, random_state=0)
    with np.load(path) as file:
        x, x_test = (
            file[n].reshape(-1, 784).astype("float32") / 255 for n in ("x_train", "x_test")
        )
        return x, x_test, file["y_train"].astype(int), file["y_test"].astype(int)


def network(params, n_features):
    model = keras.Sequential([keras.Input((n_features,))])
    for layer in range(1, params["layers"] + 1):
        model.add(keras.layers.Dense(params[f"units_{layer}"]))
        model.add(keras.layers.Activation(params[f"activation_{layer}"]))
        model.add(keras.layers.Dropout(params["dropout"]))
    model.add(keras.layers.Dense(10, activation="softmax"))
    optimizer = keras.optimizers.RMSprop(params["step"])
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def errors(path, epochs):
    """Return a function of a trial: the share of test images that its network gets wrong."""
    x, x_test, y, y_test = images(path)

    def error(trial):
        keras.utils.set_random_seed(0)
        model = network(trial, x.shape[1])
        for epoch in range(epochs):
            history = model.fit(x, y, batch_size=trial["batch_size"], verbose=0)
            loss = history.history["loss"][0]
            trial.report(min(loss, DIVERGED), epoch)
            if math.isnan(loss) or loss > DIVERGED:
                raise TrialPruned
        return 1 - model.evaluate(x_test, y_test, verbose=0)[1]

    return error


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data", help="an npz file of images")
    parser.add_argument("--evals", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--storage", help="a study file, from which the search goes on")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--picture", help="where to draw the trials")
    options = parser.parse_args()
    result = minimize(
        errors(options.data, options.epochs),
        SPACE,
        options.evals,
        sampler=TPESampler(n_startup=max(1, options.evals // 10)),
        random_state=0,
        storage=options.storage,
        n_jobs=options.jobs,
    )
    stopped = [trial for trial in result.trials if trial.value is None]
    print(f"{len(result.trials)} trials, {len(stopped)} of them stopped")
    print(f"least error {result.best_value:.4f}: {dict(result.best_params)}")
    if options.picture:
        draw(result, options.picture)


def draw(result, path):
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import LogLocator, NullFormatter

    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    for layers, label in ((1, "one layer"), (2, "two layers")):
        trials = [trial for trial in result.trials if trial.params["layers"] == layers]
        ended = [(t.params["step"], t.value) for t in trials if t.value is not None]
        if ended:
            axes.scatter(*zip(*ended, strict=True), s=22, label=label)
    stopped = [trial.params["step"] for trial in result.trials if trial.value is None]
    if stopped:
        axes.scatter(stopped, [0.9] * len(stopped), marker="x", color="0.4", label="stopped")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("step of RMSProp")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g} %")
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylabel("test images that are wrong")
    axes.legend(frameon=False)
    axes.grid(alpha=0.3, which="both")
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
