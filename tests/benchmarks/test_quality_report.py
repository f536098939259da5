"""The report of the benchmark of quality, against what is computed by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
import quality_report as report


def record(optimizer, trace, problem="synthetic/a", seed=0, best=0.0, **more):
    found = {"problem": problem, "seed": seed, "optimizer": optimizer, "trace": trace}
    return found | {"best": best, "version": "1", "budget": len(trace)} | more


def at_random(means, trace=None, **more):
    trace = means if trace is None else trace
    return record("random", trace, **more, **{"mean of random": means})


def test_regret_is_0_at_the_least_value_and_1_at_the_mean_of_random():
    records = [
        at_random([6.0, 4.0], trace=[9.0, 3.0, 2.5, 2.0], best=1.0),
        record("tunesmith", [5.0, 2.5], best=1.0),
        record("other", [4.5, 1.0], best=1.0),
    ]
    [(problem, found)] = report.regrets_at(records, 2).items()
    assert problem == "synthetic/a"
    assert found == {
        "random": {0: pytest.approx(2 / 3)},
        "random × 2": {0: pytest.approx(1 / 3)},
        "tunesmith": {0: 0.5},
        "other": {0: 0.0},
    }
    found = report.regrets_at(records, 1)[problem]
    assert found["tunesmith"] == {0: pytest.approx(4 / 5)}
    assert found["random"] == {0: pytest.approx(8 / 5)}
    assert found["random × 2"] == {0: pytest.approx(2 / 5)}
    assert found["random × 4"] == {0: pytest.approx(1 / 5)}


def test_regret_is_clipped_at_2():
    records = [at_random([1.0]), record("tunesmith", [1.99]), record("other", [7.0])]
    found = report.regrets_at(records, 1)["synthetic/a"]
    assert found["tunesmith"][0] == pytest.approx(1.99)
    assert found["other"][0] == 2.0


def test_the_instances_of_a_function_are_normalised_apart():
    records = [
        at_random([1.0], seed=0),
        at_random([10.0], seed=1),
        record("tunesmith", [0.5], seed=0),
        record("tunesmith", [2.0], seed=1),
        record("tunesmith", [2.0], seed=2),  # random search has not been there
    ]
    assert report.regrets_at(records, 1)["synthetic/a"]["tunesmith"] == {0: 0.5, 1: 0.2}


def test_a_problem_whose_least_value_nobody_knows_takes_the_least_that_was_met():
    real = {"problem": "real/a", "best": None}
    records = [
        record("random", [5.0, 1.0], seed=0, **real),
        record("random", [3.0, 2.0], seed=1, **real),
        record("tunesmith", [2.5, 2.5], seed=0, **real),
        record("tunesmith", [4.0, 4.0], seed=1, **real),
    ]
    assert report.bests(records)["real/a", None] == 1.0
    found = report.regrets_at(records, 1)["real/a"]  # random search: 4 on average
    assert found["tunesmith"] == {0: 0.5, 1: 1.0}
    assert found["random"] == {0: pytest.approx(4 / 3), 1: pytest.approx(2 / 3)}


def test_a_problem_that_random_search_solves_tells_nothing():
    records = [at_random([0.0]), record("tunesmith", [0.0])]
    assert not report.regrets_at(records, 1)


def test_a_run_serves_shorter_budgets_unless_it_was_told_its_own():
    def names(optimizer, n, budget):
        return list(report.served(record(optimizer, [0.0] * n), budget))

    assert names("tunesmith", 200, 20) == [("tunesmith", 20)]
    assert names("tunesmith", 200, 200) == [("tunesmith", 200)]
    assert names("hebo", 50, 100) == []
    assert names("smac", 50, 50) == [("smac", 50)]
    assert names("smac", 50, 20) == []
    assert names("random", 400, 100) == [("random", 100), ("random × 2", 200), ("random × 4", 400)]
    assert names("random", 400, 200) == [("random", 200), ("random × 2", 400)]


def test_ranks_share_ties():
    found = report.ranked({"a": {"x": 0.3, "y": 0.1, "z": 0.3}, "b": {"x": 1.0}})
    assert found == {"a": {"x": 2.5, "y": 1.0, "z": 2.5}, "b": {"x": 1.0}}


def test_families_weigh_the_same():
    values = {"synthetic/a": 1.0, "synthetic/b": 2.0, "synthetic/c": 3.0, "real/a": 10.0}
    assert report.weighed(values) == 6.0
    assert report.weighed(values | {"tables/a": 0.0}) == 4.0


def test_the_interval_comes_from_problems_drawn_within_their_families():
    mean, low, high = report.bootstrap({"synthetic/a": 0.0, "synthetic/b": 1.0, "real/a": 4.0})
    # Means of synthetic: 0, 1/2, 1 with chances 1/4, 1/2, 1/4; of real always 4.
    assert (mean, low, high) == (2.25, 2.0, 2.5)
    values = np.random.default_rng(3).normal(size=400)
    mean, low, high = report.bootstrap({f"real/{i}": v for i, v in enumerate(values)})
    assert mean == pytest.approx(values.mean())
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)
    assert report.bootstrap({"real/a": 3.0}) == (3.0, 3.0, 3.0)


REGRETS = {
    "synthetic/a": {"tunesmith": {0: 0.25, 1: 0.75}, "other": {0: 0.5}},
    "synthetic/b": {"tunesmith": {0: 0.0, 1: 0.0}, "other": {0: 1.0, 1: 0.5}},
    "real/a": {"tunesmith": {0: 0.5}, "random": {0: 1.0}, "other": {0: 0.25}},
    "real/b": {"random": {0: 1.0}, "other": {0: 0.0}, "alone": {0: 1.0}},
}


def test_scores_are_those_computed_by_hand():
    found = report.scores(REGRETS)
    assert set(found["problems"]) == {"synthetic/a", "synthetic/b", "real/a"}
    assert set(found["optimizers"]) == {"tunesmith", "other", "random"}
    ours, other, random = (found["optimizers"][n] for n in ("tunesmith", "other", "random"))
    assert ours["regret"] == (0.25 + 0.5) / 2
    assert ours["families"] == {"synthetic": 0.25, "real": 0.5}
    assert ours["rank"] == ((1.5 + 1) / 2 + 2) / 2
    assert ours["worse than ours by"] == [0.0, 0.0, 0.0]
    assert ours["n_problems"] == 3
    assert other["regret"] == (0.625 + 0.25) / 2
    assert other["rank"] == ((1.5 + 2) / 2 + 1) / 2
    # Over the seeds that both have: 0.25 and 0.75 of the functions, -0.25 of the model.
    mean, low, high = other["worse than ours by"]
    assert (mean, low, high) == (0.125, 0.0, 0.25)
    assert random["n_problems"] == 1
    assert random["families"] == {"real": 1.0}
    assert random["interval"] == [1.0, 1.0]


def test_the_report_is_printed_and_written_for_budgets_that_ours_has_reached(tmp_path, capsys):
    means = [float(n) for n in range(300, 100, -1)]
    records = [
        at_random(means, trace=[*means, *[90.0] * 600]),
        record("tunesmith", [50.0] * 60),
        record("other", [300.0] * 200),
    ]
    report.report(records, tmp_path, {"cores": 2})
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert set(summary["budgets"]) == {"20", "50"}
    assert summary["versions"] == {"random": "1", "tunesmith": "1", "other": "1"}
    at_50 = summary["budgets"]["50"]["optimizers"]
    assert at_50["tunesmith"]["regret"] == pytest.approx(50 / means[49])
    assert at_50["random"]["regret"] == 1.0
    assert at_50["random × 4"]["regret"] == pytest.approx(means[199] / means[49])
    text = capsys.readouterr().out
    assert "20 evaluations, 1 problems" in text
    assert "100 evaluations" not in text
    rows = [line.split()[0] for line in text.splitlines() if line]
    assert rows.index("tunesmith") < rows.index("other")
