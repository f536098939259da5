"""Search over the templates of a function that makes and fits a model."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import Any

import numpy as np

from tunesmith.compat.hyperas.data import Data
from tunesmith.compat.hyperas.ensemble import VotingModel, check_votes
from tunesmith.compat.hyperas.exceptions import TemplateError
from tunesmith.compat.hyperas.rewriting import Rewritten
from tunesmith.compat.hyperas.source import Source
from tunesmith.compat.hyperas.templates import Template, find_templates, make_templates
from tunesmith.compat.hyperas.utils import eval_hyperopt_space
from tunesmith.compat.hyperopt import STATUS_OK, Trials, fmin_pass_expr_memo_ctrl
from tunesmith.compat.hyperopt.arguments import check_search
from tunesmith.compat.hyperopt.fmin import fmin
from tunesmith.compat.hyperopt.pyll.base import Apply, as_apply, rec_eval

Function = Callable[..., Any]


def minimize(
    model: Function,
    data: Function,
    algo: Function,
    max_evals: int,
    trials: Trials | None,
    functions: Sequence[Function] | None = None,
    rseed: int = 1337,
    notebook_name: str | None = None,
    verbose: bool = True,
    eval_space: bool = False,
    return_space: bool = False,
    keep_temp: bool = False,
) -> tuple[Any, ...]:
    """Find the values of a function's templates for which its loss is least.

    Nothing is written to a file: the function is rewritten in memory, in its own module.

    Parameters
    ----------
    model : function
        Takes what `data` returns, makes and fits a model, and returns a dict with "loss",
        "status" and, so that it can be given back, "model". In it, ``{{uniform(0, 1)}}`` and the
        like stand for hyperparameters.
    data : function
        Called once. Its variables go to the parameters of `model` of the same names; if there are
        none of these, what it returns goes in order. Its variables are known in `model` besides,
        where the module has none of the name.
    algo : callable
        What suggests values, such as ``tpe.suggest`` of `tunesmith.compat.hyperopt`.
    max_evals : int
        How many values are tried.
    trials : Trials or None
        Where trials go; None: new ones, which are not kept.
    functions : sequence of function or None, default=None
        Functions that `model` calls and that have templates too, or use variables of `data`;
        classes may have no templates.
    rseed : int, default=1337
        Seed of what `algo` draws.
    notebook_name : str or None, default=None
        Not needed: functions of notebooks are found as they are.
    verbose : bool, default=True
        Whether to print the hyperparameters, and show progress.
    eval_space : bool, default=False
        Whether values of choices are returned, in place of their numbers.
    return_space : bool, default=False
        Whether the search space is returned as well.
    keep_temp : bool, default=False
        Makes no difference, and warns: there is no temporary file.

    Returns
    -------
    best_run : dict
        The best values by the names of the templates.
    best_model : object
        The best trial's "model"; None if it has none.
    space : dict
        With `return_space`: expressions by the names of the templates, for
        `tunesmith.compat.hyperas.utils.eval_hyperopt_space`.

    Raises
    ------
    TemplateError
        If there is no template, or one cannot be searched over; tells where.

    Examples
    --------
    A model of scikit-learn::

        def create_model(X, y):
            svm = SVC(C={{loguniform(-3, 5)}}, kernel={{choice(["rbf", "poly"])}})
            return {"loss": -cross_val_score(svm, X, y).mean(), "status": STATUS_OK}

        best_run, _ = optim.minimize(create_model, data, tpe.suggest, 20, Trials())
    """
    trials = _trials(algo, max_evals, trials, keep_temp)
    rng = _generator(rseed)
    search = _Search(model, data, functions)
    best_run = search.run(algo, max_evals, trials, rng, verbose)
    found: list[Any] = [best_run, trials.best_trial["result"].get("model")]
    if eval_space:
        found[0] = eval_hyperopt_space(search.space, best_run)
    return (*found, search.space) if return_space else tuple(found)


def best_models(
    nb_models: int,
    model: Function,
    data: Function,
    algo: Function,
    max_evals: int,
    trials: Trials | None,
    functions: Sequence[Function] | None = None,
    keep_temp: bool = False,
) -> list[Any]:
    """Return the models of the trials with the least losses, the best one first.

    Parameters
    ----------
    nb_models : int
        How many.
    model, data, algo, max_evals, trials, functions, keep_temp
        As for `minimize`; each trial has to return its "model".

    Returns
    -------
    list
        The models; fewer than `nb_models` if there are not as many trials.

    Raises
    ------
    TemplateError
        As for `minimize`, and if a trial has no model.
    """
    nb_models = _n_models(nb_models)
    trials = _trials(algo, max_evals, trials, keep_temp)
    search = _Search(model, data, functions, needs_model=True)
    search.run(algo, max_evals, trials, _generator(1337), verbose=True)
    ended = [result for result in trials.results if result["status"] == STATUS_OK]
    best = sorted(ended, key=lambda result: float(result["loss"]))[:nb_models]
    for result in best:
        _check_model(result)
    return [result["model"] for result in best]


def best_ensemble(
    nb_ensemble_models: int,
    model: Function,
    data: Function,
    algo: Function,
    max_evals: int,
    trials: Trials | None,
    voting: str = "hard",
    weights: Sequence[float] | None = None,
    nb_classes: int | None = None,
    functions: Sequence[Function] | None = None,
) -> VotingModel:
    """Return a vote of the models of the trials with the least losses.

    Parameters
    ----------
    nb_ensemble_models : int
        How many models vote.
    model, data, algo, max_evals, trials, functions
        As for `minimize`; each trial has to return its "model".
    voting, weights, nb_classes
        As for `VotingModel`.

    Returns
    -------
    VotingModel

    Raises
    ------
    TemplateError
        As for `best_models`.
    TunesmithError
        As for `VotingModel`, before the search.
    """
    check_votes(_n_models(nb_ensemble_models), voting, weights)
    models = best_models(nb_ensemble_models, model, data, algo, max_evals, trials, functions)
    return VotingModel(models, voting, weights, nb_classes)


def _n_models(given: Any) -> int:
    if isinstance(given, int | np.integer) and given >= 1:
        return int(given)
    raise TemplateError(f"the number of models has to be a whole number from 1, got {given!r}")


def _trials(algo: Any, max_evals: Any, trials: Trials | None, keep_temp: bool) -> Trials:
    """Return where trials go; raise where the search cannot be made."""
    if keep_temp:
        warnings.warn("keep_temp=True: there is no temporary file to keep", stacklevel=3)
    check_search(algo, max_evals, trials)
    return Trials() if trials is None else trials


def _check_model(result: Any) -> None:
    """Raise where a trial has a loss, and no model."""
    found = result if isinstance(result, Mapping) else {"status": STATUS_OK}
    if found.get("status") == STATUS_OK and "model" not in found:
        raise TemplateError('a trial has no model; let the function return {"model": model, ...}')


def _generator(seed: Any) -> np.random.Generator:
    try:
        return np.random.default_rng(seed)
    except (TypeError, ValueError):
        raise TypeError(f"rseed={seed!r} is no seed; give a whole number from 0") from None


class _Search:
    """A function with templates, its data, and the space of its templates."""

    def __init__(
        self,
        model: Function,
        data: Function,
        functions: Sequence[Function] | None,
        needs_model: bool = False,
    ) -> None:
        self._needs_model = needs_model
        sources = [Source.of(model)]
        for function in functions or ():
            if _is_written(function):
                sources.append(Source.of(function))
            else:
                _refuse_templates(function)
        templates = find_templates(sources)
        if not templates:
            raise TemplateError(
                f"{sources[0].function.__name__} has no templates; write {{{{uniform(0, 1)}}}} or "
                "the like where a value is to be searched for"
            )
        made = Data.of(data)
        names = {source.function.__name__: source.given for source in sources}
        make_templates(templates, {**made.variables, **names})
        self.space: dict[str, Apply] = {t.name: as_apply(t.value) for t in templates}
        self._points: dict[str, Apply] = {t.name: as_apply(t.number) for t in templates}
        self._templates = templates
        self._arguments = made.arguments(sources[0])
        given: dict[str, Any] = {}
        for source in sources:
            given |= made.asked_for(source.function)
        self._functions = Rewritten.of(sources, templates, given)

    def run(
        self,
        algo: Function,
        max_evals: int,
        trials: Trials,
        rng: np.random.Generator,
        verbose: bool,
    ) -> dict[str, Any]:
        if verbose:
            print(_described(self._templates))
        functions, (args, kwargs) = self._functions, self._arguments
        asked = as_apply([self._points, self.space])

        @fmin_pass_expr_memo_ctrl
        def objective(expr: Apply, memo: dict[Apply, Any], ctrl: Any) -> Any:
            function, *_ = functions.at(*rec_eval(asked, memo))
            result = function(*args, **kwargs)
            if self._needs_model:
                _check_model(result)
            return result

        best: dict[str, Any] = fmin(
            objective,
            self.space,
            algo=algo,
            max_evals=max_evals,
            trials=trials,
            rstate=rng,
            verbose=verbose,
        )
        return best


def _is_written(function: Function) -> bool:
    """Tell whether something may hold templates: classes and lambdas are left as they are."""
    return isinstance(function, FunctionType) and function.__name__ != "<lambda>"


def _refuse_templates(given: Any) -> None:
    """Refuse templates in a class or a method, which `model` does not find under its own name."""
    kind = "class" if isinstance(given, type) else "method"
    for method in vars(given).values() if isinstance(given, type) else [given]:
        try:
            source = Source.of(getattr(method, "__func__", method))
        except TemplateError:  # nothing that could have templates
            continue
        for template in find_templates([source]):
            raise template.error(
                f"functions= takes functions, and {given.__qualname__} is a {kind}; put the "
                "template into a function that gives its value on, such as `def make(): return "
                f"{given.__qualname__}({{{{{template.text}}}}})`, and write functions=[make]"
            )


def _described(templates: Sequence[Template]) -> str:
    width = max(len(template.name) for template in templates)
    rows = [f"  {template.name:<{width}}  {template.text}" for template in templates]
    return "\n".join(["Hyperparameters:", *rows])
