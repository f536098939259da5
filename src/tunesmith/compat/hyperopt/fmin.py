"""Minimise a function over a search space."""

from __future__ import annotations

import functools
import inspect
import logging
import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from tunesmith.compat.hyperopt import tpe
from tunesmith.compat.hyperopt.arguments import (
    annotated,
    check_limits,
    check_search,
    generator_of,
    read_assignment,
    read_points,
)
from tunesmith.compat.hyperopt.calling import Calling, Inline
from tunesmith.compat.hyperopt.domain import Domain
from tunesmith.compat.hyperopt.miscs import spec_from_misc
from tunesmith.compat.hyperopt.progress import Callback, default_callback, no_progress_callback
from tunesmith.compat.hyperopt.pyll.base import Apply, as_apply, rec_eval
from tunesmith.compat.hyperopt.saving import Saving, StudyFile, Unsaved
from tunesmith.compat.hyperopt.search_space import SearchSpace
from tunesmith.compat.hyperopt.states import (
    JOB_STATE_CANCEL,
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    JOB_STATE_NEW,
    STATUS_OK,
)
from tunesmith.compat.hyperopt.trials import Trials

_LOGGER = logging.getLogger(__name__)
_FINISHED = (JOB_STATE_DONE, JOB_STATE_ERROR, JOB_STATE_CANCEL)

Document = dict[str, Any]
Algorithm = Callable[..., list[Document]]


class FMinIter:
    """A search that can be run step by step.

    Parameters
    ----------
    algo : callable
        Takes numbers of new trials, the domain, the trials and a seed; returns documents.
    domain : Domain
        What is searched.
    trials : Trials
        What there is, and where new trials go.
    rstate : numpy.random.Generator
        What seeds are drawn from.
    asynchronous, poll_interval_secs : object
        Not used: `trials` says how they run, and nothing is polled.
    max_queue_len : int, default=1
        How many trials are suggested at once.
    max_evals : int, default=sys.maxsize
        How many trials there are to be, those of earlier runs included.
    timeout : float or None, default=None
        Seconds after which no trial is begun.
    loss_threshold : float or None, default=None
        A loss that ends the search.
    verbose : bool, default=False
        Whether progress is shown.
    show_progressbar : bool or callable, default=True
        How it is shown; see `tunesmith.compat.hyperopt.progress`.
    early_stop_fn : callable or None, default=None
        Takes the trials and what it returned as its second value, returns whether to stop and
        a list.
    calling : Calling or None, default=None
        Where the function is called; None: here.
    saving : Saving or None, default=None
        Where trials are kept; None: nowhere.

    Examples
    --------
    >>> import numpy as np
    >>> from tunesmith.compat.hyperopt import Domain, FMinIter, Trials, hp, rand
    >>> domain = Domain(lambda x: x**2, hp.uniform("x", -1, 1))
    >>> steps = FMinIter(rand.suggest, domain, Trials(), np.random.default_rng(0), max_evals=3)
    >>> [len(trials) for trials in steps]
    [1, 2, 3]
    """

    def __init__(
        self,
        algo: Algorithm,
        domain: Domain,
        trials: Trials,
        rstate: np.random.Generator,
        asynchronous: bool | None = None,
        max_queue_len: int = 1,
        poll_interval_secs: float = 1.0,
        max_evals: int = sys.maxsize,
        timeout: float | None = None,
        loss_threshold: float | None = None,
        verbose: bool = False,
        show_progressbar: bool | Callback = True,
        early_stop_fn: Callable[..., Any] | None = None,
        calling: Calling | None = None,
        saving: Saving | None = None,
    ) -> None:
        self.algo = algo
        self.domain = domain
        self.trials = trials
        self.rstate = rstate
        self.max_queue_len = max_queue_len
        self.max_evals = max_evals
        self.timeout = timeout
        self.loss_threshold = loss_threshold
        self.early_stop_fn = early_stop_fn
        self.early_stop_args: list[Any] = []
        self.catch_eval_exceptions = False
        self.start_time = time.monotonic()
        self._calling = Inline() if calling is None else calling
        self._saving = Unsaved() if saving is None else saving
        self._n_done = self._first = 0
        self._least = math.inf
        self._progress: Callback
        if not verbose or not show_progressbar:
            self._progress = no_progress_callback
        elif callable(show_progressbar):
            self._progress = show_progressbar
        else:
            self._progress = default_callback

    def run(self, N: int, block_until_done: bool = True) -> None:
        """Suggest `N` more trials and run them, as long as nothing ends the search.

        Parameters
        ----------
        N : int
            How many, besides those that are there and have not run.
        block_until_done : bool, default=True
            Whether all that have been suggested are waited for.
        """
        self.trials.refresh()
        done = [doc for doc in self.trials if doc["state"] == JOB_STATE_DONE]
        self._n_done = n_shown = len(done)
        self._least = min(map(_loss, done), default=math.inf)
        total = None if self.max_evals == sys.maxsize else self.max_evals
        with self._progress(n_shown, total) as meter, self._calling:
            while not self._is_over():
                N -= self._suggest(N)
                if not self._run_some():
                    break
                if self._least < math.inf:
                    meter.postfix = f"best loss: {self._least}"
                if self._n_done > n_shown:
                    meter.update(self._n_done - n_shown)
                    n_shown = self._n_done
                if self._is_to_stop():
                    break
            self._calling.finish(self._ended)
            self.trials.refresh()

    def _suggest(self, most: int) -> int:
        """Ask for as many trials as the queue has room for; return how many there are."""
        width, unfinished = self._calling.width, len(self._unfinished())
        wanted = min(max(width, self.max_queue_len) - unfinished, most)
        if unfinished >= width or wanted <= 0:
            return 0
        tids = self.trials.new_trial_ids(wanted)
        seed, *_ = _seeds(self.rstate, wanted)
        documents = self.algo(tids, self.domain, self.trials, seed)
        if not isinstance(documents, Iterable):
            raise TypeError(
                f"the algorithm {self.algo!r} returned {documents!r}; it has to return a list of "
                "documents, such as trials.documents_of(new_ids, values, labels)"
            )
        documents = list(documents)
        self.trials.insert_trial_docs(documents)
        self._saving.keep(self.trials)
        self.trials.refresh()
        return len(documents) or most

    def _run_some(self) -> bool:
        """Run trials that wait; return False if there was none."""
        waiting = [doc for doc in self._unfinished() if doc["state"] == JOB_STATE_NEW]
        try:
            ran = self._calling.run(self.domain, self.trials, waiting, self._ended)
        finally:
            self.trials.refresh()
        return ran

    def _unfinished(self) -> list[Document]:
        """Return the trials that wait or run."""
        documents = self.trials._dynamic_trials
        # Long searches would look at all that have ended again and again.
        self._first = min(self._first, len(documents))
        while self._first < len(documents) and documents[self._first]["state"] in _FINISHED:
            self._first += 1
        return [doc for doc in documents[self._first :] if doc["state"] not in _FINISHED]

    def _ended(self, document: Document, error: Exception | None) -> None:
        """Take note of how a trial has ended."""
        self._saving.end(document, self.trials)
        self._saving.keep(self.trials)  # the function may have injected some
        if error is None:
            self._n_done += 1
            self._least = min(self._least, _loss(document))
            return
        if not self.catch_eval_exceptions:
            raise error
        _LOGGER.warning("trial %s raised %r", document["tid"], error)

    def _is_over(self) -> bool:
        if self.timeout is not None and time.monotonic() - self.start_time >= self.timeout:
            return True
        return self.loss_threshold is not None and self._least < self.loss_threshold

    def _is_to_stop(self) -> bool:
        if self.early_stop_fn is None or not len(self.trials):
            return False
        found = self.early_stop_fn(self.trials, *self.early_stop_args)
        if not isinstance(found, tuple | list) or len(found) != 2:
            raise TypeError(
                f"early_stop_fn={self.early_stop_fn!r} returned {found!r}; it has to return "
                "whether to stop, and a list of what it is given besides the trials next time"
            )
        stop, self.early_stop_args = found
        return bool(stop)

    def __iter__(self) -> FMinIter:
        return self

    def __next__(self) -> Trials:
        if self._n_left() <= 0:
            raise StopIteration
        self.run(1)
        return self.trials

    def exhaust(self) -> FMinIter:
        """Run the search to its end."""
        self.run(self._n_left())
        return self

    def _n_left(self) -> int:
        return self.max_evals - len(self.trials.learnt_from())


def fmin(
    fn: Callable[..., Any],
    space: Any,
    algo: Algorithm | None = None,
    max_evals: int | None = None,
    timeout: float | None = None,
    loss_threshold: float | None = None,
    trials: Trials | None = None,
    rstate: np.random.Generator | np.random.RandomState | int | None = None,
    allow_trials_fmin: bool = True,
    pass_expr_memo_ctrl: bool | None = None,
    catch_eval_exceptions: bool = False,
    verbose: bool = True,
    return_argmin: bool = True,
    points_to_evaluate: list[dict[str, Any]] | None = None,
    max_queue_len: int = 1,
    show_progressbar: bool | Callback = True,
    early_stop_fn: Callable[..., Any] | None = None,
    trials_save_file: str = "",
) -> Any:
    """Minimise a function over a search space.

    Parameters
    ----------
    fn : callable
        Takes a value of the space. Returns the loss, or a dict with "status" and, if that is
        `STATUS_OK`, "loss"; what else is in the dict is kept in ``trials.results``, and what is
        in its "attachments" in ``trials.attachments``.
    space : object or "annotated"
        A value in which `hp` stands for what varies; "annotated": the function's arguments, each
        annotated with a hyperparameter.
    algo : callable or None, default=None
        ``tpe.suggest``, ``rand.suggest``, ``anneal.suggest``, ``atpe.suggest``, one with
        arguments by `functools.partial`, or one of your own. None: ``tpe.suggest``.
    max_evals : int or None, default=None
        How many trials there are to be, those that `trials` holds already included. None: until
        something else ends the search.
    timeout : float or None, default=None
        Seconds after which no trial is begun.
    loss_threshold : float or None, default=None
        The search ends once a loss is below it.
    trials : Trials or None, default=None
        What there is already, and where new trials go.
    rstate : numpy.random.Generator, RandomState, int or None, default=None
        Where all randomness comes from. None: as the environment variable ``HYPEROPT_FMIN_SEED``
        says, or else anew.
    allow_trials_fmin : bool, default=True
        Whether `trials` may run the search in its own way, as `SparkTrials` does.
    pass_expr_memo_ctrl : bool or None, default=None
        Whether the function takes ``expr``, ``memo`` and ``ctrl``. None: as
        `fmin_pass_expr_memo_ctrl` has marked it.
    catch_eval_exceptions : bool, default=False
        Whether a trial that raises is kept as one that failed, and the search goes on.
    verbose, show_progressbar : bool, default=True
        Progress is shown where both are; `show_progressbar` may be a callback, see
        `tunesmith.compat.hyperopt.progress`.
    return_argmin : bool, default=True
        Whether to return the values of the hyperparameters, in which a choice is the number of
        its option; else the value of the space.
    points_to_evaluate : list of dict or None, default=None
        Values of the hyperparameters by label, as `fmin` returns them, that are tried first.
        They count in `max_evals`.
    max_queue_len : int, default=1
        How many trials are suggested at once.
    early_stop_fn : callable or None, default=None
        Called after each trial with the trials, and then with what it returned itself as the
        second of two values; the first says whether to stop.
    trials_save_file : str, default=""
        A study file that every trial is written to as it ends, with what of its result is text,
        numbers, bytes or arrays. If it is there, the search goes on from its trials.

    Returns
    -------
    dict or object
        See `return_argmin`. None where no trial has a loss and `return_argmin` is False.

    Raises
    ------
    AllTrialsFailed
        If no trial has a loss.
    BadSearchSpace
        If the space cannot be searched.
    InvalidLoss, InvalidResultStatus
        If the function returned neither a number nor such a dict.
    StorageError, StudyMismatch
        If `trials_save_file` is no study file, or one of another space.
    ValueError, TypeError
        If an argument is something else.

    Examples
    --------
    >>> import numpy as np
    >>> from tunesmith.compat.hyperopt import fmin, hp, rand, space_eval
    >>> space = hp.choice("case", [{"a": hp.uniform("a", 0, 1)}, {"b": hp.uniform("b", 1, 2)}])
    >>> best = fmin(
    ...     lambda point: sum(point.values()), space, rand.suggest, max_evals=50,
    ...     rstate=np.random.default_rng(0), show_progressbar=False,
    ... )
    >>> sorted(best), best["case"], list(space_eval(space, best))
    (['a', 'case'], 0, ['a'])
    """
    algo = tpe.suggest if algo is None else algo
    check_search(algo, max_evals, trials)
    check_limits(timeout, loss_threshold, max_queue_len, early_stop_fn)
    if isinstance(space, str) and space == "annotated":
        space, fn = annotated(fn)
    if not callable(fn) or isinstance(fn, Apply):
        raise TypeError(f"fn={fn!r} is no function; give one of a point of the space")
    generator = generator_of(rstate)
    if allow_trials_fmin and trials is not None:
        passed = {
            name: value
            for name, value in locals().items()
            if name in inspect.signature(Trials.fmin).parameters
        }
        return trials.fmin(**passed | {"rstate": generator})
    domain = Domain(fn, space, pass_expr_memo_ctrl=pass_expr_memo_ctrl)
    trials = Trials() if trials is None else trials
    points = read_points(points_to_evaluate, domain)
    with _saving(trials_save_file, domain) as saving:
        n_found = saving.load(trials)
        # A search that goes on draws what it would have drawn without an interruption.
        _seeds(generator, n_found - _insert_points(trials, points, domain))
        search = FMinIter(
            algo,
            domain,
            trials,
            generator,
            max_queue_len=max_queue_len,
            max_evals=sys.maxsize if max_evals is None else max_evals,
            timeout=timeout,
            loss_threshold=loss_threshold,
            verbose=verbose,
            show_progressbar=show_progressbar,
            early_stop_fn=early_stop_fn,
            calling=trials.calling(),
            saving=saving,
        )
        search.catch_eval_exceptions = catch_eval_exceptions
        search.exhaust()
    if return_argmin:
        return trials.argmin
    return space_eval(space, trials.argmin) if len(trials) else None


def space_eval(space: Any, hp_assignment: Mapping[str, Any]) -> Any:
    """Return the value of a search space for values of its hyperparameters.

    Parameters
    ----------
    space : object
        The search space.
    hp_assignment : mapping of str to object
        Values by label, as `fmin` returns them.

    Returns
    -------
    object
        What the function would get.

    Raises
    ------
    BadSearchSpace
        If a value is missing, or there is no such option.
    TypeError
        If a value is no number.

    Examples
    --------
    >>> from tunesmith.compat.hyperopt import hp, space_eval
    >>> space_eval({"kernel": hp.choice("kernel", ["rbf", "poly"])}, {"kernel": 1})
    {'kernel': 'poly'}
    """
    expr = as_apply(space)
    searched = SearchSpace(expr)
    return rec_eval(expr, searched.memo(read_assignment(hp_assignment, searched)))


def generate_trials_to_calculate(points: list[dict[str, Any]]) -> Trials:
    """Return trials that are to run, for ``fmin(trials=...)``.

    Parameters
    ----------
    points : list of dict
        Values of the hyperparameters by label.

    Returns
    -------
    Trials
    """
    trials = Trials()
    labels = dict.fromkeys(label for point in points for label in point)
    tids = trials.new_trial_ids(len(points))
    trials.insert_trial_docs(trials.documents_of(tids, points, labels))
    trials.refresh()
    return trials


def fmin_pass_expr_memo_ctrl(f: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a function as one that takes ``expr``, ``memo`` and ``ctrl``.

    ``rec_eval(expr, memo=memo)`` is the value of the space, and `ctrl` a `Ctrl`.
    """
    f.fmin_pass_expr_memo_ctrl = True  # type: ignore[attr-defined]
    return f


def partial(fn: Callable[..., Any], **kwargs: Any) -> Callable[..., Any]:
    """Return `functools.partial` of a function, marked as the function is."""
    made = functools.partial(fn, **kwargs)
    if hasattr(fn, "fmin_pass_expr_memo_ctrl"):
        made.fmin_pass_expr_memo_ctrl = fn.fmin_pass_expr_memo_ctrl  # type: ignore[attr-defined]
    return made


def _loss(document: Document) -> float:
    """Return the loss of a trial; infinite if it has none."""
    result = document["result"]
    loss = result.get("loss") if result["status"] == STATUS_OK else None
    return math.inf if loss is None or math.isnan(loss) else float(loss)


def _saving(place: Any, domain: Domain) -> Saving:
    return StudyFile(os.fspath(place), domain.search_space) if place else Unsaved()


def _insert_points(trials: Trials, points: list[dict[str, Any]], domain: Domain) -> int:
    """Add trials of points that are not there yet; return how many are."""
    there = [spec_from_misc(document["misc"]) for document in trials._dynamic_trials]
    new = [point for point in points if point not in there]
    tids = trials.new_trial_ids(len(new))
    labels = domain.search_space.hyperparameters
    trials.insert_trial_docs(trials.documents_of(tids, new, labels))
    trials.refresh()
    return len(points) - len(new)


def _seeds(generator: np.random.Generator, n: int) -> list[int]:
    """Return a seed for each of some trials, so that their number is all that counts."""
    return [int(generator.integers(2**31 - 1)) for _ in range(n)]
