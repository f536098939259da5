from __future__ import annotations

import numpy as np
from scipy import stats

from tunesmith.samplers.random import RandomSampler
from tunesmith.space import Categorical, Choice, Float, Int, Space
from tunesmith.trial import History


def draw(space, n=4000):
    space = Space.read(space)
    nothing = np.empty((0, 0))
    history = History(0, (), nothing, nothing, np.empty(0, dtype=bool))
    rng = np.random.default_rng(0)
    return [RandomSampler().suggest(space, history, rng).params for _ in range(n)]


def fits(counts, probabilities):
    """Whether counts are as likely as at least one in a thousand of such draws."""
    expected = np.asarray(probabilities) * np.sum(counts)
    return stats.chisquare(counts, expected).pvalue > 1e-3


def test_whole_numbers_are_equally_likely():
    values = [p["n"] for p in draw({"n": Int(3, 9)})]
    assert fits(np.bincount(values, minlength=10)[3:], np.full(7, 1 / 7))


def test_logarithmic_whole_numbers():
    values = [p["n"] for p in draw({"n": Int(1, 8, log=True)})]
    k = np.arange(1, 9)
    assert fits(np.bincount(values)[1:], np.log((k + 0.5) / (k - 0.5)) / np.log(8.5 / 0.5))


def test_weights():
    values = [p["a"] for p in draw({"a": Categorical(["x", "y", "z"], weights=[5, 1, 4])})]
    assert fits([values.count(v) for v in "xyz"], [0.5, 0.1, 0.4])


def test_keys_and_dicts_are_equally_likely():
    space = [{"c": Choice({"p": {"x": Float(0, 1)}, "q": {}, "r": {}})}, {"d": list(range(9))}]
    drawn = draw(space)
    got = [p.get("c", "d") for p in drawn]
    assert fits([got.count(v) for v in "dpqr"], [1 / 2, 1 / 6, 1 / 6, 1 / 6])
    assert all(("x" in p) == (p.get("c") == "p") for p in drawn)


def test_continuous_distributions():
    drawn = draw({"u": Float(-1, 3), "l": Float(1e-3, 10, log=True), "g": stats.gamma(2)})
    for name, frozen in [
        ("u", stats.uniform(-1, 4)),
        ("l", stats.loguniform(1e-3, 10)),
        ("g", stats.gamma(2)),
    ]:
        assert stats.kstest([p[name] for p in drawn], frozen.cdf).pvalue > 1e-3


class Dice:
    def rvs(self, random_state):
        assert isinstance(random_state, np.random.RandomState)
        return random_state.randint(1, 7)


def test_what_only_draws():
    values = [p["d"] for p in draw({"d": Dice()})]
    assert fits(np.bincount(values)[1:], np.full(6, 1 / 6))
