"""Have the parts of an estimator go through a worker's cache when they are fitted.

What takes part is found by walking an estimator: the steps of pipelines, the branches of
unions and column transformers, and last steps that belong to a family. Methods of these very
instances are replaced; scikit-learn's own code calls them and knows nothing of it.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.pipeline import Pipeline

# These four register families.
from tunesmith.evaluation import Route
from tunesmith.evaluation.anatomy import params_of
from tunesmith.evaluation.families import (
    CONTEXT,
    Family,
    Kept,
    find_family,
    find_projection,
    fit_alone,
)
from tunesmith.evaluation.lineage import content
from tunesmith.evaluation.stages import StageCache
from tunesmith.evaluation.trust import drawn_from_all, is_known, reads_only, writes
from tunesmith.exceptions import UnkeyableError
from tunesmith.keys import digest
from tunesmith.trial import Work


def share(
    estimator: Any, cache: StageCache, *, private: bool = True, rounding: bool = False
) -> bool:
    """Have an estimator's fit go through a cache; return whether anything of it can be shared.

    Parameters
    ----------
    estimator : estimator object
        With all parameters set, not fitted; lives no longer than its job.
    cache : StageCache
        The worker's.
    private : bool, default=True
        Whether somebody may write to what parts of it hand out.
    rounding : bool, default=False
        Whether families take part that are equal only to rounding.

    Returns
    -------
    bool
        False where nothing of it takes part, and it is as it was.
    """
    steps = list(_steps(estimator))
    for step in steps:
        _share_step(step, cache, private)
    last = last_step(estimator)
    takes_part = hasattr(last, "share")
    if takes_part:
        last.share(cache)
    family = find_family(last, rounding=rounding) if hasattr(last, "fit") else None
    takes_part = takes_part or family is not None or bool(steps)
    if takes_part and hasattr(last, "fit"):
        vars(last)["fit"] = _Last(last, cache, family).fit
    return takes_part


def itinerary(estimator: Any, *, rounding: bool = False) -> Route:
    """Say which stages a fit goes through, as far as the estimator alone tells.

    Parameters
    ----------
    estimator : estimator object
        With all parameters set, not fitted.
    rounding : bool, default=False
        As in `share`.
    """
    stages = [own_key(step) or "?" for step in _steps(estimator)]
    last = last_step(estimator)
    family = find_family(last, rounding=rounding) if hasattr(last, "fit") else None
    key = None if family is None else own_key(last, family.free)
    program = last.program_hint() if hasattr(last, "program_hint") else None
    if family is None or key is None:
        return Route(tuple(stages), program=program)
    if not family.whole:
        stages.append(key)
    return Route(
        tuple(stages),
        run=key if family.whole else None,
        rank=family.rank(last),
        cost=family.cost(last),
        program=program,
    )


def last_step(estimator: Any) -> Any:
    """Return the last step of an estimator whose steps are shared; or the estimator itself."""
    if is_open(estimator) and type(estimator) is Pipeline and estimator.steps:
        return last_step(estimator.steps[-1][1])
    return estimator


def _steps(estimator: Any) -> Iterator[Any]:
    """Yield the transformers before the last step, in their order."""
    if is_open(estimator) and type(estimator) is Pipeline and estimator.steps:
        yield from (step for _, step in estimator.steps[:-1] if _transforms(step))
        yield from _steps(estimator.steps[-1][1])


# By name, as `sklearn.compose` takes long to load, and who has one of its has loaded it.
_PARTS = {
    "sklearn.pipeline.Pipeline": "steps",
    "sklearn.pipeline.FeatureUnion": "transformer_list",
    "sklearn.compose._column_transformer.ColumnTransformer": "transformers",
}


def _name(kind: type[Any]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def is_open(estimator: Any) -> bool:
    """Whether the parts of an estimator are fitted one by one, in this process."""
    kind = type(estimator)
    if kind is Pipeline:
        return estimator.memory is None
    return _name(kind) in _PARTS and estimator.n_jobs in (None, 1)


def _inside(transformer: Any) -> list[Any]:
    """Return the transformers that a composite one fits, where none can disturb another."""
    if not is_open(transformer) or not reads_only(transformer):
        return []
    listed = getattr(transformer, _PARTS[_name(type(transformer))])
    return [part[1] for part in listed if _transforms(part[1])]


def _transforms(step: Any) -> bool:
    """Whether a step is a transformer whose methods can be replaced: not "passthrough"."""
    return all(hasattr(type(step), name) for name in ("fit_transform", "transform", "get_params"))


def _share_step(transformer: Any, cache: StageCache, private: bool) -> None:
    for part in _inside(transformer):
        _share_step(part, cache, private)
    Step(transformer, cache, private).put_on()


_METHODS = ("fit", "fit_transform", "transform", "__sklearn_clone__")


class Step:
    """The methods of one transformer, by way of the cache.

    A transformer whose code is not known may keep nothing back that a seed does not reach, and
    may write to its input. So what it gave is used only once a second run has given the same.

    Parameters
    ----------
    transformer : estimator object
        Not fitted.
    cache : StageCache
        The worker's.
    private : bool
        Whether what is handed out may be written to, and so must not be what is kept.
    """

    def __init__(self, transformer: Any, cache: StageCache, private: bool) -> None:
        self._own = transformer
        self._cache = cache
        self._private = private
        self._known = is_known(transformer)
        self._shares = not writes(transformer)
        self._code = own_key(transformer)
        self._key: str | None = None

    def put_on(self) -> None:
        """Take the place of the transformer's methods."""
        vars(self._own).update(
            fit=self.fit,
            fit_transform=self.fit_transform,
            transform=self.transform,
            __sklearn_clone__=self._again,
        )

    def fit(self, *args: Any, **params: Any) -> Any:
        """Fit alone."""
        self._key = None
        self._call("fit", *args, **params)
        return self._own

    def fit_transform(self, X: Any, *args: Any, **params: Any) -> Any:
        """Fit and transform, or adopt what an equal transformer has learned."""
        given = (X, *args, params)
        self._key = key = self._stage_key(given)
        if key is not None and (kept := self._recall(key)) is not None:
            state, output, seconds = kept
            vars(self._own).update(state)
            self._cache.did(Work(steps_asked=1, seconds_saved=seconds))
            return self._hand_out(output, key)
        saved = self._cache.work.seconds_saved
        before = self._around(given)
        start = time.perf_counter()
        output = self._fit_transform(X, args, params)
        # What a composite saved inside, it would have taken alone.
        seconds = time.perf_counter() - start + self._cache.work.seconds_saved - saved
        self._cache.did(Work(steps_asked=1, steps_run=1))
        if key is None or self._is_touched(X, output, before, given):
            self._key = None
            return self._pass(output, *given)
        state = {k: v for k, v in vars(self._own).items() if k not in (*_METHODS, CONTEXT)}
        return self._keep(key, (state, output), seconds)

    def _fit_transform(self, X: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        """Fit and transform by way of the transformer's family, if it has one, or alone."""
        projection = find_projection(self._own)
        if projection is not None and self._key is not None and not params:
            data = self._cache.lineage.key(X)
            key = _joined("projection", own_key(self._own, projection.free), data)
            kept = self._cache.get(key)
            made = projection.fit_transform(self._own, X, kept)
            if made is not None:
                output, left = made
                if left is not kept:
                    self._cache.put(key, left, seconds=left.seconds, nbytes=left.nbytes)
                else:
                    self._cache.did(Work(seconds_saved=left.seconds))
                return output
        return self._call("fit_transform", X, *args, **params)

    def transform(self, X: Any, *args: Any, **params: Any) -> Any:
        """Transform, or give what this transformation gave before."""
        shares = self._key is not None and not args and not params
        data = self._cache.lineage.key(X) if shares else None
        if data is None:
            return self._pass(self._call("transform", X, *args, **params), X)
        key = _joined("transformed", self._key, data)
        if (kept := self._recall(key)) is not None:
            _, output, seconds = kept
            self._cache.did(Work(seconds_saved=seconds))
            return self._hand_out(output, key)
        before = self._around(X)
        start = time.perf_counter()
        output = self._call("transform", X)
        if self._is_touched(X, output, before, X):
            return self._pass(output, X)
        return self._keep(key, (None, output), time.perf_counter() - start)

    def _call(self, method: str, *args: Any, **params: Any) -> Any:
        """Call a method of the class, which meets its own methods when it calls others."""
        self._take_off()
        try:
            return getattr(self._own, method)(*args, **params)
        finally:
            self.put_on()

    def _take_off(self) -> None:
        for name in _METHODS:
            vars(self._own).pop(name, None)

    def _around(self, given: Any) -> tuple[str, str] | None:
        """Return keys of what code that is not known may change; None where one has none."""
        key = None if self._known else content(given)
        return None if key is None else (key, drawn_from_all())

    def _is_touched(self, X: Any, output: Any, before: Any, given: Any) -> bool:
        """Whether the input was written to, or will be by whoever writes to the output.

        So it is with generators that all share: who draws from them moves them for others.
        """
        if self._private and _overlap(X, output):
            return True
        return not self._known and (before is None or before != self._around(given))

    def _pass(self, output: Any, *given: Any) -> Any:
        """Hand on what is not kept; whatever was given may have been written to."""
        if not (self._known and self._shares):
            for value in (*given, output):
                self._cache.lineage.unmark(value)
        return output

    def _recall(self, key: str) -> Any:
        """Return what is kept under a key, if it may be used."""
        return self._cache.get(key) if self._is_proven(key) else None

    def _is_proven(self, key: str) -> bool:
        return self._known or self._cache.proven.get(key, False)

    def _keep(self, key: str, kept: tuple[Any, Any], seconds: float) -> Any:
        """Keep what was computed; of code that is not known, compare it with the last time."""
        state, output = kept
        proven = self._cache.proven
        if not self._known and (earlier := self._cache.get(key)) is not None:
            same = None is not content(output) == content(earlier[1])
            proven[key] = proven.get(key, True) and same
        else:
            held = copy.deepcopy(output) if self._private or issparse(output) else output
            self._cache.put(key, (state, held, seconds), seconds=seconds)
        return self._hand_out(output, key)

    def _again(self) -> Any:
        """Clone: what fits clones of its parts fits these."""
        self._take_off()
        try:
            twin = clone(self._own)
        finally:
            self.put_on()
        _share_step(twin, self._cache, self._private)
        return twin

    def _stage_key(self, given: Sequence[Any]) -> str | None:
        if not self._shares or self._code is None:
            return None
        keys = [self._code, *map(self._cache.lineage.key, given)]
        return None if None in keys else _joined("step", *keys)

    def _hand_out(self, output: Any, key: str) -> Any:
        if self._private or issparse(output):  # scikit-learn sorts sparse matrices in place
            output = copy.deepcopy(output)
        elif isinstance(output, np.ndarray):
            output.flags.writeable = False
        if self._is_proven(key):
            self._cache.lineage.mark(output, f"{key} output")
        return output


def _overlap(X: Any, output: Any) -> bool:
    """Whether two things have memory in common."""
    if isinstance(X, np.ndarray) and isinstance(output, np.ndarray):
        return np.may_share_memory(X, output)
    if issparse(X) and issparse(output):
        mine, theirs = ([v for v in vars(m).values() if hasattr(v, "flags")] for m in (X, output))
        return any(np.may_share_memory(a, b) for a in mine for b in theirs)
    return X is output


@dataclass(frozen=True)
class _Last:
    """The fit of a last step, by way of the cache; nobody sees it once it has run."""

    own: Any
    cache: StageCache
    family: Family | None

    def fit(self, X: Any, y: Any = None, **params: Any) -> Any:
        vars(self.own).pop("fit", None)
        key = None if self.family is None else self._key(X, y, params)
        if self.family is None or key is None:
            fit_alone(self.own, X, y, params)
            self.cache.did(Work(fits=1))
            return self.own
        kept: Kept | None = self.cache.get(key)
        self.cache.run = key if self.family.whole else None
        try:
            left, work = self.family.fit(self.own, X, y, params, kept)
        except BaseException:
            self.cache.drop(key)  # it may have been changed half-way
            raise
        if left is not kept:
            self.cache.put(key, left, seconds=left.seconds, nbytes=left.nbytes)
        self.cache.did(work)
        return self.own

    def _key(self, X: Any, y: Any, params: dict[str, Any]) -> str | None:
        assert self.family is not None
        lineage = self.cache.lineage
        keys = [
            own_key(self.own, self.family.free),
            lineage.key(X),
            lineage.key(y),
            lineage.key(params),
        ]
        return None if None in keys else _joined("last", *keys)


def own_key(estimator: Any, free: frozenset[str] = frozenset()) -> str | None:
    """Return the key of an estimator's class and parameters, but for those that are free.

    Parameters
    ----------
    estimator : estimator object
        Not fitted.
    free : frozenset of str, default=frozenset()
        Names to leave out.

    Returns
    -------
    str or None
        None where a parameter's content cannot be told.
    """
    params = params_of(estimator)
    # Nets take whatever is put upon them for a parameter.
    left_out = free | {CONTEXT}
    fixed = {name: value for name, value in params.items() if name not in left_out}
    kept = {name: vars(estimator).get(name) for name in _KEPT_BY_CLONE}
    try:
        return digest((type(estimator), fixed, kept))
    except UnkeyableError:
        return None


_KEPT_BY_CLONE = ("_metadata_request", "_sklearn_output_config")


def _joined(*parts: Any) -> str:
    return digest(parts)
