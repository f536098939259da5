# ruff: noqa: F821 - what is given from outside
from __future__ import annotations

import functools
import traceback

import pytest

from tunesmith.compat.hyperas.distributions import choice, pchoice, uniform
from tunesmith.compat.hyperas.exceptions import TemplateError
from tunesmith.compat.hyperas.rewriting import Rewritten
from tunesmith.compat.hyperas.source import Source
from tunesmith.compat.hyperas.templates import find_templates, make_templates

COUNT = 0


def at(point, *functions, **given):
    sources = [Source.of(function) for function in functions]
    templates = find_templates(sources)
    make_templates(templates, {})
    return Rewritten.of(sources, templates, given).at(point, {})


def plain(x, y=2, *more, z: int = 3, **named):
    """Say what it is."""
    return x, y, more, z, named, {{uniform(0, 1)}}


plain.mark = "kept"


def test_functions_within_a_function_know_each_other_rewritten():
    def inner(x):
        return x + {{choice([10, 20])}}

    def outer(depth):
        return outer(depth - 1) if depth else inner({{uniform(0, 1)}})

    new, _ = at({"inner": 0.5, "inner_1": 1}, outer, inner)
    assert new(2) == 20.5


def test_a_function_is_in_all_else_as_it_was():
    (new,) = at({"uniform": 0.25}, plain)
    assert new(1, 5, 6, z=7, a=8) == (1, 5, (6,), 7, {"a": 8}, 0.25)
    assert new(1) == (1, 2, (), 3, {}, 0.25)
    for name in ("__name__", "__qualname__", "__module__", "__doc__", "__annotations__", "mark"):
        assert getattr(new, name) == getattr(plain, name)
    assert new.__globals__ is plain.__globals__


def counts():
    global COUNT
    COUNT += {{choice([1, 10])}}
    return COUNT


def test_globals_are_the_modules_own():
    (new,) = at({"choice": 1}, counts)
    before = COUNT
    assert new() == COUNT == before + 10


def test_closures_are_shared():
    seen = []
    total = 0

    def adds():
        nonlocal total
        total += {{uniform(0, 1)}}
        seen.append(total)

    (new,) = at({"uniform": 0.5}, adds)
    new()
    new()
    assert seen == [0.5, 1.0]
    assert total == 1.0


class Holder:
    factor = 3

    def method(self, x):
        return self.factor * x * {{choice([1, 2])}}


def test_methods_keep_their_object():
    (new,) = at({"choice": 1}, Holder().method)
    assert new(5) == 30


class _Private(Holder):
    __factor = 5

    def __method(self, x):
        def within():
            return self.__factor * x

        return super().method(within()) * {{choice([1, 2])}}

    @staticmethod
    def make_within():
        def within(held):
            return held.__factor * {{choice([1, 2])}}

        return within

    given = __method


def test_private_names_are_those_of_the_class(monkeypatch):
    monkeypatch.setattr(Holder, "method", lambda self, x: x)
    (new,) = at({"choice": 1}, _Private().given)
    assert new(3) == 30
    (new,) = at({"choice": 1}, _Private.make_within())
    assert new(_Private()) == 10


def options():
    return {{choice([[], {"a": 1}, print])}}


def test_options_are_made_anew_each_time():
    (new,) = at({"choice": 0}, options)
    assert new() == []
    assert new() is not new()
    assert at({"choice": 2}, options)[0]() is print


LISTED = [[1], [2]]


def listed():
    return {{choice(LISTED)}}, {{pchoice([(0.5, "x"), (0.5, {{uniform(0, 1)}})])}}


def test_options_that_are_not_written_one_by_one_are_looked_up():
    (new,) = at({"choice": LISTED[1], "choice_1": 1, "choice_2": 0.75}, listed)
    assert new() == ([2], 0.75)
    assert new()[0] is LISTED[1]


def inner():
    def within(x):
        return [x * {{uniform(0, 1)}} for _ in range(2)]

    return within


def test_functions_within_have_templates_too():
    (new,) = at({"uniform": 0.5}, inner)
    assert new()(4) == [2.0, 2.0]


def first(n):
    return 0 if n == 0 else {{choice([1, 2])}} + second(n - 1)


def second(n):
    return 0 if n == 0 else {{choice([10, 20])}} + first(n - 1) + given_from_outside


def test_functions_know_each_other_and_what_is_given():
    new, _ = at({"choice": 1, "choice_1": 0}, first, second, given_from_outside=100)
    assert new(3) == 2 + 10 + 2 + 100
    with pytest.raises(TemplateError, match="functions="):
        first(1)


def failing():
    x = {{uniform(0, 1)}}

    return x / 0


def test_a_traceback_shows_the_line_in_the_file():
    (new,) = at({"x": 0.5}, failing)
    with pytest.raises(ZeroDivisionError) as caught:
        new()
    frame = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert frame.filename == __file__
    assert frame.line == "return x / 0"


def wrapped(function):
    @functools.wraps(function)
    def around(*args):
        return function(*args)

    return around


@wrapped
def decorated():
    return {{uniform(0, 1)}}


def registered(function):
    function.registered = True
    return function


@registered
def marked():
    return {{uniform(0, 1)}}


def test_a_decorator_that_wraps_is_refused_and_one_that_marks_is_not():
    with pytest.raises(TemplateError, match="wrapped by a decorator"):
        at({}, decorated)
    (new,) = at({"uniform": 0.5}, marked)
    assert new() == 0.5
    assert new.registered


def test_two_functions_of_one_name_are_refused():
    with pytest.raises(TemplateError, match="two functions named plain"):
        at({}, plain, plain)
