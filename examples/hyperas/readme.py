"""Hyperas' README example: layers, a layer more, activations and dropout of a dense network.

    python readme.py [--data mnist.npz] [--evals 5] [--epochs 1]

By default it is tuned on scikit-learn's small digits; with --data on the images of an npz file
with x_train, y_train, x_test and y_test. But for its two imports it reads as it does for Hyperas.
"""

from __future__ import annotations

import argparse

import numpy as np
from keras.layers import Activation, Dense, Dropout, Input
from keras.models import Sequential
from keras.utils import to_categorical
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from tunesmith.compat.hyperas import optim
from tunesmith.compat.hyperas.distributions import choice, uniform
from tunesmith.compat.hyperopt import STATUS_OK, Trials, tpe


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data", help="an npz file of images")
    parser.add_argument("--evals", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=1)
    return parser.parse_args()


def data():
    path = options().data
    if path is None:
        images, labels = load_digits(return_X_y=True)
        x_train, x_test, y_train, y_test = train_test_split(images / 16, labels, random_state=0)
    else:
        with np.load(path) as file:
            x_train, x_test = (
                file[f"x_{part}"].reshape(-1, 784) / 255 for part in ("train", "test")
            )
            y_train, y_test = file["y_train"], file["y_test"]
    nb_classes = 10
    y_train = to_categorical(y_train, nb_classes)
    y_test = to_categorical(y_test, nb_classes)
    epochs = options().epochs
    return x_train, y_train, x_test, y_test


def create_model(x_train, y_train, x_test, y_test):
    model = Sequential()
    model.add(Input((x_train.shape[1],)))
    model.add(Dense(512))
    model.add(Activation("relu"))
    model.add(Dropout({{uniform(0, 1)}}))
    model.add(Dense({{choice([256, 512, 1024])}}))
    model.add(Activation({{choice(["relu", "sigmoid"])}}))
    model.add(Dropout({{uniform(0, 1)}}))

    # If we choose 'four', add an additional fourth layer
    if {{choice(["three", "four"])}} == "four":
        model.add(Dense(100))

        # We can also choose between complete sets of layers
        model.add({{choice([Dropout(0.5), Activation("linear")])}})
        model.add(Activation("relu"))

    model.add(Dense(10))
    model.add(Activation("softmax"))

    model.compile(
        loss="categorical_crossentropy",
        metrics=["accuracy"],
        optimizer={{choice(["rmsprop", "adam", "sgd"])}},
    )
    model.fit(x_train, y_train, batch_size={{choice([64, 128])}}, epochs=epochs, verbose=0)
    _, acc = model.evaluate(x_test, y_test, verbose=0)
    return {"loss": -acc, "status": STATUS_OK, "model": model}


if __name__ == "__main__":
    best_run, best_model = optim.minimize(
        model=create_model,
        data=data,
        algo=tpe.suggest,
        max_evals=options().evals,
        trials=Trials(),
    )
    x_train, y_train, x_test, y_test = data()
    print("Best hyperparameters:", best_run)
    print("Loss and accuracy:", best_model.evaluate(x_test, y_test, verbose=0))
