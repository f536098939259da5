"""Law of functions that ask and report: workers, timing and interruptions change nothing."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunesmith import Float, Int, TrialPruned, minimize
from tunesmith.schedulers.median import MedianScheduler
from tunesmith.storage.memory import MemoryStorage

ASKS = {
    "float": lambda t, n: t.suggest_float(n, 0, 1),
    "wider": lambda t, n: t.suggest_float(n, -1, 1 + t.number % 3),
    "log": lambda t, n: t.suggest_float(n, 0.1, 10, log=True),
    "step": lambda t, n: t.suggest_float(n, 0, 1, step=0.25),
    "int": lambda t, n: t.suggest_int(n, t.number % 2, 6, step=2),
    "choice": lambda t, n: t.suggest_categorical(n, [1, (2,), "x", None][: 2 + t.number % 3]),
    "clash": lambda t, n: t.suggest_int(n, 1, 9) if t.number % 4 else t.suggest_float(n, 0, 1),
}


@dataclass
class Program:
    """A function that asks for some parameters, some of them not always, and reports."""

    asks: list
    reports: int
    stop_at: int | None = None
    delays: tuple = (0.0,)
    calls: int = 0

    def __reduce__(self):
        # What a study is made from: neither how often it is called, nor when.
        return Program, (self.asks, self.reports)

    def __call__(self, trial):
        if self.calls == self.stop_at:
            raise KeyboardInterrupt
        self.calls += 1
        time.sleep(self.delays[trial.number % len(self.delays)])
        total = trial.get("g", 0.0)
        for name, ask, least in self.asks:
            if total >= least:
                value = ASKS[ask](trial, name)
                total += value if isinstance(value, float | int) else len(repr(value)) / 9
        for step in range(self.reports):
            trial.report(total + 1 / (1 + step), 2 * step)
            if trial.should_prune():
                raise TrialPruned
        return total


asks = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(sorted(ASKS)), st.sampled_from([-9, 0.5])),
    max_size=4,
)
spaces = st.sampled_from([{}, {"g": Float(0, 1)}, {"g": [0.25, 0.75], "h": Int(1, 99)}])


@pytest.mark.filterwarnings("ignore:all .* trials have failed")
@settings(max_examples=25, deadline=None)
@given(
    asks,
    st.integers(0, 3),
    spaces,
    st.sampled_from(["tpe", "random", "auto"]),
    st.integers(1, 4),
    st.lists(st.integers(0, 7), max_size=2),
    st.lists(st.sampled_from([0.0, 0.001, 0.003]), min_size=3, max_size=3).map(tuple),
)
def test_workers_and_interruptions_change_nothing(
    asks, reports, space, sampler, in_flight, stops, delays
):
    def run(program, **more):
        result = minimize(
            program,
            space,
            14,
            sampler=sampler,
            random_state=7,
            in_flight=in_flight,
            scheduler=MedianScheduler(14, n_startup=2),
            progress=False,
            **more,
        )
        found = [(t.params, t.value, t.state, t.reports, t.error) for t in result.trials]
        return [repr((*rest, (error or "").splitlines()[-1:])) for *rest, error in found]

    whole = run(Program(asks, reports))
    assert len(whole) == 14
    with ThreadPoolExecutor(3) as pool:
        assert run(Program(asks, reports, delays=delays), executor=pool) == whole
    storage, calls = MemoryStorage(), 0
    for stop in [*stops, None]:
        program = Program(asks, reports, stop_at=stop)
        try:
            assert run(program, storage=storage, study_name="s") == whole
        except KeyboardInterrupt:
            assert program.calls == stop
        calls += program.calls
    assert calls == 14
