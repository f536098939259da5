"""Hyperparameters as expressions, and the conditions they stand under."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any

from tunesmith.compat.hyperopt.exceptions import BadSearchSpace, DuplicateLabel
from tunesmith.compat.hyperopt.pyll import as_apply, scope
from tunesmith.compat.hyperopt.pyll.base import Apply, Literal, MissingArgument

Maker = Callable[..., Apply]

_ROUNDING = 0.02
"""How far probabilities may be from their sum, as in 0.33 of three options."""


def validate_label(f: Maker) -> Maker:
    """Make a function raise TypeError where its first argument is no text."""

    @wraps(f)
    def checked(label: Any, *args: Any, **kwargs: Any) -> Apply:
        text = label.obj if isinstance(label, Literal) else label
        if not isinstance(text, str):
            raise TypeError(
                f"a hyperparameter needs a label, which is text, before all else; got {label!r}. "
                f"Write hp.{f.__name__.removeprefix('hp_')}('name', ...)"
            )
        return f(label, *args, **kwargs)

    return checked


def validate_distribution_range(f: Maker) -> Maker:
    """Make a function raise where its arguments `low` and `high` are no range.

    The error is a `BadSearchSpace`, which is a ValueError.
    """

    @wraps(f)
    def checked(label: Any, *args: Any, **kwargs: Any) -> Apply:
        low, high = (
            args[place] if len(args) > place else kwargs.get(name)
            for place, name in enumerate(("low", "high"))
        )
        if _is_number(low) and _is_number(high) and not low < high:  # type: ignore[operator]
            raise BadSearchSpace(f"{label!r}: low has to be below high, got {low} and {high}")
        return f(label, *args, **kwargs)

    return checked


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real)


def _param(label: str, distribution: str, *args: Any) -> Apply:
    return scope.hyperopt_param(label, getattr(scope, distribution)(*args))


@validate_label
def hp_choice(label: str, options: Sequence[Any]) -> Apply:
    """Return one of some options, each as likely as the others.

    Parameters
    ----------
    label : str
        Name of the hyperparameter, whose value is the number of the option.
    options : sequence
        The options, which may hold further hyperparameters.

    Returns
    -------
    Apply

    Examples
    --------
    >>> from tunesmith.compat.hyperopt import hp, space_eval
    >>> space = hp.choice("model", ["linear", {"forest": hp.randint("depth", 1, 9)}])
    >>> space_eval(space, {"model": 1, "depth": 3})
    {'forest': 3}
    """
    options = _options(label, options)
    return scope.switch(_param(label, "randint", len(options)), *options)


@validate_label
def hp_pchoice(label: str, p_options: Sequence[tuple[float, Any]]) -> Apply:
    """Return one of some options, each as likely as is said.

    Parameters
    ----------
    label : str
        Name of the hyperparameter, whose value is the number of the option.
    p_options : sequence of (float, object)
        Probabilities, which sum to 1 but for rounding, and options.

    Returns
    -------
    Apply
    """
    pairs = _options(label, p_options)
    if any(not isinstance(pair, tuple | list) or len(pair) != 2 for pair in pairs):
        raise BadSearchSpace(f"{label!r}: hp.pchoice takes a list of (probability, option) pairs")
    p, options = zip(*pairs, strict=True)
    bad = [one for one in p if not _is_number(one) or not 0 <= one <= 1]
    if bad or abs(sum(p) - 1) > _ROUNDING:
        raise BadSearchSpace(f"{label!r}: probabilities have to sum to 1, got {list(p)}")
    scaled = tuple(float(one / sum(p)) for one in p)
    which = scope.hyperopt_param(label, scope.categorical(Literal(scaled)))
    return scope.switch(which, *options)


def _options(label: str, options: Any) -> list[Any]:
    if isinstance(options, Apply | str | Mapping) or not isinstance(options, Iterable):
        raise BadSearchSpace(f"{label!r}: the options have to be a list, got {options!r}")
    listed = list(options)
    if not listed:
        raise BadSearchSpace(f"{label!r}: the list of options is empty")
    return listed


@validate_label
def hp_randint(label: str, low: int, high: int | None = None) -> Apply:
    """Return a whole number from 0 up to, but not including, `low`; or from `low` to `high`.

    Parameters
    ----------
    label : str
        Name of the hyperparameter.
    low : int
        Number of values; or the least, where `high` is given.
    high : int or None, default=None
        One above the largest value.

    Returns
    -------
    Apply
    """
    least, end = (0, low) if high is None else (low, high)
    if _is_number(least) and _is_number(end) and not least < end:
        raise BadSearchSpace(f"{label!r}: there is no whole number from {least} to below {end}")
    return scope.int(_param(label, "randint", low, *([] if high is None else [high])))


@validate_label
@validate_distribution_range
def hp_uniform(label: str, low: float, high: float) -> Apply:
    """Return a number between two bounds.

    Parameters
    ----------
    label : str
        Name of the hyperparameter.
    low, high : float
        The bounds.

    Returns
    -------
    Apply
    """
    return scope.float(_param(label, "uniform", low, high))


@validate_label
@validate_distribution_range
def hp_uniformint(label: str, low: float, high: float, q: float = 1.0) -> Apply:
    """Return a whole number between two bounds, both included.

    Parameters
    ----------
    label : str
        Name of the hyperparameter, whose value is a float.
    low, high : float
        The bounds. They have half the probability of the others, as in `hp_quniform`.
    q : float, default=1.0
        Values are multiples of it.

    Returns
    -------
    Apply
    """
    return scope.int(hp_quniform(label, low, high, q))


@validate_label
@validate_distribution_range
def hp_quniform(label: str, low: float, high: float, q: float) -> Apply:
    """Return ``round(uniform(low, high) / q) * q``.

    Parameters
    ----------
    label : str
        Name of the hyperparameter.
    low, high : float
        The bounds before rounding.
    q : float
        Values are multiples of it.

    Returns
    -------
    Apply
    """
    return scope.float(_param(label, "quniform", low, high, q))


@validate_label
@validate_distribution_range
def hp_loguniform(label: str, low: float, high: float) -> Apply:
    """Return ``exp(uniform(low, high))``.

    Parameters
    ----------
    label : str
        Name of the hyperparameter.
    low, high : float
        Natural logarithms of the bounds.

    Returns
    -------
    Apply
    """
    return scope.float(_param(label, "loguniform", low, high))


@validate_label
@validate_distribution_range
def hp_qloguniform(label: str, low: float, high: float, q: float) -> Apply:
    """Return ``round(exp(uniform(low, high)) / q) * q``.

    Parameters
    ----------
    label : str
        Name of the hyperparameter.
    low, high : float
        Natural logarithms of the bounds before rounding.
    q : float
        Values are multiples of it.

    Returns
    -------
    Apply
    """
    return scope.float(_param(label, "qloguniform", low, high, q))


@validate_label
def hp_normal(label: str, mu: float, sigma: float) -> Apply:
    """Return a number that is normally distributed.

    Parameters
    ----------
    label : str
        Name of the hyperparameter.
    mu, sigma : float
        Mean and standard deviation.

    Returns
    -------
    Apply
    """
    return scope.float(_param(label, "normal", mu, sigma))


@validate_label
def hp_qnormal(label: str, mu: float, sigma: float, q: float) -> Apply:
    """Return ``round(normal(mu, sigma) / q) * q``.

    Parameters
    ----------
    label : str
        Name of the hyperparameter.
    mu, sigma : float
        Mean and standard deviation before rounding.
    q : float
        Values are multiples of it.

    Returns
    -------
    Apply
    """
    return scope.float(_param(label, "qnormal", mu, sigma, q))


@validate_label
def hp_lognormal(label: str, mu: float, sigma: float) -> Apply:
    """Return ``exp(normal(mu, sigma))``.

    Parameters
    ----------
    label : str
        Name of the hyperparameter.
    mu, sigma : float
        Mean and standard deviation of the natural logarithm.

    Returns
    -------
    Apply
    """
    return scope.float(_param(label, "lognormal", mu, sigma))


@validate_label
def hp_qlognormal(label: str, mu: float, sigma: float, q: float) -> Apply:
    """Return ``round(exp(normal(mu, sigma)) / q) * q``.

    Parameters
    ----------
    label : str
        Name of the hyperparameter.
    mu, sigma : float
        Mean and standard deviation of the natural logarithm before rounding.
    q : float
        Values are multiples of it.

    Returns
    -------
    Apply
    """
    return scope.float(_param(label, "qlognormal", mu, sigma, q))


@dataclass(frozen=True)
class Cond:
    """A condition on a hyperparameter.

    Parameters
    ----------
    name : str
        Its label.
    val : int
        What it is compared with.
    op : str
        How, such as ``"="``.
    """

    name: str
    val: Any
    op: str

    def __str__(self) -> str:
        return f"{self.name} {self.op} {self.val}"


EQ = partial(Cond, op="=")

Conditions = tuple[Any, ...]


def expr_to_config(expr: Any, conditions: Conditions | None, hps: dict[str, Any]) -> None:
    """Tell which hyperparameters an expression has, and when each is looked at.

    Parameters
    ----------
    expr : object
        The search space.
    conditions : tuple or None
        What holds for the expression as a whole; None: nothing.
    hps : dict
        Filled with a dict for each label: "label", "node" (the expression it is drawn from) and
        "conditions" (a set of tuples; it is looked at where all that is in one of them holds).

    Raises
    ------
    DuplicateLabel
        If two different hyperparameters have one label.
    """
    whole = () if conditions is None else conditions
    for label, node, held in _met(as_apply(expr), whole):
        known = hps.setdefault(label, {"label": label, "node": node, "conditions": set()})
        if known["node"] is not node:
            raise DuplicateLabel(label)
        known["conditions"].add(held)
    for hyperparameter in hps.values():
        if _covers(hyperparameter["conditions"], whole, hps):
            hyperparameter["conditions"] = {whole}


def _met(expr: Apply, held: Conditions) -> Iterator[tuple[str, Apply, Conditions]]:
    if expr.name == "hyperopt_param":
        yield expr.arg["label"].obj, expr.arg["obj"], held
        return
    which = expr.pos_args[0] if expr.name == "switch" else None
    if which is None or which.name != "hyperopt_param":
        for argument in expr.inputs():
            yield from _met(argument, held)
        return
    yield from _met(which, held)
    for number, option in enumerate(expr.pos_args[1:]):
        yield from _met(option, (*held, EQ(which.arg["label"].obj, number)))


def _covers(conditions: set[Conditions], whole: Conditions, hps: dict[str, Any]) -> bool:
    """Whether one of the conditions always holds: they are all values of one choice."""
    further = [held[len(whole) :] for held in conditions]
    if len(further) < 2 or any(len(held) != 1 for held in further):
        return False
    names = {held[0].name for held in further}
    if len(names) > 1:
        return False
    return {held[0].val for held in further} == set(range(_n_options(hps[names.pop()]["node"])))


def _n_options(node: Apply) -> int:
    if node.name == "categorical":
        return len(node.arg["p"].obj)
    low, high = node.arg["low"], node.arg["high"]
    return int(low.obj if high is MissingArgument else high.obj - low.obj)
