"""The loop: what each decision sees, and how a run ends."""

from __future__ import annotations

import math
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from tunesmith.engine import Engine
from tunesmith.evaluation import Route
from tunesmith.executors.futures import FuturesExecutor
from tunesmith.executors.inline import InlineExecutor, evaluate
from tunesmith.samplers import Suggestion
from tunesmith.samplers.fixed import FixedSampler
from tunesmith.schedulers import Continue, Done, Start, Stop
from tunesmith.schedulers.full import FullScheduler
from tunesmith.space import Float, Space
from tunesmith.trial import Ledger, Outcome, State

SPACE = Space.read({"x": Float(0, 1)})
N_SPLITS = 2
N_TRIALS = 24


@dataclass
class Climber:
    """Steps from the best known point; notes what it was shown."""

    adaptive: bool = True
    seen: list[Any] = field(default_factory=list)

    def suggest(self, space, history, rng):
        self.seen.append(history)
        u = rng.uniform()
        if history.known.any():
            means = np.nan_to_num(history.scores[history.known].mean(axis=1), nan=-1.0)
            best = int(np.argmax(means))
            # Every known score has a say, so that one more or one less shows at once.
            u = (history.encoded[best, 0] + 0.1 * u + means.sum()) % 1.0
        return Suggestion(space.decode(np.array([u])))


@dataclass(frozen=True)
class Parabola:
    """Scores a point, after a while or not at all, as its parameters say."""

    n_splits: int = N_SPLITS
    modules = ()
    fatal_trial: int | None = None
    slow: float = 0.0

    def __call__(self, job, cache):
        if job.trial == self.fatal_trial and job.split == 1:
            raise LookupError("the end")
        time.sleep(self.slow)
        score = -((job.params["x"] - 0.3) ** 2) + 0.01 * job.split
        return Outcome(job.trial, job.split, State.COMPLETED, test_scores=score)

    def failed(self, outcome):
        return replace(outcome, test_scores=math.nan)

    def routes(self, jobs):
        return [Route()] * len(jobs)


class Delayed:
    """Threads that take their time, each job another one."""

    spreads = False
    threads_per_worker = None

    def __init__(self, workers, seed=0):
        self.workers = workers
        self.left = False
        self._random = random.Random(seed)

    def __enter__(self):
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(self.workers)
        return self

    def run(self, bundle, on_outcome):
        for job in bundle.jobs:
            delay = self._random.choice([0.0, 0.0, 0.001, 0.004])
            self._pool.submit(self._work, bundle.evaluator, job, delay, on_outcome)

    def _work(self, evaluator, job, delay, on_outcome):
        if not self._stop.wait(delay):
            on_outcome(evaluate(evaluator, job))

    def __exit__(self, *exc):
        self._stop.set()
        self._pool.shutdown(cancel_futures=True)
        self.left = True


class Backwards(InlineExecutor):
    """Runs the jobs of each bundle here, the last one first."""

    def run(self, bundle, on_outcome):
        super().run(replace(bundle, jobs=bundle.jobs[::-1]), on_outcome)


@dataclass
class Memory:
    """A recorder that keeps outcomes by parameters, and knows those of an earlier run."""

    known: dict[tuple[float, int], Outcome] = field(default_factory=dict)
    recorded: list[Outcome] = field(default_factory=list)
    entered: list[int] = field(default_factory=list)
    _x: dict[int, float] = field(default_factory=dict)

    def recall(self, trials):
        for trial, params in trials:
            self.entered.append(trial)
            self._x[trial] = params["x"]
            for split in range(N_SPLITS):
                if found := self.known.get((params["x"], split)):
                    yield replace(found, trial=trial)

    def record(self, outcome):
        self.recorded.append(outcome)

    def kept(self, n):
        """Return what a run that begins anew finds of the first `n` outcomes."""
        return {(self._x[o.trial], o.split): o for o in self.recorded[:n]}


def engine(executor, *, evaluator=None, sampler=None, n_trials=N_TRIALS, seed=0, **more):
    evaluator = evaluator or Parabola()
    ledger = Ledger(
        evaluator.n_splits,
        SPACE.n_dimensions,
        lambda outcome: math.nan if outcome.test_scores is None else outcome.test_scores,
        SPACE.encode,
        seed,
    )
    return Engine(
        space=SPACE,
        sampler=sampler or Climber(),
        scheduler=FullScheduler(n_trials),
        evaluator=evaluator,
        executor=executor,
        ledger=ledger,
        **more,
    )


def suggestions(engine):
    return [params["x"] for params in engine.ledger.params]


def expected_suggestions(in_flight, seed=0):
    """Say, trial by trial and without the engine, what the sampler suggests."""
    sampler, xs = Climber(), []
    scores = np.empty((N_TRIALS, N_SPLITS))
    for number in range(N_TRIALS):
        n_known = max(0, number - in_flight + 1)
        known = np.arange(number) < n_known
        visible = np.where(known[:, None], scores[:number], math.nan)
        encoded = np.array(xs).reshape(-1, 1)
        history = type("View", (), {"known": known, "scores": visible, "encoded": encoded})
        rng = np.random.default_rng([seed, number])
        params = sampler.suggest(SPACE, history, rng).params
        xs.append(params["x"])
        for split in range(N_SPLITS):
            score = -((params["x"] - 0.3) ** 2) + 0.01 * split
            scores[number, split] = score
    return xs


@pytest.mark.parametrize("in_flight", [1, 2, 4])
def test_any_number_of_workers_gives_the_same_suggestions(in_flight):
    expected = expected_suggestions(in_flight)
    executors = [
        InlineExecutor(),
        Backwards(),
        *(Delayed(workers, seed) for workers in (1, 2, 4) for seed in (0, 1)),
    ]
    for executor in executors:
        search = engine(executor, in_flight=in_flight)
        assert search.run()
        assert suggestions(search) == expected
        assert len(search.ledger.outcomes) == N_TRIALS * N_SPLITS


@dataclass(frozen=True)
class Halves:
    """Stops what does worse after its first split than the best of what is known."""

    n_trials: int = N_TRIALS
    adaptive: bool = True

    def next(self, history):
        return Start() if history.number < self.n_trials else Done()

    def judge(self, history):
        scores = history.scores[:, 0]
        return Better(np.nanmax(scores)) if np.isfinite(scores).any() else None


@dataclass(frozen=True)
class Better:
    bound: float

    def __call__(self, reports):
        return Stop() if reports[-1] < (0, self.bound) else Continue()


def judged(executor, **more):
    search = engine(executor, **more)
    search.scheduler = Halves()
    return search


def outcomes(search):
    found = search.ledger.outcomes
    return {place: (found[place].state, found[place].test_scores) for place in sorted(found)}


@pytest.mark.parametrize("in_flight", [1, 2, 4])
def test_any_number_of_workers_stops_the_same_trials(in_flight):
    alone = judged(InlineExecutor(), in_flight=in_flight)
    assert alone.run()
    pruned = {place for place, (state, _) in outcomes(alone).items() if state is State.PRUNED}
    assert len(alone.ledger.outcomes) == N_TRIALS * N_SPLITS
    assert 0 < len(pruned) < N_TRIALS
    assert {split for _, split in pruned} == {1}
    for executor in [Backwards(), *(Delayed(n, seed) for n in (1, 2, 4) for seed in (0, 1))]:
        search = judged(executor, in_flight=in_flight)
        assert search.run()
        assert suggestions(search) == suggestions(alone)
        assert str(outcomes(search)) == str(outcomes(alone))


def test_a_trial_that_is_judged_runs_one_split_at_a_time():
    CALLS.clear()
    search = judged(Delayed(4), evaluator=Counted(), in_flight=None)
    assert search.run()
    for trial in range(N_TRIALS):
        ran = [split for number, split in CALLS if number == trial]
        first = search.ledger.outcomes[trial, 1].state is State.PRUNED
        assert sorted(ran) == ([0] if first else [0, 1])
    assert len(CALLS) < N_TRIALS * N_SPLITS


@pytest.mark.parametrize("stop", [0, 1, 5, 20])
def test_a_resumed_run_stops_the_same_trials(stop):
    first = Memory()
    whole = judged(Delayed(2, seed=stop), in_flight=3, recorder=first)
    whole.run()
    assert all(outcome.state is State.COMPLETED for outcome in first.recorded)
    CALLS.clear()
    second = Memory(known=first.kept(stop))
    resumed = judged(Delayed(3, seed=9), evaluator=Counted(), in_flight=3, recorder=second)
    assert resumed.run()
    assert str(outcomes(resumed)) == str(outcomes(whole))
    assert len(CALLS) == len(first.recorded) - stop


def test_a_deadline_that_passes_between_two_splits():
    search = judged(
        InlineExecutor(), evaluator=Parabola(slow=0.02), deadline=time.monotonic() + 0.15
    )
    assert search.run() is False
    assert 0 < len(search.ledger.outcomes) < N_TRIALS * N_SPLITS


def test_the_window_and_the_seed_change_the_suggestions():
    assert expected_suggestions(1) != expected_suggestions(2) != expected_suggestions(4)
    search = engine(InlineExecutor(), seed=5)
    search.run()
    assert suggestions(search) == expected_suggestions(1, seed=5) != expected_suggestions(1)


@pytest.mark.parametrize("in_flight", [1, 2, 4, 100])
@pytest.mark.parametrize(
    "executor", [InlineExecutor(), Backwards(), Delayed(3)], ids=lambda each: type(each).__name__
)
def test_what_a_decision_sees(executor, in_flight):
    search = engine(executor, in_flight=in_flight)
    search.run()
    final = search.ledger.view(N_TRIALS)
    assert np.isfinite(final.scores).all()
    assert len(search.sampler.seen) == N_TRIALS
    for number, history in enumerate(search.sampler.seen):
        n_known = max(0, number - in_flight + 1)
        assert history.number == number
        assert history.params == final.params[:number]
        np.testing.assert_array_equal(history.encoded, final.encoded[:number])
        assert history.known.tolist() == [n < n_known for n in range(number)]
        np.testing.assert_array_equal(history.scores[:n_known], final.scores[:n_known])
        assert np.isnan(history.scores[n_known:]).all()


@pytest.mark.parametrize("in_flight", [1, 3])
def test_no_more_trials_are_under_way_than_the_window_allows(in_flight):
    search = engine(Delayed(4), in_flight=in_flight)
    under_way = []
    search.observe = lambda outcome, mean: under_way.append(
        len(search.ledger.params) - search.ledger.frontier
    )
    search.run()
    assert max(under_way) <= in_flight


def test_candidates_given_in_advance_are_all_asked_for_at_once():
    candidates = [{"x": n / 10} for n in range(10)]
    memory = Memory()
    waited = []
    search = engine(Delayed(2), sampler=FixedSampler(candidates), n_trials=10, recorder=memory)
    search.observe = lambda outcome, mean: waited.append(len(memory.entered))
    assert search.run()
    assert set(waited) == {10}
    assert list(search.ledger.params) == candidates


def test_without_trials_there_is_nothing_to_do():
    search = engine(InlineExecutor(), n_trials=0)
    assert search.run()
    assert search.ledger.outcomes == {}


def test_each_outcome_is_observed_and_the_last_of_a_trial_with_its_mean():
    seen = []
    search = engine(Delayed(4), in_flight=4, observe=lambda *both: seen.append(both))
    search.run()
    assert {(o.trial, o.split) for o, _ in seen} == set(search.ledger.outcomes)
    means = {outcome.trial: mean for outcome, mean in seen if mean is not None}
    assert len(seen) == N_TRIALS * N_SPLITS
    np.testing.assert_array_equal(
        [means[n] for n in range(N_TRIALS)], search.ledger.view(N_TRIALS).scores.mean(axis=1)
    )


@pytest.mark.parametrize(
    "executor", [InlineExecutor(), Delayed(1), Delayed(4)], ids=lambda each: type(each).__name__
)
def test_a_fatal_outcome_ends_the_run_and_leaves_nothing_running(executor):
    memory = Memory()
    threads = threading.active_count()
    search = engine(
        executor, evaluator=Parabola(fatal_trial=3), in_flight=4, recorder=memory, n_trials=100
    )
    with pytest.raises(LookupError, match="the end"):
        search.run()
    assert threading.active_count() == threads
    assert len(search.ledger.params) < 12
    n_recorded = len(memory.recorded)
    time.sleep(0.02)
    assert len(memory.recorded) == n_recorded
    assert all(outcome.exception is None for outcome in memory.recorded)
    assert (3, 1) not in {(outcome.trial, outcome.split) for outcome in memory.recorded}
    assert search.ledger.outcomes[3, 1].exception is not None


def test_a_fatal_outcome_of_a_users_own_pool_ends_the_run():
    with ThreadPoolExecutor(2) as pool:
        search = engine(FuturesExecutor(pool), evaluator=Parabola(fatal_trial=2), in_flight=2)
        with pytest.raises(LookupError, match="the end"):
            search.run()


@pytest.mark.parametrize(
    "executor", [InlineExecutor(), Delayed(2)], ids=lambda each: type(each).__name__
)
def test_a_deadline_ends_the_run(executor):
    search = engine(
        executor,
        evaluator=Parabola(slow=0.02),
        in_flight=2,
        n_trials=1000,
        deadline=time.monotonic() + 0.3,
    )
    start = time.monotonic()
    assert search.run() is False
    assert time.monotonic() - start < 3
    assert 0 < len(search.ledger.outcomes) < 2000
    assert suggestions(search)[:3] == expected_suggestions(2)[:3]


def test_a_deadline_that_passes_while_all_workers_are_busy():
    search = engine(Stuck(), deadline=time.monotonic() + 0.05)
    start = time.monotonic()
    assert search.run() is False
    assert time.monotonic() - start < 3
    assert search.executor.left


def test_a_deadline_that_is_met_is_no_matter():
    search = engine(InlineExecutor(), deadline=time.monotonic() + 60)
    assert search.run() is True


class Stuck(Delayed):
    """Never gets to a job; hands in one outcome while it is being left."""

    def __init__(self):
        super().__init__(1)

    def run(self, bundle, on_outcome):
        self._last = lambda: on_outcome(evaluate(bundle.evaluator, bundle.jobs[0]))

    def __exit__(self, *exc):
        worker = threading.Thread(target=self._last)
        worker.start()
        worker.join()
        super().__exit__(*exc)


def test_what_arrives_while_stopping_is_kept():
    memory, observed = Memory(), []
    search = engine(
        Stuck(),
        recorder=memory,
        deadline=time.monotonic() + 0.02,
        observe=lambda outcome, mean: observed.append(outcome),
    )
    assert search.run() is False
    assert [(o.trial, o.split) for o in memory.recorded] == [(0, 0)]
    assert observed == memory.recorded == [search.ledger.outcomes[0, 0]]


def test_what_arrives_after_ctrl_c_is_kept():
    memory = Memory()

    class Interrupted(Stuck):
        def run(self, bundle, on_outcome):
            super().run(bundle, on_outcome)
            raise KeyboardInterrupt

    search = engine(Interrupted(), recorder=memory)
    with pytest.raises(KeyboardInterrupt):
        search.run()
    assert [(o.trial, o.split) for o in memory.recorded] == [(0, 0)]


class Counted(Parabola):
    """A parabola that tells which jobs it was given."""

    def __call__(self, job, cache):
        CALLS.append((job.trial, job.split))
        return super().__call__(job, cache)


CALLS: list[tuple[int, int]] = []


@pytest.mark.parametrize("in_flight", [1, 2, 4])
@pytest.mark.parametrize("stop", [0, 1, 7, 25, 47, 48])
def test_a_resumed_run_equals_the_uninterrupted_one(in_flight, stop):
    first = Memory()
    whole = engine(Delayed(2, seed=stop), in_flight=in_flight, recorder=first)
    whole.run()
    assert len(first.recorded) == 48
    CALLS.clear()
    second = Memory(known=first.kept(stop))
    resumed = engine(
        Delayed(3, seed=stop + 1), evaluator=Counted(), in_flight=in_flight, recorder=second
    )
    assert resumed.run()
    assert suggestions(resumed) == suggestions(whole) == expected_suggestions(in_flight)
    np.testing.assert_array_equal(
        resumed.ledger.view(N_TRIALS).scores, whole.ledger.view(N_TRIALS).scores
    )
    remembered = {(o.trial, o.split) for o in first.recorded[:stop]}
    assert len(CALLS) == len(set(CALLS)) == len(second.recorded) == 48 - stop
    assert not remembered & set(CALLS)
    assert second.entered == list(range(N_TRIALS))


def test_what_is_recalled_is_observed_and_not_recorded_again():
    first = Memory()
    engine(InlineExecutor(), recorder=first).run()
    second, observed = Memory(known=first.kept(48)), []
    search = engine(
        InlineExecutor(),
        recorder=second,
        observe=lambda outcome, mean: observed.append(mean is not None),
    )
    assert search.run()
    assert second.recorded == []
    assert len(observed) == 48
    assert sum(observed) == N_TRIALS
