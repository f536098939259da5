"""The trials of a search, as a list of documents."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from tunesmith.compat.hyperopt.calling import Calling, Inline
from tunesmith.compat.hyperopt.exceptions import AllTrialsFailed, InvalidTrial
from tunesmith.compat.hyperopt.miscs import Hyperparameters, miscs_to_idxs_vals, spec_from_misc
from tunesmith.compat.hyperopt.states import (
    JOB_STATE_CANCEL,
    JOB_STATE_NEW,
    JOB_STATES,
    JOB_VALID_STATES,
    STATUS_OK,
)

if TYPE_CHECKING:
    from tunesmith.compat.hyperopt.base import Domain

Document = dict[str, Any]

TRIAL_KEYS = [
    "tid",
    "spec",
    "result",
    "misc",
    "state",
    "owner",
    "book_time",
    "refresh_time",
    "exp_key",
]
TRIAL_MISC_KEYS = ["tid", "cmd", "idxs", "vals"]

COMMAND = ("domain_attachment", "FMinIter_Domain")


class Trials:
    """All trials of a search: those that have ended, run, or are to run.

    Each is a dict. Its ``"tid"`` is its number; ``"result"`` what the function returned, with
    ``"status"`` and ``"loss"``; ``"misc"`` holds ``"vals"``, a list of one value for each
    hyperparameter that was asked for and an empty list for the others.

    Parameters
    ----------
    exp_key : object, default=None
        Which documents are looked at, where several searches share them; None: all.
    refresh : bool, default=True
        Whether to look for trials at once.

    Attributes
    ----------
    trials : list of dict
        The trials that did not raise, as of the last `refresh`.
    attachments : dict of str to object
        What functions have attached to trials.
    """

    asynchronous = False

    def __init__(self, exp_key: Any = None, refresh: bool = True) -> None:
        self._n_numbered = self._next = 0
        self._dynamic_trials: list[Document] = []
        self._exp_key = exp_key
        self._trials: list[Document] = []
        self.attachments: dict[str, Any] = {}
        if refresh:
            self.refresh()

    def view(self, exp_key: Any = None, refresh: bool = True) -> Self:
        """Return trials over the same documents, of which those of another key are looked at."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other._exp_key = exp_key
        if refresh:
            other.refresh()
        return other

    def __iter__(self) -> Iterator[Document]:
        return iter(self._trials)

    def __len__(self) -> int:
        return len(self._trials)

    def __getitem__(self, item: int) -> Document:
        return self._trials[item]

    def refresh(self) -> None:
        """Look for trials that are new or have changed."""
        self._trials = [doc for doc in self._mine() if doc["state"] in JOB_VALID_STATES]

    def _mine(self) -> Iterable[Document]:
        if self._exp_key is None:
            return self._dynamic_trials
        return (doc for doc in self._dynamic_trials if doc["exp_key"] == self._exp_key)

    @property
    def trials(self) -> list[Document]:
        """The documents."""
        return self._trials

    @property
    def tids(self) -> list[int]:
        """Numbers of the trials."""
        return [doc["tid"] for doc in self._trials]

    @property
    def specs(self) -> list[Any]:
        """What the documents hold as "spec"."""
        return [doc["spec"] for doc in self._trials]

    @property
    def results(self) -> list[dict[str, Any]]:
        """What the function returned."""
        return [doc["result"] for doc in self._trials]

    @property
    def miscs(self) -> list[dict[str, Any]]:
        """What the documents hold as "misc"."""
        return [doc["misc"] for doc in self._trials]

    @property
    def idxs_vals(self) -> tuple[Hyperparameters, Hyperparameters]:
        """Numbers of the trials that have a hyperparameter, and its values, by label."""
        return miscs_to_idxs_vals(self.miscs)

    @property
    def idxs(self) -> Hyperparameters:
        """Numbers of the trials that have a hyperparameter, by label."""
        return self.idxs_vals[0]

    @property
    def vals(self) -> Hyperparameters:
        """Values of the hyperparameters, by label."""
        return self.idxs_vals[1]

    def losses(self, bandit: Domain | None = None) -> list[float | None]:
        """Return the losses; None where a trial has none."""
        if bandit is None:
            return [result.get("loss") for result in self.results]
        return [bandit.loss(result) for result in self.results]

    def statuses(self, bandit: Domain | None = None) -> list[str]:
        """Return what the results say of themselves."""
        if bandit is None:
            return [result["status"] for result in self.results]
        return [bandit.status(result) for result in self.results]

    def average_best_error(self, bandit: Domain | None = None) -> float:
        """Return the loss of the best trial, averaged over which one that may be.

        Where results have a ``"loss_variance"``, each counts as much as it is likely to be the
        best; where they have a ``"true_loss"``, it is that which is averaged.

        Raises
        ------
        AllTrialsFailed
            If no trial has a loss.
        """
        results = [r for r in self.results if r["status"] == STATUS_OK]
        if not results:
            raise AllTrialsFailed("no trial has a loss")
        losses = np.array([r["loss"] for r in results], dtype=float)
        variances = np.array([r.get("loss_variance", 0.0) for r in results], dtype=float)
        true = np.array([r.get("true_loss", r["loss"]) for r in results], dtype=float)
        if not variances.any():
            return float(true[np.nanargmin(losses)])
        draws = np.random.default_rng(0).normal(losses, np.sqrt(variances), (1000, len(losses)))
        chances = np.bincount(draws.argmin(axis=1), minlength=len(losses)) / len(draws)
        return float(chances @ true)

    @property
    def best_trial(self) -> Document:
        """The trial of the lowest loss.

        Raises
        ------
        AllTrialsFailed
            If no trial has a loss.
        """
        found = [
            doc
            for doc in self._trials
            if doc["result"]["status"] == STATUS_OK and not math.isnan(doc["result"]["loss"])
        ]
        if not found and not self._dynamic_trials:
            raise AllTrialsFailed("there are no trials yet; run fmin with max_evals= above 0")
        if not found:
            raised = [doc["misc"]["error"] for doc in self._mine() if "error" in doc["misc"]]
            why = f"; the last that raised: {': '.join(raised[-1])}" if raised else ""
            raise AllTrialsFailed(
                f"none of {len(self._dynamic_trials)} trials has ended with a loss{why}. Their "
                'results and misc["error"] tell more'
            )
        return min(found, key=lambda doc: float(doc["result"]["loss"]))

    @property
    def argmin(self) -> dict[str, Any]:
        """Values of the hyperparameters of the best trial; of a choice, the option's number."""
        return spec_from_misc(self.best_trial["misc"])

    def trial_attachments(self, trial: Document) -> Attachments:
        """Return what is attached to a trial, to be read and written by name."""
        return Attachments(self.attachments, trial["tid"])

    def aname(self, trial: Document, name: str) -> str:
        """Return the key among `attachments` of what a trial has under a name."""
        return _attached(trial["tid"], name)

    def assert_valid_trial(self, trial: Any) -> Document:
        """Return a document, or raise.

        Raises
        ------
        InvalidTrial
            If it is no dict, lacks a key, or is of another search.
        """
        if not isinstance(trial, Mapping):
            raise InvalidTrial("a trial has to be a dict", trial)
        for where, keys in ((trial, TRIAL_KEYS), (trial.get("misc", {}), TRIAL_MISC_KEYS)):
            if missing := [key for key in keys if key not in where]:
                raise InvalidTrial(f"the trial has no {missing[0]!r}", trial)
        if trial["tid"] != trial["misc"]["tid"]:
            raise InvalidTrial("the trial has two different numbers", trial)
        if trial["exp_key"] != self._exp_key:
            raise InvalidTrial(f"the trial's exp_key is not {self._exp_key!r}", trial)
        return dict(trial) if not isinstance(trial, dict) else trial

    def insert_trial_doc(self, doc: Any) -> int:
        """Add a trial; `refresh` shows it. Returns its number."""
        return self.insert_trial_docs([doc])[0]

    def insert_trial_docs(self, docs: Iterable[Any]) -> list[int]:
        """Add trials; `refresh` shows them. Returns their numbers."""
        checked = [self.assert_valid_trial(doc) for doc in docs]
        self._dynamic_trials.extend(checked)
        return [doc["tid"] for doc in checked]

    def new_trial_ids(self, n: int) -> list[int]:
        """Return numbers that no trial has."""
        if self._n_numbered > len(self._dynamic_trials):
            self._n_numbered = 0  # some have been deleted
        for doc in self._dynamic_trials[self._n_numbered :]:
            self._next = max(self._next, doc["tid"] + 1)
        self._n_numbered = len(self._dynamic_trials)
        first = self._next
        self._next += n
        return list(range(first, self._next))

    def new_trial_docs(
        self,
        tids: Sequence[int],
        specs: Sequence[Any],
        results: Sequence[dict[str, Any]],
        miscs: Sequence[dict[str, Any]],
    ) -> list[Document]:
        """Return documents of trials that are to run."""
        return [
            {
                "state": JOB_STATE_NEW,
                "tid": tid,
                "spec": spec,
                "result": result,
                "misc": misc,
                "exp_key": self._exp_key,
                "owner": None,
                "version": 0,
                "book_time": None,
                "refresh_time": None,
            }
            for tid, spec, result, misc in zip(tids, specs, results, miscs, strict=True)
        ]

    def documents_of(
        self, tids: Sequence[int], values: Sequence[Mapping[str, Any]], labels: Iterable[str]
    ) -> list[Document]:
        """Return documents of trials that are to run.

        Parameters
        ----------
        tids : sequence of int
            Their numbers.
        values : sequence of mapping of str to object
            For each, the values of the hyperparameters that are asked for.
        labels : iterable of str
            All hyperparameters there are.
        """
        listed = list(labels)
        miscs = [
            {
                "tid": tid,
                "cmd": COMMAND,
                "workdir": None,
                "idxs": {label: [tid] if label in known else [] for label in listed},
                "vals": {label: [known[label]] if label in known else [] for label in listed},
            }
            for tid, known in zip(tids, values, strict=True)
        ]
        results = [{"status": "new"} for _ in tids]
        return self.new_trial_docs(tids, [None] * len(miscs), results, miscs)

    def source_trial_docs(
        self,
        tids: Sequence[int],
        specs: Sequence[Any],
        results: Sequence[dict[str, Any]],
        miscs: Sequence[dict[str, Any]],
        sources: Sequence[Document],
    ) -> list[Document]:
        """Return documents of trials that others have led to."""
        made = self.new_trial_docs(tids, specs, results, miscs)
        for doc, source in zip(made, sources, strict=True):
            for name in ("state", "exp_key", "owner", "book_time", "refresh_time"):
                doc[name] = source[name]
            doc["misc"].update(tid=doc["tid"], from_tid=source["tid"])
            doc["misc"].setdefault("cmd", None)
        return made

    def learnt_from(self) -> list[Document]:
        """Return the documents that say something of what to try next, failed ones included."""
        return [doc for doc in self._mine() if doc["state"] != JOB_STATE_CANCEL]

    def delete_all(self) -> None:
        """Forget all trials and attachments."""
        self._dynamic_trials = []
        self._n_numbered = 0
        self.attachments = {}
        self.refresh()

    def count_by_state_synced(
        self, arg: int | Iterable[int], trials: Iterable[Document] | None = None
    ) -> int:
        """Return how many of the trials are in one of some states."""
        states = {arg} if isinstance(arg, int) else set(arg)
        if unknown := states - set(JOB_STATES):
            raise ValueError(f"there is no state {unknown.pop()!r}; there are {JOB_STATES}")
        return sum(doc["state"] in states for doc in (self._trials if trials is None else trials))

    def count_by_state_unsynced(self, arg: int | Iterable[int]) -> int:
        """Return the same as after a `refresh`, and those that raised included."""
        return self.count_by_state_synced(arg, self._mine())

    def fmin(
        self,
        fn: Callable[..., Any],
        space: Any,
        algo: Callable[..., list[Document]] | None = None,
        max_evals: int | None = None,
        timeout: float | None = None,
        loss_threshold: float | None = None,
        max_queue_len: int = 1,
        rstate: Any = None,
        verbose: bool = False,
        pass_expr_memo_ctrl: bool | None = None,
        catch_eval_exceptions: bool = False,
        return_argmin: bool = True,
        show_progressbar: Any = True,
        early_stop_fn: Callable[..., Any] | None = None,
        trials_save_file: str = "",
        points_to_evaluate: list[dict[str, Any]] | None = None,
    ) -> Any:
        """Go on with these trials; see `tunesmith.compat.hyperopt.fmin`."""
        from tunesmith.compat.hyperopt.fmin import fmin

        given = {name: value for name, value in locals().items() if name not in ("self", "fmin")}
        return fmin(**given, trials=self, allow_trials_fmin=False)

    def calling(self) -> Calling:
        """Return where the function is called."""
        return Inline()


class Attachments:
    """What is attached to one trial.

    Parameters
    ----------
    attachments : dict of str to object
        What is attached to any.
    tid : int
        The number of the trial.
    """

    def __init__(self, attachments: dict[str, Any], tid: int) -> None:
        self._all = attachments
        self._tid = tid

    def __contains__(self, name: str) -> bool:
        return _attached(self._tid, name) in self._all

    def __getitem__(self, name: str) -> Any:
        return self._all[_attached(self._tid, name)]

    def __setitem__(self, name: str, value: Any) -> None:
        self._all[_attached(self._tid, name)] = value

    def __delitem__(self, name: str) -> None:
        del self._all[_attached(self._tid, name)]


def _attached(tid: int, name: str) -> str:
    return f"ATTACH::{tid}::{name}"


def trials_from_docs(docs: Iterable[Document], validate: bool = True, **kwargs: Any) -> Trials:
    """Return trials made of documents.

    Parameters
    ----------
    docs : iterable of dict
        The documents.
    validate : bool, default=True
        Whether to raise where one is no trial.
    **kwargs : object
        Arguments of `Trials`.

    Returns
    -------
    Trials

    Raises
    ------
    InvalidTrial
        If a document is no trial.
    """
    trials = Trials(**kwargs)
    if validate:
        trials.insert_trial_docs(docs)
    else:
        trials._dynamic_trials.extend(docs)
    trials.refresh()
    return trials
