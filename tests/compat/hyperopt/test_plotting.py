from __future__ import annotations

import pickle

import numpy as np
import pytest

from tunesmith.compat.hyperopt import STATUS_FAIL, STATUS_OK, Trials, fmin, hp, rand
from tunesmith.compat.hyperopt.exceptions import AllTrialsFailed

matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed")
matplotlib.use("agg")

import matplotlib.pyplot as plt  # noqa: E402

from tunesmith.compat.hyperopt import plotting  # noqa: E402


@pytest.fixture
def trials():
    def function(point):
        if point["x"] > 4.5:
            return {"status": STATUS_FAIL}
        curve = [point["x"] ** 2 + 1 / epoch for epoch in range(1, 6)]
        return {"loss": curve[-1], "status": STATUS_OK, "attachments": {"curve": curve}}

    found = Trials()
    space = {"x": hp.uniform("x", -5, 5), "rate": hp.loguniform("rate", -9, 0)}
    fmin(
        function,
        space,
        rand.suggest,
        max_evals=40,
        trials=found,
        rstate=np.random.default_rng(0),
        show_progressbar=False,
    )
    return found


@pytest.fixture(autouse=True)
def figure():
    yield plt.figure()
    plt.close("all")


def test_history_shows_each_loss_and_the_best_so_far(trials, figure):
    plotting.main_plot_history(trials, do_show=False, title="Losses")
    (axes,) = figure.axes
    losses = [loss for loss in trials.losses() if loss is not None]
    points = axes.collections[0].get_offsets()
    assert points[:, 1].tolist() == losses
    assert len(losses) < 40
    assert axes.lines[0].get_ydata()[-1] == min(losses)
    assert axes.get_title() == "Losses"


def test_histogram_counts_all(trials, figure):
    plotting.main_plot_histogram(trials, do_show=False)
    (axes,) = figure.axes
    n = sum(loss is not None for loss in trials.losses())
    assert sum(bar.get_height() for bar in axes.patches) == n


@pytest.mark.parametrize("by_loss", [True, False])
def test_each_hyperparameter_has_its_picture(trials, figure, by_loss):
    plotting.main_plot_vars(trials, False, colorize_best=3, arrange_by_loss=by_loss)
    rate, x = figure.axes
    assert (rate.get_title(), x.get_title()) == ("rate", "x")
    assert (rate.get_yscale(), x.get_yscale()) == ("log", "linear")
    across, _ = np.array(x.collections[0].get_offsets()).T
    known = [(tid, loss) for tid, loss in zip(trials.tids, trials.losses(), strict=True) if loss]
    assert across.tolist() == [loss if by_loss else tid for tid, loss in known]
    colors = {tuple(color) for color in x.collections[0].get_facecolors()}
    assert matplotlib.colors.to_rgba("tab:orange") in colors


def test_curves_are_those_attached(trials, figure):
    plotting.main_plot_1D_attachment(trials, "curve", do_show=False, num_trails=4)
    (axes,) = figure.axes
    assert len(axes.lines) == 4
    best = trials.trial_attachments(trials.best_trial)["curve"]
    assert axes.lines[0].get_ydata().tolist() == best
    trials.trial_attachments(trials.best_trial)["curve"] = pickle.dumps(np.array([1.0, 2.0]))
    plotting.main_plot_1D_attachment(trials, "curve", do_show=False, num_trails=1)
    assert axes.lines[4].get_ydata().tolist() == [1.0, 2.0]
    trials.trial_attachments(trials.best_trial)["curve"] = [[1.0, 2.0], [3.0, 4.0]]
    with pytest.raises(ValueError, match="one dimension"):
        plotting.main_plot_1D_attachment(trials, "curve", do_show=False)


@pytest.mark.parametrize("losses", [[1.0, np.inf, np.nan], [np.inf, np.inf], [1.0, 2.0, -np.inf]])
def test_curves_are_drawn_for_losses_that_are_not_finite(losses, figure):
    trials = Trials()
    left = iter(losses)
    fmin(
        lambda x: {"loss": next(left), "status": "ok", "attachments": {"curve": [1.0, x]}},
        hp.uniform("x", 0, 1),
        rand.suggest,
        len(losses),
        trials=trials,
        show_progressbar=False,
        return_argmin=False,
    )
    plotting.main_plot_1D_attachment(trials, "curve", do_show=False)
    assert len(figure.axes[0].lines) == len(losses)


def test_nothing_to_draw_is_an_error():
    for draw in (plotting.main_plot_history, plotting.main_plot_vars):
        with pytest.raises(AllTrialsFailed, match="nothing to draw"):
            draw(Trials(), do_show=False)
