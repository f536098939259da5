"""Law of sharing: it changes no bit of any score, whatever is shared and in whatever order."""

from __future__ import annotations

import warnings
from itertools import product

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sklearn.metrics import check_scoring
from sklearn.model_selection import KFold, ShuffleSplit

from tests.property.sharing_cases import CASES, SCORERS, WEIGHTS
from tunesmith.evaluation.crossval import CrossValidation
from tunesmith.evaluation.stages import LIMIT, StageCache
from tunesmith.trial import Job

SPLITS = [KFold(2), ShuffleSplit(3, test_size=0.4, random_state=1)]
OPTIONS = st.fixed_dictionaries(
    {
        "return_train_score": st.booleans(),
        "limit": st.sampled_from([LIMIT, 60_000, 5_000, 1]),
        "weighted": st.booleans(),
        "scoring": st.integers(0, 2),
        "cv": st.sampled_from(SPLITS),
        "seed": st.integers(0, 2**31 - 1),
    }
)


def evaluator(case, options, sharing):
    tags = case.estimator.__sklearn_tags__()
    scorings = SCORERS[tags.estimator_type or "transformer"]
    scoring = scorings[options["scoring"] % len(scorings)]
    splits = list(options["cv"].split(case.y))
    weights = {case.weights: WEIGHTS} if case.weights and options["weighted"] else {}
    return CrossValidation(
        case.estimator,
        case.X.copy() if hasattr(case.X, "copy") else case.X,
        case.y.copy(),
        splits,
        check_scoring(case.estimator, scoring),
        fit_params=weights,
        return_train_score=options["return_train_score"],
        seeds=[(options["seed"] + 7 * split) % 2**31 for split in range(len(splits))],
        sharing=sharing,
    )


def scores(evaluate, jobs, limit=LIMIT):
    np.random.seed(0)
    cache = StageCache(limit)
    found = {}
    for job in jobs:
        outcome = evaluate(job, cache)
        found[job.trial, job.split] = outcome.state, outcome.test_scores, outcome.train_scores
    return found


def check(case, folder, data):
    options = data.draw(OPTIONS)
    grid = [dict(zip(case.space, values, strict=True)) for values in product(*case.space.values())]
    if "memory" in case.space:
        grid = [{**params, "memory": params["memory"] and folder} for params in grid]
    chosen = data.draw(st.lists(st.sampled_from(grid), min_size=2, max_size=6))
    pairs = product(range(len(chosen)), range(options["cv"].get_n_splits()))
    jobs = [Job(trial, split, chosen[trial]) for trial, split in pairs]
    order = data.draw(st.permutations(jobs))
    with warnings.catch_warnings(action="ignore"):
        alone = scores(evaluator(case, options, "off"), order if case.ordered else jobs)
        shared = scores(evaluator(case, options, "exact"), order, options["limit"])
    for place, expected in alone.items():
        np.testing.assert_equal(shared[place], expected)


NAMES = [f"{n} {type(case.estimator).__name__}" for n, case in enumerate(CASES)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(tmp_path_factory.mktemp("memory"))


@pytest.mark.parametrize("case", CASES, ids=NAMES)
@settings(max_examples=2, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(data=st.data())
def test_sharing_changes_no_bit(case, folder, data):
    check(case, folder, data)


@pytest.mark.long
@pytest.mark.parametrize("case", CASES, ids=NAMES)
@settings(max_examples=4, deadline=None)
@given(data=st.data())
def test_sharing_changes_no_bit_however_long_one_looks(case, folder, data):
    check(case, folder, data)
