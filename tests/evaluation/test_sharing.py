"""Which parts of an estimator go through the cache, and what comes of it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.model_selection import KFold
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from tunesmith.evaluation.crossval import CrossValidation
from tunesmith.evaluation.sharing import itinerary, share
from tunesmith.evaluation.stages import StageCache
from tunesmith.trial import Job, State

X, y = load_iris(return_X_y=True)
SPLITS = list(KFold(2, shuffle=True, random_state=0).split(X))


class Noisy(TransformerMixin, BaseEstimator):
    """Draws from a generator that nobody can seed, and remembers what it gave."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        self.gave_ = X + np.random.default_rng().normal(size=X.shape)
        return self.gave_


class Duck:
    """A transformer that is no `BaseEstimator`."""

    def get_params(self, deep=True):
        return {}

    def set_params(self, **params):
        return self

    def fit(self, X, y=None):
        return self

    def fit_transform(self, X, y=None):
        return X + 1

    def transform(self, X):
        return X + 1


class Seeing(GaussianNB):
    def predict(self, X):
        self.seen_ = X
        return super().predict(X)


def run(estimator, params, scorer=lambda estimator, X, y: estimator.score(X, y), X=X):
    evaluate = CrossValidation(estimator, X, y, SPLITS, scorer)
    cache = StageCache()
    outcomes = [
        evaluate(Job(trial, split, candidate), cache)
        for trial, candidate in enumerate(params)
        for split in range(len(SPLITS))
    ]
    assert all(outcome.state is State.COMPLETED for outcome in outcomes)
    return outcomes


def total(outcomes, name):
    return sum(getattr(outcome.work, name) for outcome in outcomes)


def test_what_chance_has_a_part_in_is_no_beginning_for_others():
    def fits_together(estimator, X, y):
        estimator.predict(X)
        fitted = clone(estimator[1]).set_output().fit(estimator[1].transform(X))
        again = estimator[1].transform(estimator[0].gave_)
        return float(np.array_equal(again, estimator[-1].seen_) and fitted is not None)

    chain = make_pipeline(Noisy(), StandardScaler(), Seeing())
    outcomes = run(chain, [{"seeing__var_smoothing": v} for v in (0.1, 0.2, 0.3)], fits_together)
    assert [outcome.test_scores for outcome in outcomes] == [1.0] * 6
    assert total(outcomes, "steps_run") == total(outcomes, "steps_asked") == 12


def test_a_transformer_of_ones_own_is_shared_once_it_has_given_the_same_twice():
    chain = make_pipeline(Duck(), StandardScaler(), SVC())
    outcomes = run(chain, [{"svc__C": c} for c in (0.1, 1, 10, 100)])
    runs = [outcome.work.steps_run for outcome in outcomes[::2]]
    assert runs == [2, 1, 0, 0] or runs == [2, 2, 0, 0] or runs == [2, 2, 1, 0]


def test_clones_of_what_is_shared_are_what_they_would_be():
    chain = make_pipeline(Duck(), StandardScaler(), RandomForestClassifier(2, random_state=0))
    assert share(chain, StageCache())
    twin = clone(chain)
    assert type(twin[0]) is Duck
    np.testing.assert_array_equal(twin.fit(X, y).predict(X), clone(twin).fit(X, y).predict(X))


def test_a_fitted_last_step_bears_no_trace():
    forest = RandomForestClassifier(2, random_state=0)
    share(forest, StageCache())
    forest.fit(X, y)
    assert "fit" not in vars(forest)


@pytest.mark.parametrize(
    ("estimator", "takes_part"),
    [
        (SVC(), False),
        (RandomForestClassifier(random_state=0), True),
        (RandomForestClassifier(), False),
        (make_pipeline(SVC()), False),
        (make_pipeline(StandardScaler(), SVC()), True),
        (make_pipeline("passthrough", SVC()), False),
        (make_pipeline(StandardScaler(), SVC(), memory="folder"), False),
    ],
)
def test_what_takes_part(estimator, takes_part):
    assert share(clone(estimator), StageCache()) is takes_part
    route = itinerary(estimator)
    assert bool(route.stages or route.run) is takes_part


def test_forests_of_one_run_have_one_route():
    small, large, other = (
        itinerary(make_pipeline(StandardScaler(), RandomForestClassifier(n, random_state=seed)))
        for n, seed in [(2, 0), (9, 0), (9, 1)]
    )
    assert (small.stages, small.run) == (large.stages, large.run)
    assert other.stages == small.stages
    assert other.run != small.run
    assert large.rank < small.rank
    assert large.cost > small.cost


def test_sparse_outputs_are_handed_out_as_copies():
    codes = (X.mean(axis=0) < X).astype(int)
    seen = []

    def looking(estimator, X, y):
        seen.append(estimator[:-1].transform(X))
        return estimator.score(X, y)

    run(make_pipeline(OneHotEncoder(), SVC()), [{"svc__C": c} for c in (1, 2)], looking, codes)
    assert all(sparse.issparse(output) for output in seen)
    assert len({id(output.data) for output in seen}) == len(seen)


def test_equal_steps_are_fitted_once():
    chain = make_pipeline(StandardScaler(), SelectKBest(k=2), SVC())
    params = [{"selectkbest__k": k, "svc__C": c} for k in (1, 2) for c in (1, 2, 3)]
    outcomes = run(chain, params)
    assert total(outcomes, "steps_asked") == 2 * 6 * 2
    assert total(outcomes, "steps_run") == 2 * (1 + 2)
    assert total(outcomes, "fits") == 12


@pytest.mark.parametrize("ends_run", [True, False])
def test_nothing_is_kept_of_a_run_that_is_over(ends_run):
    forest = RandomForestClassifier(random_state=0)
    evaluate = CrossValidation(forest, X, y, SPLITS, lambda estimator, X, y: 0.0)
    cache = StageCache()
    evaluate(Job(0, 0, {"n_estimators": 20}), cache)
    held = cache.nbytes
    outcome = evaluate(Job(1, 0, {"n_estimators": 10}, ends_run=ends_run), cache)
    assert outcome.work.fits == 0
    assert (cache.nbytes < held / 2) == ends_run


class Power(TransformerMixin, BaseEstimator):
    def __init__(self, _power=1):
        self._power = _power

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X**self._power


def test_parameters_with_an_underscore_count():
    def first(estimator, X, y):
        return estimator[0].transform(X)[0, 0]

    params = [{"power___power": power} for power in (1, 1, 2, 1, 2)]
    pipeline = Pipeline([("power", Power()), ("model", GaussianNB())])
    scores = [outcome.test_scores for outcome in run(pipeline, params, first)]
    expected = [X[test][0, 0] ** power for power in (1, 1, 2, 1, 2) for _, test in SPLITS]
    assert scores == expected
