from __future__ import annotations

import math
import pickle
from collections import OrderedDict
from types import MappingProxyType

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from tunesmith.compat.hyperopt import hp
from tunesmith.exceptions import SpaceError
from tunesmith.space import Categorical, Choice, Column, Float, Int, Space

OPTIMIZER = Choice(
    {
        "sgd": {"lr": Float(0, 1), "nesterov": Choice({True: {"m": [0.5, 0.9]}, False: {}})},
        "adam": {"lr": Float(2, 3)},
        None: {},
    }
)
NAN = math.nan


def test_names_are_sorted_and_columns_follow_the_tree():
    space = Space.read({"optimizer": OPTIMIZER, "epochs": [3, 6], "Z": Int(1, 2)})
    assert space.names == ("Z", "epochs", "optimizer", "lr", "nesterov", "m")
    assert space.n_dimensions == 7
    assert [(c.name, c.parent, c.branch) for c in space.columns] == [
        ("Z", None, None),
        ("epochs", None, None),
        ("optimizer", None, None),
        ("lr", 2, 0),
        ("nesterov", 2, 0),
        ("m", 4, 0),
        ("lr", 2, 1),
    ]
    assert space.columns[6] == Column("lr", Float(2, 3), 2, 1)


@pytest.mark.parametrize(
    ("params", "place"),
    [
        (
            {"optimizer": "sgd", "lr": 0.25, "nesterov": True, "m": 0.9},
            [1 / 6, 0.25, 0.25, 0.75, NAN],
        ),
        ({"optimizer": "sgd", "lr": 0.25, "nesterov": False}, [1 / 6, 0.25, 0.75, NAN, NAN]),
        ({"optimizer": "adam", "lr": 2.25}, [0.5, NAN, NAN, NAN, 0.25]),
        ({"optimizer": None}, [5 / 6, NAN, NAN, NAN, NAN]),
    ],
)
def test_nested_choices(params, place):
    space = Space.read({"optimizer": OPTIMIZER})
    np.testing.assert_allclose(space.encode(params), place)
    assert space.decode(place) == params
    assert list(space.decode(place)) == list(params)
    assert params in space


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "'optimizer' is missing"),
        ({"optimizer": "rms"}, "'optimizer': 'rms' is none of"),
        ({"optimizer": "adam"}, "'lr' is missing"),
        ({"optimizer": "adam", "lr": 0.5}, "'lr': 0.5 is not a number from 2.0 to 3.0"),
        ({"optimizer": None, "lr": 0.5}, "'lr' is not active where 'optimizer' is None"),
        (
            {"optimizer": "sgd", "lr": 0.5, "nesterov": False, "m": 0.5},
            "'m' is not active where 'nesterov' is False",
        ),
        ({"optimizer": None, "x": 0.5}, "'x' is no parameter of this space"),
    ],
)
def test_parameters_outside_the_space(params, message):
    space = Space.read({"optimizer": OPTIMIZER})
    assert params not in space
    with pytest.raises(SpaceError, match=message):
        space.encode(params)


def test_list_of_dicts_has_a_column_for_the_dict():
    space = Space.read([{"C": Float(0, 1), "k": ["rbf"]}, {"k": ["linear", "rbf"]}])
    assert [(c.name, c.parent, c.branch) for c in space.columns] == [
        ("", None, None),
        ("C", 0, 0),
        ("k", 0, 0),
        ("k", 0, 1),
    ]
    assert space.names == ("C", "k")
    np.testing.assert_allclose(space.encode({"k": "rbf"}), [0.75, NAN, NAN, 0.75])
    np.testing.assert_allclose(space.encode({"C": 0.5, "k": "rbf"}), [0.25, 0.5, 0.5, NAN])
    assert space.decode([0.49, 0.5, 1.0, NAN]) == {"C": 0.5, "k": "rbf"}
    assert space.decode([0.5, NAN, NAN, 0.0]) == {"k": "linear"}
    with pytest.raises(SpaceError, match=r"none of the dicts of the list \(0: .*'k'.*; 1: "):
        space.encode({"C": 0.5, "k": "linear"})


def test_list_of_dicts_where_several_hold_the_parameters():
    space = Space.read([{"a": [1]}, {"a": [1], "b": [2]}, {"b": [2], "a": [1, 3]}])
    for params, dict_number in [({"a": 1}, 0), ({"a": 1, "b": 2}, 1), ({"a": 3, "b": 2}, 2)]:
        place = space.encode(params)
        assert place[0] == pytest.approx((dict_number + 0.5) / 3)
        assert space.decode(place) == params


def test_choice_that_opens_a_list_of_dicts():
    space = Space.read({"o": Choice({"p": [{"x": [1]}, {"y": [1], "x": [1]}], "q": {}}), "a": [0]})
    for params in (
        {"a": 0, "o": "p", "x": 1},
        {"a": 0, "o": "p", "x": 1, "y": 1},
        {"a": 0, "o": "q"},
    ):
        assert space.decode(space.encode(params)) == params
    assert space.size == 3
    assert [space.point(i) for i in range(3)] == [
        {"a": 0, "o": "p", "x": 1},
        {"a": 0, "o": "p", "x": 1, "y": 1},
        {"a": 0, "o": "q"},
    ]


def test_keys_may_be_any_objects():
    svc, logistic = SVC(), LogisticRegression()
    space = Space.read({"clf": Choice({svc: {"clf__gamma": [1, 2]}, logistic: {}})})
    assert space.decode([0.0, 0.0])["clf"] is svc
    assert space.decode([1.0, 0.0])["clf"] is logistic
    assert space.decode(space.encode({"clf": svc, "clf__gamma": 2})) == {
        "clf": svc,
        "clf__gamma": 2,
    }


@pytest.mark.parametrize(
    ("space", "size"),
    [
        ({}, 1),
        ([{}, {"a": [1, 2]}], 3),
        ({"a": [1, 1], "b": Int(0, 10, step=5)}, 6),
        ({"o": Choice({"p": {"x": [1, 2], "y": [1, 2]}, "q": {}}), "a": [1, 2]}, 10),
        ({"a": [1], "b": Float(0, 1)}, math.inf),
        ({"o": Choice({"p": {"x": Float(0, 1)}, "q": {}})}, math.inf),
        ({"a": Float(0, 1, step=0.25)}, 5),
    ],
)
def test_size(space, size):
    assert Space.read(space).size == size


def test_points_that_are_not_there():
    with pytest.raises(SpaceError, match="the parameter 'b' cannot be counted"):
        Space.read({"a": [1], "b": Float(0, 1)}).point(0)
    for index in (2, -1):
        with pytest.raises(SpaceError, match=f"has 2 points; there is no number {index}"):
            Space.read({"a": [1, 2]}).point(index)


def test_empty_space():
    space = Space.read({})
    assert (space.names, space.n_dimensions, space.decode([])) == ((), 0, {})
    assert space.encode({}).shape == (0,)
    assert space.sample(np.random.default_rng(0)) == {}


def test_read_takes_mappings_of_any_kind_and_spaces():
    expected = Space.read({"a": [1], "b": [2]})
    assert Space.read(expected) is expected
    assert Space.read(OrderedDict(b=[2], a=(1,))) == expected
    assert Space.read(({"b": [2], "a": [1]},)) == expected
    assert Space.read(MappingProxyType({"b": [2], "a": np.array([1])})) != expected
    assert Space.read({"a": range(1, 2), "b": Categorical([2])}) == expected


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (3, "a dict or a list of dicts, got 3 of type int"),
        (None, "a dict or a list of dicts, got None"),
        ("ab", "a dict or a list of dicts, got 'ab'"),
        ([], "at least one, got an empty list"),
        ([{"a": [1]}, ["a"]], r"the list holds \['a'\] of type list"),
        ({"a": []}, r"'a': .* at least one, got \[\]"),
        ({"a": "adam"}, r"'a': 'adam' is one string.*write \['adam'\]"),
        ({"a": 3}, r"'a': .* got 3 \(of type int\); .* list of one element"),
        ({"a": None}, "'a': .* got None"),
        ({"a": np.eye(2)}, r"'a': .* shape \(2, 2\)"),
        ({"a": {"x": [1]}}, r"'a': a dict is no list of values; write Choice\(\{'x': \[1\]\}\)"),
        ({"a": [Float(0, 1)]}, r"'a': Float\(0.0, 1.0\) stands in a list"),
        ({"a": [{"b": 1, "c": [(Float(0, 1),)]}]}, r"'a': .* within the value .*write Choice"),
        ({"a": [hp.uniform("x", 0, 1)]}, "'a': .* stands in a list"),
        ({"a": hp.uniform("x", 0, 1)}, "'a': .* a range here is Float, Int"),
        ({1: [1]}, r"a string, got 1 \(of type int\)"),
        ({"": [1]}, "a string, got ''"),
        ({"lr": [1], "o": OPTIMIZER}, "'lr' would be set twice"),
        ({"p": OPTIMIZER, "o": OPTIMIZER}, "'lr' would be set twice"),
        ({"lr": Choice({"a": {"lr": [1]}})}, "'lr' would be set twice"),
    ],
)
def test_illegal_spaces(space, message):
    with pytest.raises(SpaceError, match=message):
        Space.read(space)


@pytest.mark.parametrize(
    ("branches", "message"),
    [
        ({}, "Choice has no branches"),
        (["a", "b"], r"a dict of branches, got \['a', 'b'\].*or Categorical"),
        ({"a": None}, "branch 'a' has to be a dict .* got None; write {}"),
        ({"a": {"x": 3}}, "in the branch 'a': the parameter 'x': .* got 3"),
        ({"a": {"x": {"y": 1}}}, "in the branch 'a': the parameter 'x': a dict"),
    ],
)
def test_illegal_choices(branches, message):
    with pytest.raises(SpaceError, match=message):
        Choice(branches)


def test_places_of_the_wrong_shape_or_outside():
    space = Space.read({"a": [1, 2], "b": [1]})
    with pytest.raises(SpaceError, match=r"has 2 numbers, got an array of shape \(3,\)"):
        space.decode([0, 0, 0])
    with pytest.raises(SpaceError, match=r"'b': .* from 0 to 1, got 1.5"):
        space.decode([0, 1.5])
    with pytest.raises(SpaceError, match=r"'a': .* from 0 to 1, got nan"):
        space.decode([NAN, 0])


def test_sample_asks_for_the_same_numbers_whatever_is_drawn():
    space = Space.read({"optimizer": OPTIMIZER})
    for seed in range(20):
        rng = np.random.default_rng(seed)
        assert space.sample(rng) in space
        expected = np.random.default_rng(seed)
        expected.random(space.n_dimensions)
        assert rng.random() == expected.random()


def test_map_reaches_what_choices_open():
    space = Space.read({"o": OPTIMIZER, "x": Float(0, 1)})
    listed = space.map(lambda name, d: Categorical([name]) if isinstance(d, Float) else d)
    assert dict(listed.branches[0].entries)["x"] == Categorical(["x"])
    assert listed.point(0) == {"o": "sgd", "lr": "lr", "nesterov": True, "m": 0.5, "x": "x"}


def test_equality_repr_and_pickle():
    spaces = [
        Space.read({"o": OPTIMIZER, "l": [[32], None], "w": Categorical([1, 2], weights=[1, 2])}),
        Space.read(
            [{"a": [1]}, {"b": Int(1, 5, log=True), "a": Choice({True: [{}, {"c": [1]}]})}]
        ),
        Space.read({}),
    ]
    for space in spaces:
        before = pickle.dumps(space)
        assert eval(repr(space)) == space
        assert hash(eval(repr(space))) == hash(space)
        assert pickle.loads(before) == space
        assert space.size
        assert space.names is not None
        assert pickle.dumps(space) == before
    assert spaces[0] != spaces[1]
    assert Choice({"a": {}, "b": {}}) != Choice({"b": {}, "a": {}})
    assert Choice({1: {}}) != Choice({True: {}})


def test_spaces_are_frozen():
    with pytest.raises(AttributeError):
        Space.read({}).branches = ()
    with pytest.raises(AttributeError):
        Float(0, 1).low = 2


def test_keys_of_a_choice_are_as_likely_as_said():
    choice = Choice({"a": {"x": Float(0, 1)}, "b": {}}, weights=[1, 3])
    space = Space.read({"c": choice})
    assert space.decode([0.2, 0.5]) == {"c": "a", "x": 0.5}
    assert space.decode([0.3, 0.5]) == {"c": "b"}
    assert space.encode({"c": "b"})[0] == pytest.approx(0.625)
    drawn = [space.sample(np.random.default_rng(n))["c"] for n in range(400)]
    assert 70 < drawn.count("a") < 130
    snapped = space.cube.snap(np.array([[0.2, 0.5], [0.3, 0.5]]))
    np.testing.assert_array_equal(snapped, [[0.125, 0.5], [0.625, np.nan]])


def test_weights_of_a_choice_are_part_of_it():
    plain, weighted = Choice({"a": {}, "b": {}}), Choice({"a": {}, "b": {}}, weights=[1, 3])
    assert plain != weighted
    assert weighted == Choice({"a": {}, "b": {}}, weights=[1, 3])
    assert repr(weighted) == "Choice({'a': {}, 'b': {}}, weights=[1.0, 3.0])"
    again = pickle.loads(pickle.dumps(weighted))
    assert again == weighted
    assert Space.read({"c": weighted}).map(lambda _, d: d) == Space.read({"c": weighted})
    with pytest.raises(SpaceError, match="Choice: weights: there are 1 for 2"):
        Choice({"a": {}, "b": {}}, weights=[1])
