"""Optimisers that `quality.py` compares, each behind the same two calls: ask and tell.

This script is run by the interpreter of the optimiser's own environment, so it imports nothing
but what that has. It reads a JSON value from each line of its standard input:

    {"start": {"optimizer": NAME, "space": [...], "seed": 0, "budget": 50}}
    {"ask": null}
    {"tell": 0.25}

and answers with one JSON object for each: its versions, parameters, or {}, with the seconds the
optimiser took, or {"error": TEXT}. Another start begins afresh.
"""

from __future__ import annotations

import json
import math
import os
import random
import sys
import time
import traceback
from importlib.metadata import version


class Random:
    """Draws from the standard library."""

    def __init__(self, space, seed, budget):
        self._space = space
        self._rng = random.Random(seed)

    def ask(self):
        params = {}
        for parameter in self._space:
            params[parameter["name"]] = self._draw(parameter)
        return params

    def _draw(self, parameter):
        if parameter["kind"] == "category":
            return self._rng.choice(parameter["values"])
        low, high = parameter["low"], parameter["high"]
        if parameter["kind"] == "float":
            if parameter["log"]:
                value = math.exp(self._rng.uniform(math.log(low), math.log(high)))
                return min(max(value, low), high)
            return self._rng.uniform(low, high)
        if parameter["log"]:
            edges = math.log(low - 0.5), math.log(high + 0.5)
            return min(max(round(math.exp(self._rng.uniform(*edges))), low), high)
        return self._rng.randint(low, high)

    def tell(self, value):
        pass

    @staticmethod
    def version():
        return "1"


class Tunesmith:
    """The package of this checkout."""

    sampler = "auto"

    def __init__(self, space, seed, budget):
        from tunesmith import Study

        self._study = Study(self._opened(space, None), sampler=self.sampler, random_state=seed)
        self._trial = None

    def _opened(self, space, chosen):
        """Return the dict of what is open always (None), or for (name, value)."""
        from tunesmith import Categorical, Choice, Float, Int

        found = {}
        for parameter in space:
            name, when = parameter["name"], parameter["when"]
            if when is not None if chosen is None else not is_opened(when, chosen):
                continue
            if parameter["kind"] == "category":
                if any(p["when"] is not None and p["when"][0] == name for p in space):
                    values = parameter["values"]
                    found[name] = Choice({v: self._opened(space, (name, v)) for v in values})
                else:
                    found[name] = Categorical(parameter["values"])
                continue
            kind = Float if parameter["kind"] == "float" else Int
            found[name] = kind(parameter["low"], parameter["high"], log=parameter["log"])
        return found

    def ask(self):
        self._trial = self._study.ask()
        return dict(self._trial.params)

    def tell(self, value):
        self._study.tell(self._trial, value)

    @staticmethod
    def version():
        return version_of("tunesmith")


class TunesmithGP(Tunesmith):
    sampler = "gp"


class TunesmithTPE(Tunesmith):
    sampler = "tpe"


def is_opened(when, chosen):
    """Say whether a condition is that the name has the value of `chosen`, a pair."""
    return when is not None and when[0] == chosen[0] and chosen[1] in when[1]


class Optuna:
    """Optuna as it is by default, its space defined by running."""

    sampler = "TPESampler"

    def __init__(self, space, seed, budget):
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._space = space
        self._study = optuna.create_study(
            sampler=getattr(optuna.samplers, self.sampler)(seed=seed)
        )
        self._trial = None

    def ask(self):
        self._trial = trial = self._study.ask()
        params = {}
        for parameter in self._space:
            name, when = parameter["name"], parameter["when"]
            if when is not None and params.get(when[0]) not in when[1]:
                continue
            if parameter["kind"] == "category":
                params[name] = trial.suggest_categorical(name, parameter["values"])
                continue
            suggest = trial.suggest_float if parameter["kind"] == "float" else trial.suggest_int
            params[name] = suggest(name, parameter["low"], parameter["high"], log=parameter["log"])
        return params

    def tell(self, value):
        self._study.tell(self._trial, value)

    @staticmethod
    def version():
        return version_of("optuna")


class OptunaGP(Optuna):
    sampler = "GPSampler"


class Hyperopt:
    """Hyperopt's TPE, one document at a time as its `fmin` does it."""

    def __init__(self, space, seed, budget):
        import numpy as np
        from hyperopt import Trials, hp
        from hyperopt.base import Domain

        self._plain = space
        self._made = {}
        self._space = self._opened(hp, None)
        self._domain = Domain(lambda params: 0.0, self._space)
        self._trials = Trials()
        self._rng = np.random.default_rng(seed)

    def _opened(self, hp, chosen):
        found = {}
        for parameter in self._plain:
            name, when = parameter["name"], parameter["when"]
            if when is not None if chosen is None else not is_opened(when, chosen):
                continue
            if name not in self._made:  # a label may be used once, its node more often
                self._made[name] = self._node(hp, parameter)
            found[name] = self._made[name]
        return found

    def _node(self, hp, parameter):
        name = parameter["name"]
        if parameter["kind"] == "category":
            options = [
                {"value": number, "opens": self._opened(hp, (name, value))}
                for number, value in enumerate(parameter["values"])
            ]
            return hp.choice(name, options)
        low, high = parameter["low"], parameter["high"]
        if parameter["kind"] == "float":
            if parameter["log"]:
                return hp.loguniform(name, math.log(low), math.log(high))
            return hp.uniform(name, low, high)
        if parameter["log"]:
            return hp.qloguniform(name, math.log(low - 0.499), math.log(high + 0.499), 1)
        return hp.uniformint(name, low, high)

    def ask(self):
        from hyperopt import space_eval, tpe

        ids = self._trials.new_trial_ids(1)
        self._trials.refresh()
        seed = int(self._rng.integers(2**31 - 1))
        documents = tpe.suggest(ids, self._domain, self._trials, seed)
        self._trials.insert_trial_docs(documents)
        self._trials.refresh()
        values = documents[0]["misc"]["vals"]
        found = space_eval(self._space, {k: v[0] for k, v in values.items() if len(v)})
        params = {}
        self._read(found, params)
        return params

    def _read(self, found, params):
        kinds = {parameter["name"]: parameter for parameter in self._plain}
        for name, value in found.items():
            parameter = kinds[name]
            if parameter["kind"] == "category":
                params[name] = parameter["values"][value["value"]]
                self._read(value["opens"], params)
            else:
                kind = float if parameter["kind"] == "float" else round
                params[name] = min(max(kind(value), parameter["low"]), parameter["high"])

    def tell(self, value):
        from hyperopt import JOB_STATE_DONE, STATUS_OK

        document = self._trials._dynamic_trials[-1]
        document["state"] = JOB_STATE_DONE
        document["result"] = {"loss": value, "status": STATUS_OK}
        self._trials.refresh()

    @staticmethod
    def version():
        return version_of("hyperopt")


class Smac:
    """SMAC3's facade for hyperparameters: a random forest. It is told the budget."""

    def __init__(self, space, seed, budget):
        import tempfile
        from pathlib import Path

        from ConfigSpace import ConfigurationSpace, EqualsCondition, InCondition
        from smac import HyperparameterOptimizationFacade, Scenario

        configurations = ConfigurationSpace(seed=seed)
        made = {parameter["name"]: self._made(parameter) for parameter in space}
        configurations.add(*made.values())
        conditions = []
        for parameter in space:
            if parameter["when"] is not None:
                above, values = made[parameter["when"][0]], parameter["when"][1]
                child = made[parameter["name"]]
                one = len(values) == 1
                condition = (
                    EqualsCondition(child, above, values[0])
                    if one
                    else InCondition(child, above, values)
                )
                conditions.append(condition)
        if conditions:
            configurations.add(*conditions)
        self._folder = tempfile.TemporaryDirectory()
        scenario = Scenario(
            configurations,
            deterministic=True,
            n_trials=budget,
            seed=seed,
            output_directory=Path(self._folder.name),
        )
        self._smac = HyperparameterOptimizationFacade(
            scenario, lambda config, seed=0: 0.0, overwrite=True, logging_level=50
        )
        self._kinds = {parameter["name"]: parameter for parameter in space}
        self._info = None

    @staticmethod
    def _made(parameter):
        from ConfigSpace import (
            CategoricalHyperparameter,
            UniformFloatHyperparameter,
            UniformIntegerHyperparameter,
        )

        name = parameter["name"]
        if parameter["kind"] == "category":
            return CategoricalHyperparameter(name, parameter["values"])
        is_float = parameter["kind"] == "float"
        kind = UniformFloatHyperparameter if is_float else UniformIntegerHyperparameter
        return kind(name, parameter["low"], parameter["high"], log=parameter["log"])

    def ask(self):
        self._info = self._smac.ask()
        return plain(dict(self._info.config), self._kinds)

    def tell(self, value):
        from smac.runhistory.dataclasses import TrialValue

        self._smac.tell(self._info, TrialValue(cost=value, time=0.0))

    @staticmethod
    def version():
        return version_of("smac")


class Hebo:
    """HEBO, whose spaces know no conditions: all parameters are there always."""

    def __init__(self, space, seed, budget):
        import numpy as np
        import torch
        from hebo.design_space.design_space import DesignSpace
        from hebo.optimizers.hebo import HEBO

        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        self._kinds = {parameter["name"]: parameter for parameter in space}
        self._hebo = HEBO(DesignSpace().parse([self._entry(p) for p in space]), scramble_seed=seed)
        self._asked = None

    @staticmethod
    def _entry(parameter):
        name = parameter["name"]
        if parameter["kind"] == "category":
            return {"name": name, "type": "cat", "categories": parameter["values"]}
        kinds = {
            ("float", False): "num",
            ("float", True): "pow",
            ("int", False): "int",
            ("int", True): "pow_int",
        }
        kind = kinds[parameter["kind"], parameter["log"]]
        entry = {"name": name, "type": kind, "lb": parameter["low"], "ub": parameter["high"]}
        return entry | ({"base": 10} if parameter["log"] else {})

    def ask(self):
        self._asked = self._hebo.suggest(n_suggestions=1)
        return plain(self._asked.iloc[0].to_dict(), self._kinds)

    def tell(self, value):
        import numpy as np

        self._hebo.observe(self._asked, np.array([[value]]))

    @staticmethod
    def version():
        return version_of("HEBO")


def plain(params, kinds):
    """Return parameters as Python's own types, within their bounds."""
    found = {}
    for name, value in params.items():
        parameter = kinds[name]
        if parameter["kind"] == "category":
            found[name] = next(v for v in parameter["values"] if v == value)
        else:
            kind = float if parameter["kind"] == "float" else round
            found[name] = min(max(kind(float(value)), parameter["low"]), parameter["high"])
    return found


def version_of(package):
    return version(package)


OPTIMIZERS = {
    "random": Random,
    "tunesmith": Tunesmith,
    "tunesmith gp": TunesmithGP,
    "tunesmith tpe": TunesmithTPE,
    "optuna tpe": Optuna,
    "optuna gp": OptunaGP,
    "hyperopt": Hyperopt,
    "smac": Smac,
    "hebo": Hebo,
}


def answer(message, current):
    """Return the optimiser that goes on, and the answer to a message."""
    start = time.perf_counter()
    if "start" in message:
        given = message["start"]
        kind = OPTIMIZERS[given["optimizer"]]
        current = kind(given["space"], given["seed"], given["budget"])
        said = {"version": kind.version()}
    elif "ask" in message:
        said = {"params": current.ask()}
    else:
        current.tell(message["tell"])
        said = {}
    return current, said | {"seconds": time.perf_counter() - start}


def main():
    """Answer messages until there are no more."""
    # What optimisers print must not come between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    current = None
    for line in sys.stdin:
        try:
            current, said = answer(json.loads(line), current)
            written = json.dumps(said)
        except Exception:
            written = json.dumps({"error": traceback.format_exc()})
        answers.write(written + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
