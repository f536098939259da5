from __future__ import annotations

import numpy as np
import pytest
from hyperopt import hp as their_hp
from hyperopt import space_eval as their_space_eval
from hyperopt.pyll import as_apply as their_as_apply
from hyperopt.pyll import dfs as their_dfs
from hypothesis import given, settings
from hypothesis import strategies as st

from tunesmith.compat.hyperopt import hp, space_eval
from tunesmith.compat.hyperopt.exceptions import BadSearchSpace, DuplicateLabel
from tunesmith.compat.hyperopt.pyll import as_apply, scope
from tunesmith.compat.hyperopt.search_space import SearchSpace
from tunesmith.exceptions import SpaceError
from tunesmith.space import Choice


def read(space):
    return SearchSpace(as_apply(space))


def drawn(space, n=60):
    """Return values of random points, by label."""
    rng = np.random.default_rng(0)
    return [space.values(space.space.sample(rng)) for _ in range(n)]


def test_a_choice_opens_what_its_options_ask_for():
    space = read(hp.choice("c", [{"a": hp.uniform("a", 0, 1)}, {"b": hp.randint("b", 3)}, None]))
    assert {frozenset(values) for values in drawn(space)} == {
        frozenset({"c", "a"}),
        frozenset({"c", "b"}),
        frozenset({"c"}),
    }


def test_what_all_options_ask_for_is_always_there():
    x = hp.uniform("x", 0, 1)
    space = read(hp.choice("c", [x + 1, x - 1]))
    assert all(values.keys() == {"c", "x"} for values in drawn(space))
    assert not any(isinstance(column.dimension, Choice) for column in space.space.columns)


def test_what_is_asked_for_elsewhere_too_is_always_there():
    x = hp.uniform("x", 0, 1)
    space = read([hp.choice("c", [x, 1]), x])
    assert all(values.keys() == {"c", "x"} for values in drawn(space))


def test_what_two_choices_ask_for_is_there_where_one_does():
    x = hp.uniform("x", 0, 1)
    space = read([hp.choice("c", [x, 1]), hp.choice("d", [2, x])])
    for values in drawn(space):
        assert ("x" in values) == (values["c"] == 0 or values["d"] == 1)
    assert space.space.encode(space.params({"c": 1, "d": 0})).shape == (3,)


def test_a_choice_that_two_choices_ask_for():
    inner = hp.choice("i", [hp.uniform("x", 0, 1), hp.uniform("y", 0, 1)])
    space = read([hp.choice("c", [inner, 1]), hp.choice("d", [2, inner])])
    for values in drawn(space):
        asked = values["c"] == 0 or values["d"] == 1
        assert ("i" in values) == asked
        assert ("x" in values) == (asked and values["i"] == 0)
        assert ("y" in values) == (asked and values["i"] == 1)


def test_one_choice_can_switch_twice():
    which = scope.hyperopt_param("c", scope.randint(2))
    space = read(
        [
            scope.switch(which, hp.uniform("a", 0, 1), 1),
            scope.switch(which, 2, hp.uniform("b", 0, 1)),
        ]
    )
    for values in drawn(space):
        assert values.keys() == ({"c", "a"} if values["c"] == 0 else {"c", "b"})


def test_choices_nest_with_their_chances():
    inner = hp.pchoice("i", [(0.9, hp.uniform("x", 0, 1)), (0.1, 0)])
    space = read(hp.pchoice("o", [(0.2, inner), (0.8, 1)]))
    values = drawn(space, 2000)
    assert 0.15 < sum("i" in v for v in values) / 2000 < 0.25
    with_x = sum("x" in v for v in values) / sum("i" in v for v in values)
    assert 0.8 < with_x < 0.97


def test_a_computed_choice_asks_for_all_its_options():
    number = scope.int(hp.quniform("n", 0, 1, 1))
    space = read(scope.switch(number, hp.uniform("a", 0, 1), hp.uniform("b", 0, 1)))
    assert all(values.keys() == {"n", "a", "b"} for values in drawn(space))
    assert space_eval(space.expr, {"n": 1.0, "a": 0.25, "b": 0.5}) == 0.5


def test_one_label_for_two_is_an_error():
    with pytest.raises(DuplicateLabel, match="'x' stands for two"):
        read([hp.uniform("x", 0, 1), hp.uniform("x", 0, 1)])
    with pytest.raises(DuplicateLabel):
        read(hp.choice("c", [hp.uniform("x", 0, 1), hp.uniform("x", 0, 2)]))


def test_a_draw_without_a_label_is_an_error():
    with pytest.raises(BadSearchSpace, match=r"write hp\.uniform\('name'"):
        read({"x": scope.uniform(0, 1)})


def test_values_outside_are_an_error():
    space = read({"x": hp.uniform("x", 0, 1)})
    with pytest.raises(SpaceError):
        space.space.encode(space.params({"x": 2.0}))
    with pytest.raises(SpaceError, match="no hyperparameter 'y'"):
        space.space.encode(space.params({"y": 2.0}))


# The same shapes, in both packages

LEAVES = st.sampled_from(["constant", "uniform", "randint", "shared"])
SHAPES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(st.just("choice"), st.lists(inner, min_size=1, max_size=3)),
        st.tuples(st.just("list"), st.lists(inner, min_size=1, max_size=3)),
    ),
    max_leaves=8,
)


def written(shape, hp, labels, shared):
    """Write a shape with a package's `hp`."""
    if isinstance(shape, str):
        label = f"{shape}{len(labels)}"
        match shape:
            case "constant":
                return 7
            case "shared":
                return shared
        labels.append(label)
        return hp.uniform(label, 0, 1) if shape == "uniform" else hp.randint(label, 3)
    kind, parts = shape
    if kind == "list":
        return [written(part, hp, labels, shared) for part in parts]
    label = f"choice{len(labels)}"
    labels.append(label)
    return hp.choice(label, [written(part, hp, labels, shared) for part in parts])


@given(SHAPES)
@settings(max_examples=60, deadline=None)
def test_what_is_asked_for_is_what_hyperopt_asks_for(shape):
    ours = read([written(shape, hp, [], hp.normal("shared", 0, 1))])
    theirs = their_as_apply([written(shape, their_hp, [], their_hp.normal("shared", 0, 1))])
    params = {node.pos_args[0].obj for node in their_dfs(theirs) if node.name == "hyperopt_param"}
    assert set(ours.hyperparameters) == params
    for values in drawn(ours, 10):
        ours.space.encode(ours.params(values))
        assert set(values) == asked_of(theirs, values)
        assert space_eval(ours.expr, values) == their_space_eval(theirs, values)


def asked_of(expr, values):
    """Return the labels on the way through an expression of Hyperopt's."""
    if expr.name == "hyperopt_param":
        return {expr.pos_args[0].obj}
    parts = expr.inputs()
    if expr.name == "switch":
        label = expr.pos_args[0].pos_args[0].obj
        parts = [expr.pos_args[0], expr.pos_args[1 + values[label]]]
    return set().union(*(asked_of(part, values) for part in parts))
