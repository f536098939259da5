# ruff: noqa: E501  (scripts side by side, one line each)
from __future__ import annotations

import collections
import copy
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import importlib.metadata
import math
import os
import pathlib
import pickle
import subprocess
import sys
import textwrap
import threading
from types import FunctionType, ModuleType

import numpy as np
import pytest
import scipy.sparse
import scipy.stats
from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer, log_loss, make_scorer
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import tunesmith.keys.source
from tunesmith.exceptions import TunesmithError, UnkeyableError
from tunesmith.keys import ContentKey, content_key


def digest(value: object) -> str:
    return content_key(value).digest


def program(source: str, name: str = "fn", **given: object) -> FunctionType:
    """Define `name` as a user's script would, in a namespace of its own."""
    namespace = {"__name__": "__main__", **given}
    exec(compile(textwrap.dedent(source), "script.py", "exec"), namespace)
    return namespace[name]


def of(source: str, name: str = "fn", **given: object) -> str:
    return digest(program(source, name, **given))


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Level(enum.IntEnum):
    LOW = 1


@dataclasses.dataclass
class Settings:
    width: int = 1
    layers: list[int] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    width: int = 1


Point = collections.namedtuple("Point", "x y")


class Plain:
    def __init__(self, value: object) -> None:
        self.value = value

    def __call__(self) -> object:
        return self.value

    def other(self) -> int:
        return 1


class Ridge(BaseEstimator):
    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def fit(self, X: object, y: object = None) -> Ridge:
        self.coef_ = 1
        return self


# Every two of these differ; built twice, each equals itself.
def various() -> list[object]:
    base = np.arange(6.0).reshape(2, 3)
    return [
        None, ..., NotImplemented, True, False, 1, 0, -1, 1.0, 0.0, -0.0, math.nan, math.inf, 1j,
        complex(0.0, -1.0), "1", b"1", bytearray(b"1"), "", b"", 2**5000, 2**5000 + 1, "\ud800",
        np.int64(1), np.int32(1), np.float64(1), np.float32(1), np.bool_(True), np.str_("1"),
        np.datetime64("2020-01-01"), np.datetime64("2020-01-01", "s"),
        [], (), {}, set(), frozenset(), [1], (1,), {1}, frozenset({1}), {1: 1}, {"1": 1},
        [1, 2], [2, 1], [[1], 2], [[1, 2]], [1, [2]], {1: 2, 3: 4}, {1: 4, 3: 2},
        collections.OrderedDict(a=1, b=2), collections.OrderedDict(b=2, a=1), {"a": 1, "b": 2},
        collections.defaultdict(list, a=1), collections.Counter("aab"), collections.deque([1]),
        range(3), range(1, 3), slice(3), slice(1, 3), Colour.RED, Colour.BLUE, Level.LOW,
        pathlib.PurePosixPath("a/b"), pathlib.PureWindowsPath("a/b"), pathlib.Path("a"),
        datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1), datetime.timedelta(1),
        datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC),
        decimal.Decimal("1"), decimal.Decimal("1.0"), fractions.Fraction(1), fractions.Fraction(2),
        Settings(), Settings(2), Settings(1, [1]), Slotted(), Slotted(2), Point(1, 2), Point(2, 1),
        Plain(1), Plain(2), Plain(1).__call__, Plain(1).other, Plain, Settings, Colour, int, list[int],
        base, base.astype("f4"), base.reshape(3, 2), base.ravel(), base + 1,
        np.zeros((0, 3)), np.zeros((3, 0)), np.array(1.0), np.array(["a", "bb"]), np.rec.array(base),
        np.array(["a", "bb"], dtype=object), np.array([1, None], dtype=object),
        np.array(["a", "bb"], dtype=np.dtypes.StringDType()),
        np.array([(1, 2.0)], dtype="i4,f8"), np.array([(1, 2.5)], dtype="i4,f8"),
        np.ma.array([1, 2], mask=[0, 1]), np.ma.array([1, 2], mask=[1, 0]),
        np.random.default_rng(0), np.random.default_rng(1), np.random.RandomState(0),
        np.random.RandomState(1), np.random.PCG64(0), np.dtype("f4"), np.sin, np.add, np.float32,
        scipy.sparse.csr_array(base), scipy.sparse.csc_array(base), scipy.sparse.csr_matrix(base),
        scipy.sparse.coo_array(base), scipy.sparse.lil_array(base), scipy.sparse.dok_array(base),
        scipy.sparse.dia_array(base), scipy.sparse.csr_array(base + 1),
        scipy.stats.loguniform(1, 10), scipy.stats.loguniform(1, 11), scipy.stats.uniform(1, 10),
        scipy.stats.randint(1, 10), scipy.stats.multivariate_normal([0, 0]),
        SVC(), SVC(C=2.0), make_pipeline(StandardScaler(), SVC()), make_pipeline(SVC()), Ridge(),
        KFold(3), KFold(4), StratifiedKFold(3), get_scorer("accuracy"), get_scorer("neg_log_loss"),
        make_scorer(log_loss), log_loss, len, [1].append, math.sqrt, math, np, "abc".upper,
        functools.partial(log_loss), functools.partial(log_loss, normalize=False),
    ]  # fmt: skip


def test_equal_things_have_equal_keys_and_different_things_different_ones() -> None:
    keys = [content_key(value) for value in various()]
    assert [content_key(value) for value in various()] == keys
    by_digest = collections.defaultdict(list)
    for key in keys:
        by_digest[key.digest].append(key.text)
    assert [same for same in by_digest.values() if len(same) > 1] == []


def test_a_key_is_its_digest() -> None:
    key = content_key([1])
    assert key == ContentKey(key.digest, "something else")
    assert hash(key) == hash(ContentKey(key.digest, "something else"))
    assert len(key.digest) == 32
    assert int(key.digest, 16) >= 0
    assert pickle.loads(pickle.dumps(key)) == key


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.zeros((2, 3)), "ndarray float64 (2, 3)"),
        (SVC(C=2.0), "SVC(C=2.0)"),
        (program("def fn(a, *, b=1): pass"), "fn(a, b)"),
        (np.random.default_rng, "default_rng(seed)"),
        (SVC, "SVC"),
        (np, "numpy"),
        (threading.Event, "Event"),
        ({"C": [1, 2]}, "{'C': [1, 2]}"),
        ([2**5000], "[<5001 bits>]"),
        ("a\n" * 99, None),
    ],
)
def test_text_is_one_short_line(value: object, text: str | None) -> None:
    got = content_key(value).text
    assert got == text or text is None
    assert "\n" not in got
    assert len(got) <= 80


def test_no_address_in_the_text() -> None:
    assert "0x" not in content_key([object(), Plain(object())]).text


# --- data ---


def test_layout_in_memory_does_not_count(tmp_path: pathlib.Path) -> None:
    a = np.random.default_rng(0).normal(size=(300, 40, 3))
    np.save(tmp_path / "a.npy", a)
    wide = np.zeros((300, 80, 3))
    wide[:, ::2] = a
    same = [
        np.asfortranarray(a),
        np.load(tmp_path / "a.npy", mmap_mode="r"),
        wide[:, ::2],
        a.astype(">f8"),
    ]
    assert {digest(each) for each in same} == {digest(a)}


def test_large_arrays_are_hashed_whole_in_blocks() -> None:
    a = np.zeros((3, 1_000_003), dtype="f8")
    before = digest(a)
    assert digest(np.asfortranarray(a)) == before
    a[-1, -1] = 1
    assert digest(a) != before
    assert digest(np.asfortranarray(a)) == digest(a)


def test_padding_in_structured_arrays_does_not_count() -> None:
    dtype = np.dtype([("a", "i1"), ("b", "f8")], align=True)
    one, two = (np.full(16 * 3, fill, dtype="u1").view(dtype) for fill in (0, 255))
    two["a"], two["b"] = one["a"], one["b"]
    assert digest(one) == digest(two)


def test_one_object_twice_is_as_good_as_two_equal_ones() -> None:
    a = [1, 2]
    assert digest([a, a]) == digest([[1, 2], [1, 2]])
    x = np.arange(3)
    assert digest({"a": x, "b": x}) == digest({"a": x.copy(), "b": x.copy()})


def test_generators_are_keyed_by_state() -> None:
    rng, twin = np.random.default_rng(0), np.random.default_rng(0)
    rng.random()
    assert digest(rng) != digest(twin)
    twin.random()
    assert digest(rng) == digest(twin)


def test_a_frozen_distribution_is_not_changed_by_drawing_from_it() -> None:
    dist = scipy.stats.loguniform(1e-3, 1)
    before = digest(dist)
    dist.rvs(5)
    dist.rvs(5, random_state=3)
    dist.cdf(0.1), dist.ppf(0.5)
    assert digest(dist) == before == digest(pickle.loads(pickle.dumps(dist)))


def test_cyclic_data_terminates() -> None:
    def ring(value: int) -> list[object]:
        inner: list[object] = [value]
        outer: list[object] = [inner, {"k": inner}]
        inner.append(outer)
        return outer

    assert digest(ring(1)) == digest(ring(1))
    assert digest(ring(1)) != digest(ring(2))
    pair = [ring(1), ring(1)]
    assert digest(pair) == digest([pair[0], pair[0]])


def test_a_dense_web_of_references_takes_no_time() -> None:
    def web(size: int) -> list[Plain]:
        nodes = [Plain(i) for i in range(size)]
        for node in nodes:
            node.others = nodes
        return nodes

    assert digest(web(40)) == digest(web(40))
    assert digest(web(40)) != digest(web(41))


def test_sets_of_things_that_refer_to_each_other_have_no_order() -> None:
    def build(order: list[int]) -> set[Plain]:
        nodes = [Plain(i) for i in range(6)]
        for i, node in enumerate(nodes):
            node.next = nodes[(i + 1) % 6]
        return {nodes[i] for i in order}

    assert len({digest(build(order)) for order in ([0, 1, 2], [2, 1, 0], [1, 0, 2])}) == 1


def test_pandas() -> None:
    pd = pytest.importorskip("pandas")

    def frame() -> object:
        columns = {
            "a": [1, 2], "b": ["x", None], "c": pd.Categorical(["u", "v"]), "i": pd.array([1, None]),
            "d": pd.date_range("2020", periods=2, tz="UTC"), "o": [[1], {}],
        }  # fmt: skip
        return pd.DataFrame(columns)

    keys = [digest(frame())]
    for column, value in [("a", 3), ("b", "y"), ("c", "u"), ("i", 2), ("o", 1)]:
        changed = frame()
        changed.loc[1, column] = value
        keys.append(digest(changed))
    keys += [digest(frame().rename(columns={"a": "z"})), digest(frame()[["b", "a"]])]
    keys += [
        digest(frame().set_index("a")),
        digest(frame()["a"]),
        digest(frame()["a"].rename("z")),
    ]
    keys += [
        digest(frame()["a"].astype("f8")),
        digest(frame().columns),
        digest(frame().iloc[::-1]),
    ]
    keys += [digest(pd.MultiIndex.from_tuples([(1, 2)])), digest(frame().iloc[:1])]
    assert digest(frame()) == keys[0]
    assert len(set(keys)) == len(keys)
    twins = pd.concat([frame()["a"], frame()["a"]], axis=1)
    assert digest(twins) == digest(twins.copy())


def test_polars() -> None:
    pl = pytest.importorskip("polars")

    def frame(**changed: object) -> object:
        return pl.DataFrame({"a": [1, None], "b": ["x", "y"], "c": [1.0, 2.0], **changed})

    others = [
        frame(a=[1, 2]),
        frame(b=["x", "z"]),
        frame(c=[1.0, 3.0]),
        frame().rename({"a": "z"}),
    ]
    keys = [digest(each) for each in [frame(), *others, frame()["a"], frame()["c"]]]
    assert digest(frame()) == keys[0]
    assert len(set(keys)) == len(keys)


# --- estimators ---


def test_an_estimator_is_its_class_and_parameters() -> None:
    X, y = [[0.0], [1.0], [2.0]], [0, 1, 1]
    model = make_pipeline(StandardScaler(), LogisticRegression(C=2.0))
    before = digest(model)
    assert digest(clone(model)) == before
    assert digest(model.fit(X, y)) == before
    assert digest(clone(model).set_params(logisticregression__C=3.0)) != before
    assert digest(Ridge(2.0)) != digest(Ridge())
    assert digest(Ridge().fit([[1]])) == digest(Ridge())


def test_a_frozen_estimator_is_what_it_has_learned() -> None:
    def fitted(shift: float) -> LogisticRegression:
        return LogisticRegression().fit([[0.0], [1.0 + shift], [2.0]], [0, 1, 1])

    assert digest(FrozenEstimator(fitted(0))) == digest(FrozenEstimator(fitted(0)))
    assert digest(FrozenEstimator(fitted(0))) != digest(FrozenEstimator(fitted(0.5)))
    # The same estimator inside and outside is keyed as each place asks.
    model = fitted(0)
    both = digest([model, FrozenEstimator(model)])
    assert both == digest([fitted(0), FrozenEstimator(fitted(0))])
    assert both == digest([clone(model), FrozenEstimator(model)])


def test_output_settings_count() -> None:
    assert digest(StandardScaler().set_output(transform="pandas")) != digest(StandardScaler())


# --- the user's code ---

BASE = """
def fn(x, a=1, *, b=2):
    y = x + 3
    return [y * a * b for _ in range(2)]
"""


@pytest.mark.parametrize(
    "source",
    [
        '\n\n\ndef fn(x, a=1, *, b=2):\n    """Say what it does."""\n    y = x + 3  # a comment\n'
        "    return [y * a * b for _ in range(2)]\n",
        "def fn(x: int, a: float = 1, *, b=2) -> list:\n\n    y = x + 3\n\n"
        "    return [y * a * b for _ in range(2)]\n",
        "from __future__ import annotations\n" + BASE,
        "unrelated = 3\n" + BASE,
    ],
)
def test_what_changes_nothing_in_a_function(source: str) -> None:
    assert of(source) == of(BASE)


@pytest.mark.parametrize(
    ("old", "new"),
    [("3", "4"), ("3", "3.0"), ("a=1", "a=2"), ("b=2", "b=3"), ("+", "-"), ("range(2)", "range(3)"),
     ("fn(x, a", "fn(x, /, a"), ("y * a * b for", "y * b * a for"), ("range", "list")],
)  # fmt: skip
def test_what_changes_a_function(old: str, new: str) -> None:
    assert old in BASE
    assert of(BASE.replace(old, new)) != of(BASE)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # what it reads
        ("N = 3\ndef fn(): return N", "N = 4\ndef fn(): return N"),
        ("N = 3\ndef fn(): return [N for _ in 'ab']", "N = 4\ndef fn(): return [N for _ in 'ab']"),
        ("def h(): return 1\ndef fn(): return h()", "def h(): return 2\ndef fn(): return h()"),
        ("g = lambda: 1\ndef h(): return g()\ndef fn(): return h()",
         "g = lambda: 2\ndef h(): return g()\ndef fn(): return h()"),
        ("def fn(): return len", "len = 3\ndef fn(): return len"),
        ("class A:\n  n = 1\ndef fn(): return A()", "class A:\n  n = 2\ndef fn(): return A()"),
        # closures and defaults
        ("def m(n):\n  return lambda: n\nfn = m(1)", "def m(n):\n  return lambda: n\nfn = m(2)"),
        ("def m(n):\n  return lambda: n()\nfn = m(lambda: 1)",
         "def m(n):\n  return lambda: n()\nfn = m(lambda: 2)"),
        ("fn = lambda: 1", "fn = lambda: 2"),
        ("fn = lambda: 1", "fn = lambda: True"),
        ("fn = lambda x: x in {1, 2}", "fn = lambda x: x in {1, 3}"),
        # where an exception is caught is not in the instructions
        ("def fn():\n  try:\n    a()\n    b()\n  except E: c()",
         "def fn():\n  a()\n  try:\n    b()\n  except E: c()"),
        ("def fn(): return 1\nfn.units = 3", "def fn(): return 1\nfn.units = 4"),
        ("def fn():\n  return 1", "async def fn():\n  return 1"),
        # what is imported inside
        ("def fn():\n  from math import sin as f\n  return f", "def fn():\n  from math import cos as f\n  return f"),
        # wrappers of all kinds
        ("import functools\nfn = functools.lru_cache(lambda: 1)", "import functools\nfn = functools.lru_cache(lambda: 2)"),
        ("import functools\nfn = functools.partial(lambda x: 1, 2)", "import functools\nfn = functools.partial(lambda x: 2, 2)"),
        ("import functools\n@functools.wraps(len)\ndef fn(x): return 1", "import functools\n@functools.wraps(len)\ndef fn(x): return 2"),
        ("from contextlib import contextmanager\n@contextmanager\ndef fn(): yield 1",
         "from contextlib import contextmanager\n@contextmanager\ndef fn(): yield 2"),
        ("import functools\n@functools.singledispatch\ndef fn(x): return 1\n@fn.register\ndef _(x: int): return 2",
         "import functools\n@functools.singledispatch\ndef fn(x): return 1\n@fn.register\ndef _(x: int): return 3"),
        # classes
        ("class fn:\n  def f(self): return 1", "class fn:\n  def f(self): return 2"),
        ("class fn:\n  f = staticmethod(lambda: 1)", "class fn:\n  f = staticmethod(lambda: 2)"),
        ("class fn:\n  f = staticmethod(lambda: 1)", "class fn:\n  f = classmethod(lambda: 1)"),
        ("class fn:\n  @property\n  def f(self): return 1", "class fn:\n  @property\n  def f(self): return 2"),
        ("import functools\nclass fn:\n  @functools.cached_property\n  def f(self): return 1",
         "import functools\nclass fn:\n  @functools.cached_property\n  def f(self): return 2"),
        ("class A: x = 1\nclass fn(A): pass", "class A: x = 2\nclass fn(A): pass"),
        ("class A:\n  def __init__(self): self.x = 1\nfn = A().__init__", "class A:\n  def __init__(self): self.x = 2\nfn = A().__init__"),
        ("class A:\n  def __call__(self): return 1\nfn = A()", "class A:\n  def __call__(self): return 2\nfn = A()"),
        ("import enum\nclass fn(enum.Enum):\n  A = 1", "import enum\nclass fn(enum.Enum):\n  A = 2"),
        ("import abc\nclass fn(abc.ABC):\n  x = 1", "import abc\nclass fn(abc.ABC):\n  x = 2"),
        ("class fn:\n  __slots__ = ('a',)", "class fn:\n  __slots__ = ('b',)"),
        ("class fn:\n  def __init__(self): super().__init__(); self.a = 1", "class fn:\n  def __init__(self): super().__init__(); self.a = 2"),
        ("import typing\nT = typing.TypeVar('T')\nclass fn(typing.Generic[T]):\n  a = 1", "import typing\nT = typing.TypeVar('T')\nclass fn(typing.Generic[T]):\n  a = 2"),
    ],
)  # fmt: skip
def test_what_a_function_or_class_is_made_of(one: str, other: str) -> None:
    assert of(one) == of(one)
    assert of(other) == of("\n\n# moved\n" + other)
    assert of(one) != of(other)


def test_arrays_read_by_a_function_are_keyed_by_content() -> None:
    source = "def fn(): return W.sum()"
    assert of(source, W=np.ones(3)) == of(source, W=np.ones(3))
    assert of(source, W=np.ones(3)) != of(source, W=np.zeros(3))


def test_docstrings_do_not_count_even_for_classes() -> None:
    source = 'class fn:\n  """{}"""\n  def f(self):\n    """{}"""\n    return 1'
    assert of(source.format("one", "two")) == of("class fn:\n  def f(self):\n    return 1")
    nested = "def fn():\n  class A:\n{}    x = 1\n  return A"
    assert of(nested.format("")) == of(nested.format('    """Doc."""\n'))


def test_mutual_recursion_terminates_and_counts() -> None:
    source = """
    def even(n): return n == 0 or odd(n - 1)
    def odd(n): return n != 0 and even(n - {})
    class Tree:
        def grow(self): return Tree(), even, fn
        def __init_subclass__(cls): super().__init_subclass__()
    def fn(n): return even(n), odd(n), fn, Tree
    """
    one, two = (program(source.format(step)) for step in (1, 2))
    assert digest(one) == of(source.format(1))
    assert digest(one) != digest(two)
    # What is met first does not change what is met later.
    even, odd = one.__globals__["even"], one.__globals__["odd"]
    assert digest([even, odd]) == digest([even, program(source.format(1), "odd")])
    assert digest({even, odd, one}) == digest({one, odd, even})


def test_forty_functions_that_all_call_each_other() -> None:
    names = [f"f{i}" for i in range(40)]
    source = "\n".join(f"def {n}(): return {i}, {', '.join(names)}" for i, n in enumerate(names))
    assert of(source, "f3") == of(source, "f3")
    assert of(source, "f3") != of(source.replace("return 30,", "return -30,"), "f3")


@pytest.fixture
def package(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
    """Write modules of the user's own and import the function `fn` of `script`, afresh."""
    monkeypatch.syspath_prepend(tmp_path)
    mine = ("script", "helpers", "deeper", "lib")

    def write(**modules: str) -> FunctionType:
        for name in [n for n in sys.modules if n.partition(".")[0] in mine]:
            del sys.modules[name]
        for name, source in modules.items():
            path = tmp_path.joinpath(*name.split("__")).with_suffix(".py")
            path.parent.mkdir(exist_ok=True)
            path.write_text(textwrap.dedent(source))
        importlib.invalidate_caches()
        return importlib.import_module("script").fn

    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield write
    for name in [n for n in sys.modules if n.partition(".")[0] in mine]:
        del sys.modules[name]


@pytest.mark.parametrize(
    "script",
    [
        "import helpers\ndef fn(): return helpers.make(1)",
        "import helpers as h\ndef fn():\n    f = h.make\n    return f(1)",
        "from helpers import make\ndef fn(): return make(1)",
        "def fn():\n    from helpers import make\n    return make(1)",
        "def fn():\n    import helpers\n    return helpers.make(1)",
        "import helpers\ndef fn(): return getattr(helpers, 'make')(1)",
        "import lib.inner\ndef fn(): return lib.inner.go()",
        "def fn():\n    from lib import inner\n    return inner.go()",
        "from lib.inner import go as fn",
    ],
)
def test_the_users_own_modules_are_followed(package, script: str) -> None:
    helpers = "import deeper\nN = 1\ndef make(x): return x + deeper.f(N)\ndef unused(): return {}"
    modules = {
        "script": script,
        "helpers": helpers.format(0),
        "deeper": "def f(x): return x * 2\n",
        "lib____init__": "",
        "lib__inner": "from helpers import make\n"
        "def go():\n    from . import side\n    return make(side.Z)\n",
        "lib__side": "Z = 1\n",
    }
    before = digest(package(**modules))
    modules["script"] = "# a comment\n" + script
    modules["helpers"] = '"""A docstring."""\n' + modules["helpers"]
    assert digest(package(**modules)) == before
    for name, old, new in [("helpers", "N = 1", "N = 2"), ("deeper", "* 2", "* 3")]:
        changed = modules | {name: modules[name].replace(old, new)}
        assert digest(package(**changed)) != before
    if "lib" in script:
        assert digest(package(**modules | {"lib__side": "Z = 2\n"})) != before


def test_a_module_read_by_attribute_is_followed_no_further_than_that(package) -> None:
    script = "import helpers\ndef fn(): return helpers.make()"
    helpers = (
        "import threading\nLOCK = threading.Lock()\ndef other(): return {}\ndef make(): return 1"
    )
    one = digest(package(script=script, helpers=helpers.format(1)))
    assert digest(package(script=script, helpers=helpers.format(2))) == one


def test_an_import_that_fails_is_part_of_the_function() -> None:
    source = "def fn():\n  try:\n    import {}\n  except ImportError: return 1"
    assert of(source.format("no_such_module")) == of(source.format("no_such_module"))
    assert of(source.format("no_such_module")) != of(source.format("math"))


# --- libraries ---


def test_libraries_are_keyed_by_name_and_version(monkeypatch: pytest.MonkeyPatch) -> None:
    def keys() -> list[str]:
        tunesmith.keys.source.version.cache_clear()
        return [digest(SVC), digest(SVC()), digest(log_loss), of("import sklearn\nfn = lambda: sklearn"),
                of("def fn():\n  import sklearn.svm")]  # fmt: skip

    before = keys()
    assert keys() == before
    monkeypatch.setattr("sklearn.__version__", "99.0")
    after = keys()
    monkeypatch.undo()
    assert all(a != b for a, b in zip(before, after, strict=True))
    assert keys() == before


@pytest.mark.parametrize(
    ("module", "library"),
    [("numpy", True), ("numpy.linalg", True), ("sklearn.svm._base", True), ("json", True),
     ("tunesmith.keys", True), ("_thread", True), ("builtins", True), ("__main__", False),
     ("", False), ("no_such_module", False), ("tests", False), (__name__, False)],
)  # fmt: skip
def test_whose_module_it_is(module: str, library: bool) -> None:
    assert tunesmith.keys.source.is_library(module) is library


def test_version_of_a_library_that_does_not_state_its_own() -> None:
    version = tunesmith.keys.source.version
    assert version("click") == importlib.metadata.version("click")
    assert importlib.metadata.version("python-dateutil") in version("dateutil")
    assert version("json") == f"{sys.version_info.major}.{sys.version_info.minor}"
    assert version("no_such_module") == ""


# --- what cannot be keyed ---


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: threading.Lock(), "lock: a _thread.lock cannot be keyed"),
        (lambda: [1, {"a": (i for i in "ab")}], r"list[1]['a']: a generator cannot be keyed"),
        (lambda: Plain([threading.Lock()]), "Plain.value[0]: a _thread.lock cannot be keyed"),
        (lambda: Ridge(threading.Lock()), "Ridge.alpha: a _thread.lock cannot be keyed"),
        (lambda: program("def fn(): return L", L=threading.Lock()),
         "fn.__globals__['L']: a _thread.lock cannot be keyed"),
        (lambda: (lambda lock: lambda: lock)(threading.Lock()),
         "<lambda>.__closure__['lock']: a _thread.lock cannot be keyed"),
        (lambda: sys._getframe(),
         "frame: a frame cannot be keyed"),
        (lambda: functools.reduce(lambda a, _: [a], range(100_000), []),
         "list: nested too deeply to be keyed"),
    ],
)  # fmt: skip
def test_what_cannot_be_keyed_is_named_with_the_way_to_it(build, message: str) -> None:
    with pytest.raises(UnkeyableError) as caught:
        content_key(build())
    assert str(caught.value) == message
    assert isinstance(caught.value, TunesmithError)
    assert isinstance(caught.value, TypeError)


def test_open_files_and_the_name_given() -> None:
    with (
        open(__file__) as file,
        pytest.raises(UnkeyableError, match=r"^estimator\.value: a _io\.Te"),
    ):
        content_key(Plain(file), name="estimator")


def test_iterators_are_not_used_up() -> None:
    items = iter([1, 2, 3])
    content_key(items)
    assert list(items) == [1, 2, 3]


# --- other processes ---

SCRIPT = """
import sys, enum, dataclasses, functools, collections
import numpy as np, scipy.stats
from sklearn.svm import SVC
from sklearn.base import BaseEstimator
sys.path.insert(0, {tests!r})
from tunesmith.keys import content_key
LAYERS = {{"a", "b", "c", "d"}}
WEIGHTS = np.arange(5)
class Kind(enum.Enum):
    A = 1
    B = 2
@dataclasses.dataclass
class Settings:
    kinds: frozenset = frozenset(Kind)
class Model(BaseEstimator):
    def __init__(self, kind=Kind.A): self.kind = kind
    def fit(self, X): return helper(X), super().fit(X)
def helper(x): return x in {{"p", "q", "r"}} and LAYERS and Model
@functools.singledispatch
def build(x): return helper(x), WEIGHTS, Settings
@build.register
def _(x: int): return 2
for value in [build, Model(Kind.B), Settings(), {{helper, build, Model}}, LAYERS, Kind, lambda: LAYERS,
              np.random.RandomState(3), scipy.stats.norm(0, 1), SVC(), object(), {{1: {{"z", "y"}}}}]:
    print(content_key(value).digest)
"""


@pytest.mark.timeout(120)
def test_another_process_with_another_hash_seed_gives_the_same_keys(tmp_path) -> None:
    def run(seed: str, prefix: str) -> list[str]:
        script = tmp_path / f"script{seed}.py"
        script.write_text(prefix + SCRIPT.format(tests=str(tmp_path)))
        paths = os.pathsep.join(path for path in sys.path if path)
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": paths}
        done = subprocess.run([sys.executable, script], env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    first = run("1", "")
    assert len(first) == len(set(first)) == 12
    assert run("2", "# moved\n\n") == first


def test_pickling_does_not_change_a_key() -> None:
    for value in (Plain([1]), Settings(2), Point(1, 2), np.random.default_rng(3), SVC(C=3)):
        assert digest(pickle.loads(pickle.dumps(value))) == digest(value)


def test_cloudpickled_functions_keep_their_key() -> None:
    import cloudpickle

    fn = program("N = {'b', 'a'}\ndef h(x): return x, N\ndef fn(x, k=3): return h(x)")
    assert digest(pickle.loads(cloudpickle.dumps(fn))) == digest(fn)


def test_modules_made_by_hand() -> None:
    module = ModuleType("made_by_hand")
    module.value = 1
    before = digest(module)
    module.value = 2
    assert digest(module) != before


# --- deep learning ---


# Keras converts its own variables in a way that numpy 2 warns of.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_keras_objects_and_models() -> None:
    keras = pytest.importorskip("keras")

    def model(units: int = 2, activation: object = "relu", seed: int = 0) -> object:
        keras.utils.set_random_seed(seed)
        inputs = keras.Input((3,))
        hidden = keras.layers.Dense(units, activation=activation)(inputs)
        hidden = keras.layers.Lambda(lambda x: x + 1)(hidden)
        return keras.Model(inputs, keras.layers.Dense(1)(hidden))

    def things() -> list[object]:
        return [
            keras.optimizers.Adam(0.1), keras.optimizers.Adam(0.2), keras.optimizers.SGD(0.1),
            keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)),
            keras.losses.BinaryCrossentropy(), keras.losses.BinaryCrossentropy(from_logits=True),
            keras.metrics.AUC(), keras.metrics.AUC(num_thresholds=10), keras.layers.Dense(2),
            keras.layers.Dense(3), keras.initializers.HeNormal(seed=1), keras.regularizers.L2(0.1),
            keras.initializers.HeNormal(seed=2), model(), model(3), model(activation="tanh"),
            model(seed=1), keras.losses.mean_squared_error, keras.Model, keras.layers.Dense,
        ]  # fmt: skip

    keys = [digest(each) for each in things()]
    assert [digest(each) for each in things()] == keys
    assert len(set(keys)) == len(keys)


def test_the_users_code_inside_keras_objects_counts() -> None:
    keras = pytest.importorskip("keras")
    source = """
    class Scale(keras.layers.Layer):
        def call(self, x): return x * {}
    def act(x): return x + {}
    """
    seen = set()
    for numbers in [(1, 1), (1, 1), (2, 1), (1, 2)]:
        scale = program(source.format(*numbers), "Scale", keras=keras)
        act = scale.call.__globals__["act"]
        net = keras.Sequential([scale(), keras.layers.Activation(act)])
        seen.add((digest(net), digest(keras.layers.Dense(1, activation=act)), digest(scale())))
    assert len(seen) == 3


def test_torch_tensors_and_modules() -> None:
    torch = pytest.importorskip("torch")

    def net(seed: int, width: int = 2) -> object:
        torch.manual_seed(seed)
        return torch.nn.Sequential(torch.nn.Linear(3, width), torch.nn.ReLU())

    def things() -> list[object]:
        t = torch.arange(6.0).reshape(2, 3)
        return [t, t.T.contiguous(), t.double(), t.bfloat16(), t > 2, t[:0], torch.tensor(1.0),
                t + 1, torch.nn.Parameter(t), t.to_sparse(), net(0), net(1), net(0, 3),
                torch.nn.Linear, torch.float32, torch.device("cpu")]  # fmt: skip

    keys = [digest(each) for each in things()]
    assert [digest(each) for each in things()] == keys
    assert len(set(keys)) == len(keys)
    t = torch.arange(6.0).reshape(2, 3)
    assert digest(t.T.contiguous().T) == digest(t)


def test_jax_arrays_and_compiled_functions() -> None:
    jax = pytest.importorskip("jax")
    one, two = jax.numpy.arange(3), jax.numpy.arange(4)
    assert digest(one) == digest(jax.numpy.arange(3)) != digest(two)
    fns = [program(f"fn = jax.jit(lambda x: x + {n})", jax=jax) for n in (1, 1, 2)]
    assert digest(fns[0]) == digest(fns[1]) != digest(fns[2])


class Base:
    pass


class Derived(Base):
    value = 1


@pytest.mark.parametrize("kind", [Base, Derived])
def test_copying_an_instance_does_not_change_the_key_of_its_class(kind):
    before = content_key(kind).digest
    copy.deepcopy(kind())
    pickle.dumps(kind())
    assert "__slotnames__" in vars(kind)
    assert content_key(kind).digest == before
