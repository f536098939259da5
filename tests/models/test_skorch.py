"""Nets of skorch: seeded for each fit, and trained on from where they stopped."""

from __future__ import annotations

from importlib.metadata import entry_points

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.models.networks import diabetes, iris
from tunesmith import GridSearchCV
from tunesmith.evaluation.families import find_family
from tunesmith.evaluation.seeds import needs_seeds, seeding

pytest.importorskip("skorch", reason="skorch is not installed")
torch = pytest.importorskip("torch", reason="torch is not installed")

import skorch  # noqa: E402
from skorch.callbacks import EarlyStopping, LRScheduler  # noqa: E402
from skorch.dataset import ValidSplit  # noqa: E402

import tunesmith.models.skorch  # noqa: E402, F401  as its entry point would

pytestmark = pytest.mark.long


class Net(torch.nn.Module):
    def __init__(self, outputs=3, features=4, hidden=8, draws=False):
        super().__init__()
        self.draws = draws
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(features, hidden),
            torch.nn.BatchNorm1d(hidden),
            torch.nn.ReLU(),
            torch.nn.Dropout(0.3),
            torch.nn.Linear(hidden, outputs),
        )

    def forward(self, X):
        if self.draws and self.training:
            X = X + torch.as_tensor(np.random.normal(size=X.shape), dtype=X.dtype)
        return self.layers(X)


class OwnNet(skorch.NeuralNetClassifier):
    pass


def classifier(kind=skorch.NeuralNetClassifier, **params):
    usual = {"verbose": 0, "iterator_train__shuffle": True, "lr": 0.1, "module": Net}
    return kind(criterion=torch.nn.CrossEntropyLoss, **{**usual, **params})


def weights(net):
    return [value.numpy().copy() for value in net.module_.state_dict().values()]


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"iterator_train__shuffle": False},
        {"optimizer": torch.optim.Adam, "lr": 0.01, "batch_size": 16},
        {"optimizer__momentum": 0.9, "optimizer__nesterov": True},
        {"train_split": None},
        {"train_split": ValidSplit(0.2, random_state=1)},
        {"callbacks": "disable", "train_split": None},
        {"callbacks__valid_acc": None, "callbacks__print_log": None, "verbose": 1},
        {"iterator_train__drop_last": True, "batch_size": 50},
    ],
)
def test_training_that_goes_on_equals_training_at_once(params, capsys):
    if params.get("callbacks") == "disable":
        params = {**params, "callbacks": []}
    X, y = iris()
    kept, runs = None, []
    for epochs in (1, 3, 3, 7, 2):
        shared, alone = (classifier(max_epochs=epochs, **params) for _ in range(2))
        family = find_family(shared)
        with seeding(shared, 5):
            kept, work = family.fit(shared, X, y, {}, kept)
        with seeding(alone, 5):
            alone.fit(X, y)
        runs.append((work.fits, work.budget_run))
        for ours, theirs in zip(weights(shared), weights(alone), strict=True):
            np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_array_equal(shared.predict_proba(X), alone.predict_proba(X))
        assert len(shared.history) == len(alone.history) == epochs
        for name in ("train_loss", "valid_loss", "valid_acc", "valid_acc_best"):
            if name in alone.history[0]:
                assert shared.history[:, name] == alone.history[:, name]
    assert runs == [(1, 1), (0, 2), (0, 0), (0, 4), (1, 2)]


def test_torchs_generator_is_put_back():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    with seeding(make_pipeline(StandardScaler(), classifier()), 5):
        first = torch.rand(3)
    assert torch.equal(torch.get_rng_state(), before)
    with seeding(classifier(), 5):
        assert torch.equal(torch.rand(3), first)


def test_nets_need_seeds_wherever_they_are():
    assert needs_seeds(classifier(), [{}])
    assert needs_seeds(make_pipeline(StandardScaler(), classifier()), [{}])
    assert needs_seeds(OwnNet(Net, criterion=torch.nn.CrossEntropyLoss), [{}])
    assert not needs_seeds(make_pipeline(StandardScaler()), [{}])


@pytest.mark.parametrize(
    "params",
    [
        {"kind": OwnNet},
        {"warm_start": True},
        {"callbacks": [EarlyStopping()]},
        {"callbacks": [("schedule", LRScheduler())]},
        {"callbacks__print_log": EarlyStopping()},
        {"module": Net()},
        {"train_split": ValidSplit(0.2)},
        {"train_split": ValidSplit(0.2, random_state=np.random.RandomState(0))},
        {"train_split": lambda data, y: (data, data)},
        {"iterator_train__generator": torch.Generator()},
        {"iterator_train": lambda data, **params: torch.utils.data.DataLoader(data, **params)},
        {"max_epochs": 0},
    ],
    ids=lambda params: next(iter(params)),
)
def test_left_alone(params):
    assert find_family(classifier()) is not None
    assert find_family(classifier(**params)) is None


def search(estimator, grid, data, **options):
    return GridSearchCV(estimator, grid, cv=3, return_train_score=True, **options).fit(*data)


def assert_same(one, other):
    for name, expected in other.cv_results_.items():
        if not name.endswith("_time"):
            np.testing.assert_array_equal(one.cv_results_[name], expected)


GRID = {"max_epochs": [4, 1, 2], "lr": [0.1, 0.01]}


def test_by_default_a_net_is_trained_once_for_each_split():
    net = skorch.NeuralNetClassifier(Net, criterion=torch.nn.CrossEntropyLoss, verbose=0)
    results = []
    for sharing in ("exact", "off"):
        np.random.seed(0)
        results.append(search(net, GRID, iris(), sharing=sharing, refit=False))
    shared, alone = results
    assert (shared.sharing_["fits_asked"], shared.sharing_["fits_run"]) == (18, 6)
    assert (shared.sharing_["budget_asked"], shared.sharing_["budget_run"]) == (42, 24)
    assert_same(shared, alone)


@pytest.mark.skipif(
    not entry_points(group="tunesmith.families", name="skorch"),
    reason="the installed tunesmith names no families; install it again",
)
@pytest.mark.parametrize("sharing", ["exact", "off"])
def test_workers_find_the_family_and_the_seeds(sharing):
    options = {"sharing": sharing, "refit": False, "threads_per_worker": 1}
    results = []
    for n_jobs in (1, 2):
        np.random.seed(0)
        results.append(search(classifier(), GRID, iris(), n_jobs=n_jobs, **options))
    assert {found.sharing_["fits_run"] for found in results} == {6 if sharing == "exact" else 18}
    assert_same(*results)


def test_a_regressor_at_the_end_of_a_pipeline():
    X, y = diabetes()
    net = skorch.NeuralNetRegressor(
        Net, module__outputs=1, module__features=10, max_epochs=2, verbose=0, lr=0.01
    )
    chain = make_pipeline(StandardScaler(), net)
    grid = {"neuralnetregressor__max_epochs": [1, 3]}
    results = []
    for sharing in ("exact", "off"):
        np.random.seed(0)
        results.append(search(chain, grid, (X, y[:, None]), sharing=sharing, refit=False))
    assert results[0].sharing_["fits_run"] == 3
    assert_same(*results)


def test_a_module_that_draws_from_numpy_is_trained_anew():
    results = []
    for sharing in ("exact", "off"):
        np.random.seed(0)
        net = classifier(module__draws=True)
        results.append(
            search(net, {"max_epochs": [1, 2, 3]}, iris(), sharing=sharing, refit=False)
        )
    assert results[0].sharing_["fits_run"] == 9


def test_a_study_keeps_the_seeds_of_nets(tmp_path):
    storage = tmp_path / "study.db"
    first = search(classifier(), {"max_epochs": [1, 2]}, iris(), storage=storage, refit=False)
    grown = search(classifier(), {"max_epochs": [1, 2, 3]}, iris(), storage=storage, refit=False)
    assert grown.sharing_["fits_asked"] == 3
    other = search(
        clone(classifier()), {"max_epochs": [1, 2]}, iris(), storage=storage, refit=False
    )
    assert_same(other, first)
