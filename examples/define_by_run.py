"""Ask for parameters where they are needed, and end trainings that lead nowhere.

python examples/define_by_run.py
"""

from __future__ import annotations

import warnings

from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from tunesmith import TrialPruned, maximize

X, y = load_digits(return_X_y=True)
X_train, X_valid, y_train, y_valid = train_test_split(X / 16, y, random_state=0)
N_EPOCHS = 12


def accuracy(trial):
    layers = [
        trial.suggest_int(f"units_{layer}", 8, 64, log=True)
        for layer in range(trial.suggest_int("layers", 1, 2))
    ]
    model = MLPClassifier(
        layers,
        learning_rate_init=trial.suggest_float("rate", 1e-4, 0.1, log=True),
        max_iter=1,
        warm_start=True,
        random_state=0,
    )
    for epoch in range(N_EPOCHS):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(X_train, y_train)
        trial.report(model.score(X_valid, y_valid), epoch)
        if trial.should_prune():
            raise TrialPruned
    return model.score(X_valid, y_valid)


def main():
    result = maximize(accuracy, {}, n_iter=30, scheduler="median", random_state=0)
    epochs = sum(len(trial.reports) for trial in result.trials)
    print(result)
    print(f"{epochs} of {30 * N_EPOCHS} epochs were run")
    assert result.best_value > 0.95
    assert epochs < 30 * N_EPOCHS


if __name__ == "__main__":
    main()
