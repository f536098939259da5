# ruff: noqa: F821, SIM102 - templates are read, and never run
from __future__ import annotations

import random

import pytest

from tunesmith.compat.hyperas.distributions import choice, conditional, normal, pchoice, uniform
from tunesmith.compat.hyperas.exceptions import TemplateError
from tunesmith.compat.hyperas.source import Source
from tunesmith.compat.hyperas.templates import find_templates, make_templates
from tunesmith.compat.hyperopt.pyll.base import as_apply
from tunesmith.compat.hyperopt.search_space import SearchSpace

UNITS = [16, 32]


def read(*functions):
    templates = find_templates([Source.of(function) for function in functions])
    make_templates(templates, {})
    return templates


def names(*functions):
    return [template.name for template in read(*functions)]


def labels_for(function, **values):
    """Return the labels that are looked at where choices have these numbers."""
    templates = read(function)
    space = SearchSpace(as_apply({t.name: t.value for t in templates}))
    known = {t.name: values.get(t.name, 0) for t in templates}
    return set(space._asked(known))


# The names that Hyperas gives


def readme(x_train, y_train):
    model = [Dense(512)]
    model.append(Dropout({{uniform(0, 1)}}))
    model.append(Dense({{choice([256, 512, 1024])}}))
    model.append(Activation({{choice(["relu", "sigmoid"])}}))
    model.append(Dropout({{uniform(0, 1)}}))
    if {{choice(["three", "four"])}} == "four":
        model.append({{choice(["dropout", "linear"])}})
    fit(
        model,
        batch_size={{choice([64, 128])}},
        optimizer={{choice(["rmsprop", "adam", "sgd"])}},
    )


def test_names_of_the_readme_example():
    assert names(readme) == [
        "Dropout",
        "Dense",
        "Activation",
        "Dropout_1",
        "Dropout_2",
        "append",
        "batch_size",
        "optimizer",
    ]


def same_text(x):
    units = {{choice([1, 2])}}
    Dense({{choice([1, 2])}}, size={{choice([ 1, 2 ])}})  # fmt: skip
    more = [{{uniform(0, 1)}}]
    return units, more


def test_the_first_of_a_text_decides_its_name():
    assert names(same_text) == ["units", "units_1", "size", "size_1"]


def odd_places(x):
    y = -{{uniform(0, 1)}}
    y += {{uniform(0, 2)}}
    lr: float = {{uniform(0, 3)}}
    call(
        # said before
        {{uniform(0, 4)}}
    )
    d = {"key": {{uniform(0, 5)}}}
    if y == {{uniform(0, 6)}}:
        return {{uniform(0, 7)}}
    return lr, d


def test_names_where_no_word_stands_before():
    assert names(odd_places) == [
        "uniform",
        "uniform_1",
        "float",
        "call",
        "call_1",
        "call_2",
        "call_3",
    ]


def commented(x):
    """Say {{uniform(0, 1)}} and no more."""
    # Dropout({{uniform(0, 2)}})
    text = "a={{uniform(0, 3)}}"
    formatted = f"{{uniform(0, 4)}} {x}"
    return Dense({{uniform(0, 5)}}), text, formatted


def test_comments_and_strings_are_no_code():
    assert names(commented) == ["Dense"]


def umlaute(ä):
    größe = ("ü", {{choice(["ö", "ß"])}}, Dense({{uniform(0, 1)}}))
    return größe


def test_columns_are_of_characters_and_not_of_bytes():
    assert names(umlaute) == ["choice", "Dense"]
    assert [template.text for template in read(umlaute)] == [
        'choice(["ö", "ß"])',
        "uniform(0, 1)",
    ]


def helper():
    return Dense({{choice([1, 2])}}, {{normal(0, 1)}})


def test_names_are_counted_over_all_functions():
    assert names(same_text, helper)[-2:] == ["units_2", "units_3"]


# When they are looked at


def branches(x):
    if {{choice(["three", "four", "five"])}} == "four":
        a = {{uniform(0, 1)}}
    elif x:
        a = {{uniform(0, 2)}}
    else:
        a = {{uniform(0, 3)}}
    return a


def test_what_stands_under_a_choice_is_looked_at_there_only():
    assert names(branches) == ["choice", "a", "a_1", "a_2"]
    assert labels_for(branches, choice=1) == {"choice", "a"}
    assert labels_for(branches, choice=0) == {"choice", "a_1", "a_2"}
    assert labels_for(branches, choice=2) == {"choice", "a_1", "a_2"}


def other_tests(x):
    a = {{uniform(0, 1)}} if {{choice([True, False])}} else {{uniform(0, 2)}}
    if {{choice([1, 2, 3])}} in (1, 3) and True:
        b = {{uniform(0, 3)}}
    if {{pchoice([(0.5, "x"), (0.5, "y")])}} != "x":
        if {{choice(UNITS)}} > 16:
            b = {{uniform(0, 4)}}
    return a, b


def test_a_test_may_be_any_that_is_known_before():
    assert names(other_tests)[:3] == ["a", "a_1", "a_2"]
    conditions = {
        t.text: [(c.template.text, sorted(c.numbers)) for c in t.conditions]
        for t in read(other_tests)
    }
    assert conditions["uniform(0, 1)"] == [("choice([True, False])", [0])]
    assert conditions["uniform(0, 2)"] == [("choice([True, False])", [1])]
    assert conditions["uniform(0, 3)"] == [("choice([1, 2, 3])", [0, 2])]
    pair = ('pchoice([(0.5, "x"), (0.5, "y")])', [1])
    assert conditions["choice(UNITS)"] == [pair]
    assert conditions["uniform(0, 4)"] == [pair, ("choice(UNITS)", [1])]


def calling_tests():
    if conditional({{choice(["three", "four"])}}) == "four":
        a = {{uniform(0, 1)}}
    if len({{choice(["ab", "c"])}}) > 1:
        a = {{uniform(0, 2)}}
    if {{choice(["relu", "elu"])}}.upper() == "ELU":
        a = {{uniform(0, 3)}}
    return a


def test_a_test_may_call_what_gives_the_same_whenever_it_is_called():
    conditions = {t.text: [sorted(c.numbers) for c in t.conditions] for t in read(calling_tests)}
    assert conditions["uniform(0, 1)"] == [[1]]
    assert conditions["uniform(0, 2)"] == [[0]]
    assert conditions["uniform(0, 3)"] == [[1]]


def unknown_test(x):
    if {{choice([1, 2])}} == x:
        return {{uniform(0, 1)}}
    if {{choice([1, 2])}} == 1 and x:
        return {{uniform(0, 2)}}
    if {{uniform(0, 1)}} > 0.5:
        return {{uniform(0, 3)}}
    if {{choice([1, 2])}} == 1 and random.random() < 0.5:
        return {{uniform(0, 4)}}
    if asks_the_user({{choice([1, 2])}}):
        return {{uniform(0, 5)}}
    return 0


def asks_the_user(value):
    raise AssertionError


def test_a_test_of_what_is_not_known_makes_nothing_conditional():
    assert all(not template.conditions for template in read(unknown_test))


def nested(x):
    return Dense({{choice([1, {{uniform(0, 1)}}, {"rate": {{normal(0, 2)}}}])}})


def test_a_template_within_an_option_is_looked_at_there_only():
    assert names(nested) == ["Dense", "Dense_1", "Dense_2"]
    assert labels_for(nested, Dense=0) == {"Dense"}
    assert labels_for(nested, Dense=1) == {"Dense", "Dense_1"}
    assert labels_for(nested, Dense=2) == {"Dense", "Dense_2"}


# What is no template


def over_a_local(x):
    n = 3
    return Dense({{choice(range(n))}})


def over_a_parameter(x):
    return Dense({{uniform(0, x)}})


def over_nothing(x):
    return Dense({{uniform(0, NOBODY_KNOWS)}})


def misspelt(x):
    return Dense({{unifrom(0, 1)}})


def qualified(x):
    return Dense({{hp.uniform(0, 1)}})


def two_values(x):
    return Dense({{1, 2}})


def no_call(x):
    return Dense({{x}})


def bad_range(x):
    return Dense({{uniform(1, 0)}})


def labelled(x):
    return {{uniform("lr", 0, 1)}}


def no_sigma(x):
    return {{normal(0, -1)}}


def no_step(x):
    return {{quniform(0, 1, 0)}}


def too_few(x):
    return Dense({{uniform(1)}})


def no_list(x):
    return Dense({{choice(3)}})


def no_list_in_a_test(x):
    return 1 if {{choice(3)}} == 2 else 0


def no_pairs(x):
    return Dense({{pchoice([1, 2])}})


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (over_a_local, "'n' is a variable of the function"),
        (over_a_parameter, "'x' is a variable of the function"),
        (over_nothing, "NameError: name 'NOBODY_KNOWS'"),
        (misspelt, r"there is no distribution 'unifrom'; did you mean uniform\?"),
        (qualified, "write the distribution alone"),
        (two_values, "holds 2 values"),
        (no_call, "is no distribution"),
        (bad_range, "low has to be below high"),
        (too_few, "high"),
        (labelled, "uniform takes low, high, and no label in a template"),
        (no_sigma, "sigma has to be above 0"),
        (no_step, "q has to be a number above 0"),
        (no_list, r'takes a list of options, got 3; write {{choice\(\["a", "b"\]\)}}'),
        (no_list_in_a_test, "takes a list of options, got 3"),
        (no_pairs, r"got \[1, 2\]; write {{pchoice\(\[\(0.5,"),
    ],
)
def test_what_cannot_be_searched_is_told_with_its_line(function, words):
    with pytest.raises(TemplateError, match=words) as caught:
        read(function)
    line = function.__code__.co_firstlineno
    places = [f"{__file__}:{number}:" for number in (line + 1, line + 2)]
    assert str(caught.value).startswith(tuple(places))


def comprehension(x):
    return Dense({{choice([2**k for k in range(3)])}})


def test_variables_of_a_template_are_its_own():
    assert read(comprehension)[0].values == [1, 2, 4]


def test_a_function_has_to_be_written_with_def():
    made = {}
    exec("def unseen(x):\n    return {{choice([1, 2])}}", made)
    with pytest.raises(TemplateError, match="source of unseen cannot be found"):
        read(made["unseen"])
    for other in (lambda x: {{choice([1, 2])}}, print, 3):
        with pytest.raises(TemplateError, match=r"def|found"):
            read(other)
