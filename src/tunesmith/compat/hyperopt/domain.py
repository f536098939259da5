"""What is searched: a function, and the space of its argument."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tunesmith.compat.hyperopt.account import Account
from tunesmith.compat.hyperopt.exceptions import InvalidLoss, InvalidResultStatus
from tunesmith.compat.hyperopt.pyll.base import Apply, as_apply, rec_eval
from tunesmith.compat.hyperopt.search_space import SearchSpace
from tunesmith.compat.hyperopt.states import JOB_STATE_DONE, STATUS_OK, STATUS_STRINGS
from tunesmith.compat.hyperopt.trials import COMMAND, Attachments, Trials

Document = dict[str, Any]

_LOGGER = logging.getLogger(__name__)


class Ctrl:
    """What a function that asks for it can do with its trial.

    Parameters
    ----------
    trials : Trials or None
        All trials; None: new ones.
    current_trial : dict or None, default=None
        The document of the trial that runs.
    """

    info = _LOGGER.info
    warn = _LOGGER.warning
    error = _LOGGER.error
    debug = _LOGGER.debug

    def __init__(self, trials: Trials | None, current_trial: Document | None = None) -> None:
        self.trials = Trials() if trials is None else trials
        self.current_trial = current_trial

    def checkpoint(self, r: dict[str, Any] | None = None) -> None:
        """Keep a result for the time being."""
        if r is not None:
            self._current["result"] = r

    @property
    def attachments(self) -> Attachments:
        """What is attached to the trial, to be read and written by name."""
        return self.trials.trial_attachments(self._current)

    def inject_results(
        self,
        specs: Sequence[Any],
        results: Sequence[dict[str, Any]],
        miscs: Sequence[dict[str, Any]],
        new_tids: Sequence[int] | None = None,
    ) -> list[int]:
        """Add trials that have ended already; return their numbers."""
        tids = self.trials.new_trial_ids(len(specs)) if new_tids is None else new_tids
        sources = [self._current] * len(tids)
        made = self.trials.source_trial_docs(tids, specs, results, miscs, sources)
        for doc in made:
            doc["state"] = JOB_STATE_DONE
        return self.trials.insert_trial_docs(made)

    @property
    def _current(self) -> Document:
        if self.current_trial is None:
            raise ValueError("there is no trial that runs; give current_trial= to Ctrl")
        return self.current_trial


class Domain:
    """A function, and the space of its argument.

    Parameters
    ----------
    fn : callable
        Takes a value of the space, returns a loss, or a dict with "loss" and "status".
    expr : object
        The search space.
    workdir : str or None, default=None
        Kept as it is.
    pass_expr_memo_ctrl : bool or None, default=None
        Whether the function takes ``expr``, ``memo`` and ``ctrl`` instead. None: as
        `fmin_pass_expr_memo_ctrl` says.
    name : str or None, default=None
        A name for people.
    loss_target : float or None, default=None
        The least loss, if it is known; kept as it is.

    Raises
    ------
    BadSearchSpace
        If the space cannot be searched.

    Examples
    --------
    >>> from tunesmith.compat.hyperopt import Domain, hp
    >>> domain = Domain(lambda p: p["x"] ** 2, {"x": hp.uniform("x", -1, 1)})
    >>> domain.evaluate({"x": 0.5}, None)
    {'loss': 0.25, 'status': 'ok'}
    """

    rec_eval_print_node_on_error = True
    cmd = COMMAND

    def __init__(
        self,
        fn: Callable[..., Any],
        expr: Any,
        workdir: str | None = None,
        pass_expr_memo_ctrl: bool | None = None,
        name: str | None = None,
        loss_target: float | None = None,
    ) -> None:
        self.fn = fn
        self.expr: Apply = as_apply(expr)
        self.workdir = workdir
        self.name = name
        self.loss_target = loss_target
        if pass_expr_memo_ctrl is None:
            pass_expr_memo_ctrl = getattr(fn, "fmin_pass_expr_memo_ctrl", False)
        self.pass_expr_memo_ctrl = pass_expr_memo_ctrl
        self.search_space = SearchSpace(self.expr)
        self.account = Account(self.search_space)

    @property
    def params(self) -> dict[str, Any]:
        """What each hyperparameter ranges over, by label."""
        return {
            label: hyperparameter.dimension
            for label, hyperparameter in self.search_space.hyperparameters.items()
        }

    def memo_from_config(self, config: Mapping[str, Any]) -> dict[Apply, Any]:
        """Return the values of hyperparameters by their expressions."""
        return self.search_space.memo(config)

    def evaluate(
        self, config: Mapping[str, Any], ctrl: Ctrl | None, attach_attachments: bool = True
    ) -> dict[str, Any]:
        """Call the function at values of the hyperparameters.

        Parameters
        ----------
        config : mapping of str to object
            Values by label.
        ctrl : Ctrl or None
            The trial's; None where the function attaches nothing.
        attach_attachments : bool, default=True
            Whether the result's "attachments" are moved to the trial's.

        Returns
        -------
        dict
            The result, with "status" and, if that is "ok", "loss".

        Raises
        ------
        InvalidResultStatus, InvalidLoss
            If the function returned something else.
        """
        result = as_result(self.call(config, ctrl))
        if attach_attachments and ctrl is not None:
            for name, value in result.pop("attachments", {}).items():
                ctrl.attachments[name] = value
        return result

    def call(self, config: Mapping[str, Any], ctrl: Ctrl | None) -> Any:
        """Return what the function returns at values of the hyperparameters."""
        memo = self.memo_from_config(config)
        if self.pass_expr_memo_ctrl:
            return self.fn(expr=self.expr, memo=memo, ctrl=ctrl)
        return self.fn(rec_eval(self.expr, memo))

    def __getattr__(self, name: str) -> Any:
        if name in ("s_new_ids", "s_rng", "s_idxs_vals", "vh"):
            raise AttributeError(
                f"a Domain has no {name!r} here; an algorithm of your own draws values with "
                "rand.suggest(new_ids, domain, trials, seed), or returns "
                "trials.documents_of(new_ids, values, domain.params) for values by label"
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"account": Account(self.search_space)}

    def short_str(self) -> str:
        """Return a short text."""
        return f"Domain({self.fn})"

    def loss(self, result: dict[str, Any], config: Any = None) -> float | None:
        """Return the loss of a result; None if it has none."""
        return result.get("loss")

    def loss_variance(self, result: dict[str, Any], config: Any = None) -> float:
        """Return the variance of the loss of a result."""
        return float(result.get("loss_variance", 0.0))

    def true_loss(self, result: dict[str, Any], config: Any = None) -> float | None:
        """Return the true loss of a result, or else its loss."""
        return result.get("true_loss", result.get("loss"))

    def status(self, result: dict[str, Any], config: Any = None) -> str:
        """Return what a result says of itself."""
        return str(result["status"])

    def new_result(self) -> dict[str, Any]:
        """Return the result of a trial that is to run."""
        return {"status": "new"}


def as_result(returned: Any) -> dict[str, Any]:
    """Return what a function returned as a dict with "status" and "loss".

    Raises
    ------
    InvalidResultStatus, InvalidLoss
        If it is neither a number nor such a dict.
    """
    if not isinstance(returned, Mapping):
        return {"loss": _loss(returned, returned), "status": STATUS_OK}
    result = dict(returned)
    if result.get("status") not in STATUS_STRINGS:
        raise InvalidResultStatus(
            f'"status" has to be one of {list(STATUS_STRINGS)}; write '
            '{"loss": loss, "status": STATUS_OK}',
            returned,
        )
    if result["status"] == STATUS_OK:
        result["loss"] = _loss(result.get("loss"), returned)
    return result


def _loss(value: Any, returned: Any) -> float:
    try:
        if isinstance(value, str | bytes):
            raise TypeError
        return float(value.item() if hasattr(value, "item") else value)
    except (TypeError, ValueError):
        raise InvalidLoss("the loss has to be a number", returned) from None
