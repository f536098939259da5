from __future__ import annotations

import time
import warnings
from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest

from tunesmith.compat.hyperopt import (
    STATUS_OK,
    Domain,
    FMinIter,
    Trials,
    anneal,
    atpe,
    fmin,
    fmin_pass_expr_memo_ctrl,
    generate_trials_to_calculate,
    hp,
    mix,
    rand,
    space_eval,
    tpe,
)
from tunesmith.compat.hyperopt import partial as marked_partial
from tunesmith.compat.hyperopt.early_stop import no_progress_loss
from tunesmith.compat.hyperopt.exceptions import AllTrialsFailed, InvalidAnnotatedParameter
from tunesmith.compat.hyperopt.pyll import rec_eval
from tunesmith.exceptions import TunesmithError

SPACE = {"x": hp.uniform("x", -5, 5), "c": hp.choice("c", ["a", "b"])}


POINT = {"x": 1.0, "c": 1}


def of_hyperopt(new_ids, domain, trials, seed):
    return []


of_hyperopt.__module__ = "hyperopt.tpe"


def loss(point):
    return (point["x"] - 3) ** 2 + (point["c"] == "a")


def quiet(function=loss, space=SPACE, algo=rand.suggest, max_evals=20, seed=0, **options):
    options = {"rstate": np.random.default_rng(seed), "show_progressbar": False} | options
    return fmin(function, space, algo, max_evals=max_evals, **options)


@pytest.mark.parametrize(
    "algo",
    [
        rand.suggest,
        tpe.suggest,
        anneal.suggest,
        atpe.suggest,
        partial(tpe.suggest, n_startup_jobs=5, n_EI_candidates=24),
        partial(mix.suggest, p_suggest=[(0.3, rand.suggest), (0.7, tpe.suggest)]),
        None,
    ],
)
def test_each_algorithm_gives_the_same_for_the_same_seed(algo):
    first = Trials()
    best = quiet(algo=algo, trials=first, max_evals=30)
    second = Trials()
    assert quiet(algo=algo, trials=second, max_evals=30) == best
    assert first.vals == second.vals
    assert abs(best["x"] - 3) < 1


@pytest.mark.parametrize("algo", [tpe.suggest, anneal.suggest, atpe.suggest])
def test_algorithms_that_learn_beat_random_draws(algo):
    def mean(algo):
        return np.mean([loss(space_eval(SPACE, quiet(algo=algo, seed=s))) for s in range(8)])

    assert mean(algo) < mean(rand.suggest)


def test_no_point_is_tried_twice_before_all_have_been():
    trials = Trials()
    quiet(lambda n: n, hp.randint("n", 12), tpe.suggest, 12, trials=trials)
    assert sorted(trials.vals["n"]) == list(range(12))


def test_a_search_that_is_resumed_gives_what_one_run_gives():
    whole, parts = Trials(), Trials()
    quiet(algo=tpe.suggest, max_evals=24, trials=whole)
    generator = np.random.default_rng(0)
    for n in (5, 12, 24):
        quiet(algo=tpe.suggest, max_evals=n, trials=parts, rstate=generator)
    assert whole.vals == parts.vals


def test_indices_and_values():
    best = quiet()
    assert best["c"] in (0, 1)
    assert quiet(return_argmin=False) == space_eval(SPACE, best)


def test_points_are_tried_first_with_trials_and_without():
    points = [{"x": 3.0, "c": 1}, {"x": 1.0, "c": 0}]
    for trials in (None, Trials()):
        assert quiet(max_evals=4, points_to_evaluate=points, trials=trials) == points[0]
    assert trials.vals["x"][:2] == [3.0, 1.0]
    assert len(trials) == 4
    quiet(max_evals=6, points_to_evaluate=points, trials=trials)
    assert trials.vals["x"].count(3.0) == 1


def test_points_may_lie_outside_and_are_not_learnt_from():
    trials = generate_trials_to_calculate([{"x": -100.0, "c": 0}])
    best = quiet(lambda p: p["x"], algo=partial(tpe.suggest, n_startup_jobs=3), trials=trials)
    assert best["x"] == -100.0
    assert min(trials.vals["x"][1:]) >= -5


def test_trials_under_way_are_told_apart():
    trials = Trials()
    quiet(algo=partial(tpe.suggest, n_startup_jobs=4), trials=trials, max_queue_len=5)
    assert len(set(trials.vals["x"])) == 20


def test_an_exception_ends_the_search_or_is_kept():
    def explode(point):
        if point["c"] == "a":
            raise ZeroDivisionError("on purpose")
        return 1.0

    trials = Trials()
    with pytest.raises(ZeroDivisionError):
        quiet(explode, trials=trials)
    assert trials._dynamic_trials[-1]["misc"]["error"][1] == "on purpose"
    trials = Trials()
    quiet(explode, trials=trials, catch_eval_exceptions=True, algo=tpe.suggest)
    assert 0 < len(trials) < 20
    assert len(trials._dynamic_trials) == 20


def test_a_search_ends_by_time_loss_or_lack_of_progress():
    trials = Trials()
    start = time.monotonic()
    quiet(lambda p: time.sleep(0.02) or 1.0, max_evals=None, timeout=0.1, trials=trials)
    assert time.monotonic() - start < 2
    assert 1 <= len(trials) <= 6
    trials = Trials()
    quiet(loss_threshold=0.5, max_evals=None, trials=trials)
    assert trials.losses()[-1] < 0.5
    assert min([*trials.losses()[:-1], 1.0]) >= 0.5
    trials = Trials()
    quiet(max_evals=500, early_stop_fn=no_progress_loss(7), trials=trials)
    best = int(np.argmin(trials.losses()))
    assert len(trials) == best + 8


def test_a_first_trial_ends_nothing():
    trials = Trials()
    losses = iter([3.0, 2.0, 1.0, 1.0, 0.0])
    stop = no_progress_loss(1)
    quiet(lambda p: next(losses), max_evals=5, early_stop_fn=stop, trials=trials)
    assert trials.losses() == [3.0, 2.0, 1.0, 1.0]


def test_progress_is_measured_in_per_cent():
    stop = no_progress_loss(2, percent_increase=10.0)
    losses = iter([1.0, 0.95, 0.92, 0.5])
    trials = Trials()
    quiet(lambda p: next(losses), max_evals=4, early_stop_fn=stop, trials=trials)
    assert trials.losses() == [1.0, 0.95]


def test_a_function_may_take_the_expression_itself():
    @fmin_pass_expr_memo_ctrl
    def function(expr, memo, ctrl, more=0):
        ctrl.attachments["kept"] = more
        return {"loss": rec_eval(expr, memo=memo)["x"] ** 2, "status": STATUS_OK}

    trials = Trials()
    best = quiet(marked_partial(function, more=5), trials=trials)
    assert best["x"] ** 2 == min(trials.losses())
    assert trials.trial_attachments(trials.trials[0])["kept"] == 5


def test_the_space_may_stand_in_annotations():
    def function(x: hp.uniform("x", -5, 5), c: hp.choice("c", [1, 2])):
        return x**2 + c

    assert quiet(function, "annotated").keys() == {"x", "c"}

    def lacking(x: hp.uniform("x", -5, 5), y: float):
        return x

    with pytest.raises(InvalidAnnotatedParameter, match="'y' is annotated with"):
        quiet(lacking, "annotated")


def test_whatever_can_be_called_may_be_annotated():
    class Model:
        def __call__(self, x: hp.uniform("x", 0, 1), scale=2.0):
            return x * scale

    def shifted(by, x: hp.uniform("x", 0, 1), n: hp.randint("n", 3) = 0):
        return x + by + n

    for function in (Model(), Model().__call__, partial(shifted, 1.0, n=2)):
        assert quiet(function, "annotated").keys() == {"x"}
    with pytest.raises(InvalidAnnotatedParameter, match=r"no argument of .* is annotated"):
        quiet(lambda: 1.0, "annotated")
    with pytest.raises(InvalidAnnotatedParameter, match="'by' is annotated with nothing"):
        quiet(shifted, "annotated")
    with pytest.raises(TypeError, match="is no function"):
        quiet(3, "annotated")


@pytest.mark.parametrize("size", [1e308, 1e-308])
def test_losses_and_ranges_may_be_of_any_size(size):
    space = {"x": hp.uniform("x", -1e300, 1e300)}
    best = quiet(lambda p: size if p["x"] > 0 else -size, space, tpe.suggest, max_evals=30)
    assert best["x"] <= 0


def test_trials_that_failed_count_when_a_search_goes_on():
    def function(point):
        if point["x"] < 0:
            raise ValueError
        return point["x"]

    trials = Trials()
    for n in (8, 8, 14, 20):
        quiet(function, max_evals=n, trials=trials, catch_eval_exceptions=True)
        assert len(trials._dynamic_trials) == n
    assert 0 < len(trials) < 20
    assert quiet(function, max_evals=0, trials=trials) == trials.argmin


def test_progress_may_be_switched_off_by_what_is_false(capsys):
    for value in (0, None):
        quiet(max_evals=2, show_progressbar=value)
    assert capsys.readouterr() == ("", "")


def test_values_may_be_a_row_of_a_table():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    assert space_eval(SPACE, pandas.Series({"x": 0.5, "c": 1})) == {"x": 0.5, "c": "b"}


def test_an_algorithm_of_hyperopts_parts_is_told_what_to_write():
    def algorithm(new_ids, domain, trials, seed):
        return domain.s_idxs_vals

    with pytest.raises(AttributeError, match="documents_of"):
        quiet(algo=algorithm)
    with pytest.raises(TypeError, match="has to return a list of documents"):
        quiet(algo=lambda *args: None)


def test_steps_take_all_of_hyperopts_arguments():
    steps = FMinIter(
        rand.suggest, Domain(loss, SPACE), Trials(), np.random.default_rng(0), False, 1, 0.1, 3
    )
    assert len(steps.exhaust().trials) == 3


@pytest.mark.parametrize("rstate", [np.random.RandomState(0), 3, np.int64(3)])
def test_older_generators_and_seeds_do(rstate):
    assert quiet(rstate=rstate).keys() == {"x", "c"}


def test_the_seed_may_stand_in_the_environment(monkeypatch):
    monkeypatch.setenv("HYPEROPT_FMIN_SEED", "5")
    assert quiet(rstate=None) == quiet(rstate=None) == quiet(seed=5)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"timeout": -1}, ValueError, "timeout argument"),
        ({"loss_threshold": "a"}, ValueError, "or a numeric value. Given value: a$"),
        ({"max_evals": -1}, ValueError, "max_evals argument"),
        ({"max_evals": 2.5}, ValueError, "a whole number"),
        ({"max_evals": 0}, AllTrialsFailed, "there are no trials"),
        ({"max_queue_len": True}, ValueError, "max_queue_len argument"),
        ({"algo": "tpe"}, TypeError, "algo='tpe' cannot be called"),
        ({"function": "loss"}, TypeError, "fn='loss' is no function"),
        ({"function": hp.uniform("x", 0, 1)}, TypeError, "fn=.*is no function"),
        ({"trials": []}, TypeError, "are no trials; give Trials"),
        ({"rstate": "a"}, TypeError, "no generator"),
        ({"points_to_evaluate": {"x": 1}}, TypeError, "list of dicts"),
        ({"points_to_evaluate": [{"y": 1}]}, ValueError, "'y' is no hyperparameter"),
        ({"points_to_evaluate": [{"c": "b"}]}, TypeError, "'c' has to be a number"),
        ({"points_to_evaluate": [POINT, {"x": 1}]}, TunesmithError, r"\[1\]: there is no .* 'c'"),
        ({"points_to_evaluate": [POINT, {"x": 1, "c": 2}]}, TunesmithError, "no 2"),
        ({"points_to_evaluate": [{"x": 1, "c": 0.5}]}, TunesmithError, "no 0.5"),
        ({"algo": lambda: []}, TypeError, "cannot be called with new ids"),
        ({"algo": partial(rand.suggest, gamma=1)}, TypeError, "'gamma'"),
        ({"algo": partial(tpe.suggest, n_startup_jobs="a")}, ValueError, "n_startup_jobs has to"),
        ({"algo": partial(tpe.suggest, n_EI_candidates=-1)}, ValueError, "n_EI_candidates has to"),
        ({"algo": of_hyperopt}, TypeError, "import it from tunesmith.compat.hyperopt"),
        ({"early_stop_fn": no_progress_loss}, TypeError, r"write no_progress_loss\(\)"),
        ({"early_stop_fn": 3}, TypeError, "early_stop_fn=3 cannot be called"),
    ],
)
def test_an_argument_that_is_none_is_told_before_anything_runs(options, error, words):
    def never(point):
        raise AssertionError

    with pytest.raises(error, match=words):
        quiet(**{"function": never} | options)


def test_what_ends_a_search_early_returns_two_values():
    trials = Trials()
    with pytest.raises(TypeError, match="returned True; it has to return whether"):
        quiet(early_stop_fn=lambda trials: True, trials=trials)
    assert len(trials) == 1


def test_what_an_algorithm_does_not_use_is_said():
    for algo, name in ((tpe, "gamma"), (tpe, "prior_weight"), (anneal, "shrink_coef")):
        with pytest.warns(UserWarning, match=f"does not use {name}"):
            quiet(algo=partial(algo.suggest, **{name: 0.3}), max_evals=1)


def test_mix_needs_chances_that_sum_to_one():
    with pytest.raises(ValueError, match="sum to 1"):
        quiet(algo=partial(mix.suggest, p_suggest=[(0.3, rand.suggest)]))


def test_an_algorithm_of_the_users_own():
    def alternate(new_ids, domain, trials, seed):
        values = [{"x": float(tid), "c": tid % 2} for tid in new_ids]
        return trials.documents_of(new_ids, values, domain.params) if len(trials) < 3 else []

    trials = Trials()
    quiet(algo=alternate, trials=trials)
    assert trials.vals["x"] == [0.0, 1.0, 2.0]


def test_progress_goes_to_a_callback_of_the_users():
    told = []

    class Meter:
        postfix = ""

        def update(self, n):
            told.append((n, self.postfix))

    @contextmanager
    def callback(initial, total):
        told.append((initial, total))
        yield Meter()

    trials = Trials()
    quiet(max_evals=3, show_progressbar=callback, trials=trials)
    assert told[0] == (0, 3)
    assert [n for n, _ in told[1:]] == [1, 1, 1]
    assert told[-1][1] == f"best loss: {min(trials.losses())}"


def test_nothing_is_shown_in_a_short_search(capsys):
    quiet(lambda p: print("said") or 1.0, max_evals=2, show_progressbar=True)
    assert capsys.readouterr() == ("said\nsaid\n", "")


def test_a_search_can_be_run_step_by_step():
    domain = Domain(loss, SPACE)
    steps = FMinIter(rand.suggest, domain, Trials(), np.random.default_rng(0), max_evals=3)
    assert [len(trials) for trials in steps] == [1, 2, 3]
    assert steps.exhaust() is steps


def test_errors_belong_to_the_tree():
    from tunesmith.compat.hyperopt import exceptions

    for name in ("AllTrialsFailed", "BadSearchSpace", "DuplicateLabel", "InvalidLoss"):
        assert issubclass(getattr(exceptions, name), TunesmithError)


def test_mongo_points_to_postgresql():
    from tunesmith.compat.hyperopt.mongoexp import MongoTrials

    with pytest.raises(TunesmithError, match="postgresql"):
        MongoTrials("mongo://localhost:1234/db/jobs", exp_key="a")


def test_warnings_of_spaces_are_none():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quiet(lambda p: p, hp.qlognormal("x", 0, 1, 1), tpe.suggest, 30)


def test_all_public_names_of_hyperopt_are_there():
    import hyperopt

    import tunesmith.compat.hyperopt as ours

    modules = {"atpe_models", "algobase", "criteria", "graph_viz", "ipy", "main", "rdists"}
    internal = {"std_out_err_redirect_tqdm", "utils", "vectorize", "version", "tests"}
    names = {name for name in dir(hyperopt) if not name.startswith("_")}
    missing = names - set(dir(ours)) - modules - internal - {"PackageNotFoundError"}
    assert not missing
