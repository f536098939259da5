from __future__ import annotations

import pickle

import cloudpickle
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.compat.hyperopt import hp, space_eval
from tunesmith.compat.hyperopt.exceptions import BadSearchSpace
from tunesmith.compat.hyperopt.pyll import Apply, as_apply, clone, dfs, rec_eval, scope, toposort
from tunesmith.compat.hyperopt.pyll.base import Literal
from tunesmith.compat.hyperopt.pyll.stochastic import sample

NUMBERS = st.floats(-100, 100)


@given(NUMBERS, NUMBERS.filter(lambda y: abs(y) > 1e-3))
def test_arithmetic_is_pythons(x, y):
    a = as_apply(x)
    cases = [
        (a + y, x + y),
        (y + a, y + x),
        (a - y, x - y),
        (y - a, y - x),
        (a * y, x * y),
        (y * a, y * x),
        (a / y, x / y),
        (a // y, x // y),
        (-a, -x),
        (a**2, x**2),
        (2**a, 2**x),
        (a < y, x < y),
        (a <= y, x <= y),
        (a > y, x > y),
        (a >= y, x >= y),
    ]
    for expression, value in cases:
        assert rec_eval(expression) == value


def test_containers_are_evaluated_inside():
    expression = as_apply({"a": [1, hp.uniform("x", 0, 1)], "b": (hp.randint("n", 3), {"c": "d"})})
    assert space_eval(expression, {"x": 0.5, "n": 2}) == {"a": (1, 0.5), "b": (2, {"c": "d"})}


def test_dicts_may_have_keys_that_are_no_text():
    assert space_eval({1: hp.randint("n", 3), "b": 2}, {"n": 1}) == {1: 1, "b": 2}


def test_values_are_the_objects_that_were_given():
    thing = object()
    assert space_eval(hp.choice("c", [thing]), {"c": 0}) is thing


def test_a_tuple_can_be_unpacked_and_a_list_cannot():
    x, y = as_apply((1, 2))
    assert (rec_eval(x), rec_eval(y)) == (1, 2)
    with pytest.raises(BadSearchSpace, match="how many values"):
        x, y = as_apply([1, 2])


def test_a_switch_evaluates_what_it_takes_only():
    @scope.define
    def explode_when_looked_at():
        raise AssertionError

    expression = hp.choice("c", [scope.explode_when_looked_at(), "calm"])
    assert space_eval(expression, {"c": 1}) == "calm"
    scope.undefine(explode_when_looked_at)


def test_functions_of_the_users_are_symbols_and_may_be_defined_anew():
    @scope.define
    def widen(x, by=1):
        return x + by

    first = scope.widen(2, by=scope.int(3.9))

    @scope.define
    def widen(x, by=1):  # noqa: F811
        return x * by

    assert rec_eval(first) == 5
    assert rec_eval(scope.widen(2, by=3)) == 6
    scope.undefine("widen")
    with pytest.raises(AttributeError, match="no symbol 'widen'"):
        scope.widen(1)


def test_results_of_a_given_length_can_be_unpacked():
    @scope.define_info(o_len=2)
    def both_ends(x):
        return x[0], x[-1]

    first, last = scope.both_ends([3, 4, 5])
    assert (rec_eval(first), rec_eval(last)) == (3, 5)
    scope.undefine(both_ends)


def test_a_symbol_of_ours_is_not_replaced():
    with pytest.raises(ValueError, match=r"scope\.int is there already"):
        scope.define(int)


def test_an_unknown_symbol_names_the_nearest():
    with pytest.raises(AttributeError, match=r"Did you mean scope\.float"):
        scope.flaot(1)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        (lambda: scope.max(1, 3, 2), 3),
        (lambda: scope.min(1, 3, 2), 1),
        (lambda: scope.len([1, 2]), 2),
        (lambda: scope.range(3), range(3)),
        (lambda: scope.exp(0.0), 1.0),
        (lambda: scope.sqrt(4.0), 2.0),
        (lambda: scope.sum([1, 2]), 3),
        (lambda: scope.kwswitch("b", a=1, b=2), 2),
        (lambda: scope.map(as_apply(abs), [-1, 2]), [1, 2]),
        (lambda: scope.call_method("abc", "upper"), "ABC"),
        (lambda: scope.str_join("-", ["a", "b"]), "a-b"),
        (lambda: scope.repeat(2, "x"), ["x", "x"]),
        (lambda: scope.getattr(1j, "imag"), 1.0),
        (lambda: as_apply(abs)(-3), 3),
        (lambda: as_apply([5, 6])[1], 6),
    ],
)
def test_symbols(expression, value):
    assert rec_eval(expression()) == value


def test_long_sums_do_not_overflow_the_stack():
    total = as_apply(0)
    for _ in range(5000):
        total = total + 1
    assert rec_eval(total) == 5000
    assert len(toposort(total)) == len(dfs(total))


def test_the_truth_of_an_expression_is_an_error():
    with pytest.raises(BadSearchSpace, match="no value before it is drawn"):
        bool(hp.uniform("x", 0, 1) > 0.5)


def test_an_error_tells_where():
    with pytest.raises(ZeroDivisionError) as caught:
        rec_eval(1 / as_apply(0))
    assert "truediv(1, 0)" in caught.value.__notes__[0]


def test_a_value_that_is_missing_is_named():
    with pytest.raises(BadSearchSpace, match="'x'"):
        space_eval({"a": hp.uniform("x", 0, 1)}, {"y": 1})


def test_values_that_have_been_in_a_table_are_numbers_still():
    space = {"c": hp.choice("c", ["a", "b"]), "x": hp.uniform("x", 0, 1)}
    assert space_eval(space, {"c": 1.0, "x": np.array(0.5), "loss": "?"}) == {"c": "b", "x": 0.5}


@pytest.mark.parametrize("value", ["b", [1], (1,)])
def test_a_value_that_is_no_number_is_named(value):
    with pytest.raises(TypeError, match=r"'c'.*number of its option; got "):
        space_eval(hp.choice("c", ["a", "b"]), {"c": value})


@pytest.mark.parametrize("number", [2, -1, 0.5])
def test_there_is_no_such_option(number):
    with pytest.raises(BadSearchSpace, match=f"no option {number}"):
        space_eval(hp.choice("c", ["a", "b"]), {"c": number})


def test_an_assignment_is_a_dict():
    with pytest.raises(TypeError, match="a dict of values by label"):
        space_eval(hp.uniform("x", 0, 1), 0.5)


def test_a_copy_can_have_parts_replaced():
    x = as_apply(1)
    expression = x + 2
    assert rec_eval(clone(expression, {x: as_apply(40)})) == 42
    assert rec_eval(expression) == 3


def test_a_node_that_is_used_twice_is_drawn_once():
    x = hp.uniform("x", 0, 1)
    first, second = sample((x, x), np.random.default_rng(0))
    assert first == second


def test_samples_follow_the_generator():
    space = {"x": hp.normal("x", 0, 1), "c": hp.pchoice("c", [(0.1, 1), (0.9, 2)])}
    assert sample(space, np.random.default_rng(3)) == sample(space, np.random.default_rng(3))


def test_one_of_draws_evenly():
    rng = np.random.default_rng(0)
    drawn = [sample(scope.one_of("a", "b"), rng) for _ in range(200)]
    assert 70 < drawn.count("a") < 130


def test_expressions_can_be_pickled():
    space = {"x": 2 * hp.uniform("x", 0, 1), "c": hp.choice("c", [1, 2])}
    again = pickle.loads(pickle.dumps(as_apply(space)))
    assert space_eval(again, {"x": 0.25, "c": 1}) == {"x": 0.5, "c": 2}


def test_functions_of_a_script_travel_with_the_expression():
    @scope.define
    def tripled_in_a_script(x):
        return 3 * x

    sent = cloudpickle.dumps(scope.tripled_in_a_script(2))
    scope.undefine(tripled_in_a_script)
    assert rec_eval(pickle.loads(sent)) == 6


def test_literals_show_their_value_and_know_it():
    literal = as_apply("a")
    assert isinstance(literal, Literal)
    assert isinstance(literal, Apply)
    assert (literal.obj, str(literal)) == ("a", "'a'")
