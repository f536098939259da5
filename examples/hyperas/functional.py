"""A functional model of two inputs, with a branch whose layers depend on a choice.

    python functional.py [--evals 5]

The upper and the lower half of each of scikit-learn's digits are read by layers of their own.
Values are printed as they are (`eval_space`), and the space is returned.
"""

from __future__ import annotations

import argparse

from keras.layers import Concatenate, Dense, Dropout, Input
from keras.models import Model
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from tunesmith.compat.hyperas import optim
from tunesmith.compat.hyperas.distributions import choice, loguniform, uniform
from tunesmith.compat.hyperas.utils import eval_hyperopt_space
from tunesmith.compat.hyperopt import STATUS_OK, Trials, rand


def data():
    images, labels = load_digits(return_X_y=True)
    train, test, y_train, y_test = train_test_split(images / 16, labels, random_state=0)
    upper_train, lower_train = train[:, :32], train[:, 32:]
    upper_test, lower_test = test[:, :32], test[:, 32:]
    return upper_train, lower_train, y_train, upper_test, lower_test, y_test


def create_model(upper_train, lower_train, y_train, upper_test, lower_test, y_test):
    upper, lower = Input((32,)), Input((32,))
    width = {{choice([16, 32, 64])}}
    left = Dense(width, activation="relu")(upper)
    right = Dense(width, activation="relu")(lower)
    if {{choice(["shallow", "deep"])}} == "deep":
        left = Dense({{choice([8, 16, 32])}}, activation="relu")(left)
        right = Dropout({{uniform(0, 0.5)}})(right)
    out = Dense(10, activation="softmax")(Concatenate()([left, right]))
    model = Model([upper, lower], out)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.optimizer.learning_rate = {{loguniform(-8, -3)}}
    model.fit([upper_train, lower_train], y_train, batch_size=64, epochs=3, verbose=0)
    loss, acc = model.evaluate([upper_test, lower_test], y_test, verbose=0)
    return {"loss": loss, "status": STATUS_OK, "accuracy": acc, "model": model}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--evals", type=int, default=5)
    trials = Trials()
    best_run, best_model, space = optim.minimize(
        model=create_model,
        data=data,
        algo=rand.suggest,
        max_evals=parser.parse_args().evals,
        trials=trials,
        eval_space=True,
        return_space=True,
    )
    print("Best hyperparameters:", best_run)
    for trial in trials:
        values = eval_hyperopt_space(space, trial["misc"]["vals"])
        print(f"{trial['result']['accuracy']:.3f}", values)
