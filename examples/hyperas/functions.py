"""Templates in functions that the model calls, and a vote of the best models.

python functions.py [--evals 5]
"""

from __future__ import annotations

import argparse

import numpy as np
from keras.layers import Dense, Dropout, Input
from keras.models import Sequential
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from tunesmith.compat.hyperas import optim
from tunesmith.compat.hyperas.distributions import choice, uniform
from tunesmith.compat.hyperopt import STATUS_OK, Trials, tpe


def data():
    images, labels = load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(images / 16, labels, random_state=0)
    return x_train, y_train, x_test, y_test


def hidden(model):
    model.add(Dense({{choice([32, 64])}}, activation="relu"))
    model.add(Dropout({{uniform(0, 0.5)}}))


def fitted(model):
    """Fit to the data of the data function, which is known here too."""
    model.fit(x_train, y_train, batch_size={{choice([32, 64])}}, epochs=2, verbose=0)
    return model


def create_model(x_train, y_train, x_test, y_test):
    model = Sequential([Input((64,))])
    hidden(model)
    model.add(Dense(10, activation="softmax"))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    loss, _ = fitted(model).evaluate(x_test, y_test, verbose=0)
    return {"loss": loss, "status": STATUS_OK, "model": model}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--evals", type=int, default=5)
    trials = Trials()
    ensemble = optim.best_ensemble(
        nb_ensemble_models=3,
        model=create_model,
        data=data,
        algo=tpe.suggest,
        max_evals=parser.parse_args().evals,
        trials=trials,
        voting="soft",
        functions=[hidden, fitted],
    )
    _, _, x, y = data()
    alone = trials.best_trial["result"]["model"].predict(x, verbose=0).argmax(axis=1)
    print("Best hyperparameters:", trials.argmin)
    print(f"Accuracy alone: {np.mean(alone == y):.3f}")
    print(f"Accuracy of three: {np.mean(ensemble.predict(x) == y):.3f}")
