"""Have the parts of an estimator go through a worker's cache when they are fitted.

What takes part is found by walking an estimator: the steps of pipelines, the branches of
unions and column transformers, and last steps that belong to a family. Methods of these very
instances are replaced; scikit-learn's own code calls them and knows nothing of it.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache as memoised
from types import BuiltinFunctionType, FunctionType
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.metrics._scorer import _BaseScorer, _MultimetricScorer, _PassthroughScorer
from sklearn.pipeline import FeatureUnion, Pipeline

# These four register families.
import tunesmith.evaluation.ensembles
import tunesmith.evaluation.neighbours
import tunesmith.evaluation.projections
import tunesmith.evaluation.ridge  # noqa: F401
from tunesmith.evaluation import Route
from tunesmith.evaluation.families import Family, Kept, find_family, fit_alone, projection_of
from tunesmith.evaluation.lineage import Lineage
from tunesmith.evaluation.stages import StageCache
from tunesmith.exceptions import UnkeyableError
from tunesmith.keys import content_key
from tunesmith.keys.source import is_library, is_users
from tunesmith.trial import Work


def share(
    estimator: Any, cache: StageCache, *, rounding: bool = False, private: bool = False
) -> bool:
    """Have an estimator's fit go through a cache; return whether anything of it can be shared.

    Parameters
    ----------
    estimator : estimator object
        With all parameters set, not fitted; lives no longer than its job.
    cache : StageCache
        The worker's.
    rounding : bool, default=False
        Whether families take part that are equal only to rounding.
    private : bool, default=False
        Whether somebody may write to what is handed out.

    Returns
    -------
    bool
        False where nothing of it takes part, and it is as it was.
    """
    steps = list(_steps(estimator))
    private = private or not reads_only(estimator)
    for step in steps:
        _share_step(step, cache, private)
    last = last_step(estimator)
    takes_part = hasattr(last, "share")
    if takes_part:
        last.share(cache)
    family = find_family(last, rounding=rounding) if hasattr(last, "fit") else None
    if family is not None or (steps and hasattr(last, "fit")):
        vars(last)["fit"] = _Last(last, cache, family).fit
    return takes_part or family is not None or bool(steps)


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


def is_open(estimator: Any) -> bool:
    """Whether the parts of an estimator are fitted one by one, in this process."""
    kind = type(estimator)
    if kind is Pipeline:
        return estimator.memory is None
    return kind in (FeatureUnion, ColumnTransformer) and estimator.n_jobs in (None, 1)


def _inside(transformer: Any) -> list[Any]:
    """Return the transformers that a composite one fits, where none can disturb another."""
    if not is_open(transformer) or not reads_only(transformer):
        return []
    parts = {
        Pipeline: "steps",
        FeatureUnion: "transformer_list",
        ColumnTransformer: "transformers",
    }
    listed = getattr(transformer, parts[type(transformer)])
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
        self._key = key = self._stage_key(X, args, params)
        if (kept := self._recall(key)) is not None:
            state, output, seconds = kept
            vars(self._own).update(state)
            self._cache.did(Work(steps_asked=1, seconds_saved=seconds))
            return self._hand_out(output, key)
        saved = self._cache.work.seconds_saved
        before = None if self._known else content(X)
        start = time.perf_counter()
        output = self._fit_transform(X, args, params)
        # What a composite saved inside, it would have taken alone.
        seconds = time.perf_counter() - start + self._cache.work.seconds_saved - saved
        self._cache.did(Work(steps_asked=1, steps_run=1))
        if not self._known and before != content(X):
            self._key = key = None
        if key is None:
            return self._unknown(X, output)
        state = {k: v for k, v in vars(self._own).items() if k not in _METHODS}
        return self._keep(key, (state, output), seconds)

    def _fit_transform(self, X: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        """Fit and transform by way of the transformer's family, if it has one, or alone."""
        projection = projection_of(self._own)
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
        key = None if data is None else _joined("transformed", self._key, data)
        if (kept := self._recall(key)) is not None:
            _, output, seconds = kept
            self._cache.did(Work(seconds_saved=seconds))
            return self._hand_out(output, key)
        before = None if self._known else content(X)
        start = time.perf_counter()
        output = self._call("transform", X, *args, **params)
        seconds = time.perf_counter() - start
        if not self._known and before != content(X):
            key = None
        return (
            self._unknown(X, output) if key is None else self._keep(key, (None, output), seconds)
        )

    def _call(self, method: str, *args: Any, **params: Any) -> Any:
        """Call a method of the class, which meets its own methods when it calls others."""
        for name in _METHODS:
            vars(self._own).pop(name, None)
        try:
            return getattr(self._own, method)(*args, **params)
        finally:
            self.put_on()

    def _recall(self, key: str | None) -> Any:
        """Return what is kept under a key, if it may be used."""
        if key is None or not (self._known or self._cache.proven.get(key, False)):
            return None
        return self._cache.get(key)

    def _keep(self, key: str, kept: tuple[Any, Any], seconds: float) -> Any:
        """Keep what was computed; of code that is not known, compare it with the last time."""
        state, output = kept
        if not self._known and (earlier := self._cache.get(key)) is not None:
            self._cache.proven[key] = None is not content(output) == content(earlier[1])
        else:
            held = copy.deepcopy(output) if self._private else output
            self._cache.put(key, (state, held, seconds), seconds=seconds)
        return self._hand_out(output, key)

    def _unknown(self, X: Any, output: Any) -> Any:
        """Hand out what may be anything by now, as is what it was made from."""
        self._cache.lineage.unmark(X)
        self._cache.lineage.unmark(output)
        return output

    def _again(self) -> Any:
        """Clone: what fits clones of its parts fits these."""
        twin = self._call("__sklearn_clone__")
        _share_step(twin, self._cache, self._private)
        return twin

    def _stage_key(self, X: Any, args: Sequence[Any], params: dict[str, Any]) -> str | None:
        if not self._shares or self._code is None:
            return None
        lineage = self._cache.lineage
        keys = [self._code, *map(lineage.key, (X, *args, params))]
        return None if None in keys else _joined("step", *keys)

    def _hand_out(self, output: Any, key: str | None) -> Any:
        """Return a result, and say where it is from unless it might come out otherwise again."""
        if self._private:
            output = copy.deepcopy(output)
        elif isinstance(output, np.ndarray):
            output.flags.writeable = False
        if self._known or self._cache.proven.get(key or "", False):
            self._cache.lineage.mark(output, f"{key} output")
        else:
            self._cache.lineage.unmark(output)
        return output


@dataclass(frozen=True)
class _Last:
    """The fit of a last step, by way of the cache."""

    own: Any
    cache: StageCache
    family: Family | None

    def fit(self, X: Any, y: Any = None, **params: Any) -> Any:
        vars(self.own).pop("fit", None)  # from here on, whoever fits again fits alone
        key = None if self.family is None else self._key(X, y, params)
        if self.family is None or key is None:
            fit_alone(self.own, X, y, params)
            self.cache.did(Work(fits=1))
            return self.own
        kept: Kept | None = self.cache.get(key)
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


def content(value: Any) -> str | None:
    """Return the key of a value's content; None where it cannot be told."""
    return Lineage().key(value)


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
    fixed = {name: value for name, value in params.items() if name not in free}
    kept = {name: vars(estimator).get(name) for name in _KEPT_BY_CLONE}
    try:
        return content_key((type(estimator), fixed, kept)).digest
    except UnkeyableError:
        return None


_KEPT_BY_CLONE = ("_metadata_request", "_sklearn_output_config")


def parts(estimator: Any) -> Iterator[Any]:
    """Yield an estimator and all estimators among its parameters, lists of them included."""
    yield estimator
    for value in params_of(estimator).values():
        yield from _parts_in(value)


def _parts_in(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        for item in value:
            yield from _parts_in(item)
    elif hasattr(value, "get_params") and not isinstance(value, type):
        yield from parts(value)


def params_of(estimator: Any) -> Mapping[str, Any]:
    """Return an estimator's own parameters, as ``get_params(deep=False)`` does, but sooner."""
    if getattr(type(estimator), "get_params", None) is not BaseEstimator.get_params:
        params: dict[str, Any] = estimator.get_params(deep=False)
        return params
    names = _names(type(estimator))  # type: ignore[arg-type]
    return {name: getattr(estimator, name, None) for name in names}


@memoised
def _names(kind: Hashable) -> tuple[str, ...]:
    return tuple(kind._get_param_names())  # type: ignore[attr-defined]


def modules_of(estimator: Any) -> tuple[str, ...]:
    """Return the modules that an estimator needs, as far as importing them starts nothing."""
    home: str = type(estimator).__module__
    own = (home,) if home.partition(".")[0] in _QUIET else ()
    return (*own, *getattr(estimator, "needed_modules", ()))


_QUIET = ("sklearn", "tunesmith", "lightgbm", "skorch", "xgboost")


def writes(estimator: Any) -> bool:
    """Whether an estimator, or one inside it, is told to write to the data it is given."""
    return any(
        name.startswith("copy") and value is False
        for part in parts(estimator)
        for name, value in params_of(part).items()
    )


def reads_only(estimator: Any) -> bool:
    """Whether an estimator is known to leave alone the data it is given."""
    return is_known(estimator) and not writes(estimator)


def scores_only(scorer: Any) -> bool:
    """Whether a scorer runs no code but scikit-learn's, and so leaves alone what it is given."""
    if isinstance(scorer, _MultimetricScorer):
        return all(map(scores_only, scorer._scorers.values()))
    if isinstance(scorer, _BaseScorer):
        return not _is_foreign(scorer._score_func)
    return isinstance(scorer, _PassthroughScorer)


def is_known(estimator: Any) -> bool:
    """Whether an estimator runs no code but scikit-learn's and this project's."""
    for part in parts(estimator):
        library = type(part).__module__.partition(".")[0]
        if library == __name__.partition(".")[0]:  # its functions meet no data
            continue
        if library != "sklearn" or any(map(_is_foreign, params_of(part).values())):
            return False
    return True


def _is_foreign(value: Any) -> bool:
    """Whether a parameter is, or holds, code that is neither a library's function nor class."""
    if isinstance(value, list | tuple):
        return any(map(_is_foreign, value))
    if isinstance(value, Mapping):
        return any(map(_is_foreign, value.values()))
    if isinstance(value, type):
        return not is_library(value.__module__)
    if not callable(value) or hasattr(value, "get_params"):
        return False
    if isinstance(value, FunctionType | BuiltinFunctionType | np.ufunc):
        return is_users(value)
    return not type(value).__module__.startswith("sklearn.")


def _joined(*parts: Any) -> str:
    return content_key(parts).digest
