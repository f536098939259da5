"""Functions with a known least value, 0, that the seed shifts and rotates."""

from __future__ import annotations

import math
import string
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from quality_problems import Problem, category, place_of, real, whole

LEVELS = 12
"""Values of an integer."""
CATEGORIES = 4
"""Values of a category; they are shuffled places on a line."""


@dataclass(frozen=True)
class Shape:
    """A function before the seed has shifted and rotated it."""

    base: str
    d: int
    integers: int = 0
    categories: int = 0
    rotated: bool = True
    noise: float = 0.0
    """Standard deviation of the noise, as a part of the median value."""
    log: bool = False
    """Whether the floats span six orders of magnitude."""
    idle: int = 0
    """Number of further parameters that change nothing."""
    development: bool = False


DEV = {"development": True}
SHAPES = {
    "sphere 5": Shape("sphere", 5),
    "rosenbrock 4": Shape("rosenbrock", 4),
    "rastrigin mixed 6": Shape("rastrigin", 6, 2, 2),
    "ellipsoid 6": Shape("ellipsoid", 6),
    "ackley noisy 10": Shape("ackley", 10, noise=0.05),
    "zakharov 6": Shape("zakharov", 6),
    "griewank 4": Shape("griewank", 4),
    "peaks 2": Shape("peaks", 2),
    "ellipsoid mixed 9": Shape("ellipsoid", 9, 3, 3),
    "sphere noisy 3": Shape("sphere", 3, noise=0.1),
    "rosenbrock log 10": Shape("rosenbrock", 10, log=True),
    "levy integers 5": Shape("levy", 5, 5, rotated=False),
    "cigar 5": Shape("cigar", 5),
    "ackley 5": Shape("ackley", 5),
    "powers 12": Shape("powers", 12),
    "schaffer 6": Shape("schaffer", 6),
    "sphere idle 20": Shape("sphere", 4, log=True, idle=16),
    "absolute categories 6": Shape("absolute", 6, 0, 6),
    "weierstrass 3": Shape("weierstrass", 3),
    "discus 8": Shape("discus", 8),
    "peaks 6": Shape("peaks", 6),
    "powers noisy mixed 8": Shape("powers", 8, 2, 2, noise=0.05),
    "rastrigin 3": Shape("rastrigin", 3, rotated=False),
    "ridge 4": Shape("ridge", 4),
    "ackley mixed 14": Shape("ackley", 14, 4, 4),
    "absolute log 8": Shape("absolute", 8, log=True),
    "rosenbrock 6": Shape("rosenbrock", 6, **DEV),
    "ackley 4": Shape("ackley", 4, **DEV),
    "ellipsoid 4": Shape("ellipsoid", 4, **DEV),
    "levy mixed 6": Shape("levy", 6, 2, 2, **DEV),
    "peaks 4": Shape("peaks", 4, **DEV),
    "zakharov noisy 4": Shape("zakharov", 4, noise=0.05, **DEV),
    "griewank 8": Shape("griewank", 8, **DEV),
    "discus mixed 8": Shape("discus", 8, 2, 2, **DEV),
    "levy categories 5": Shape("levy", 5, 0, 5, **DEV),
    "absolute idle 15": Shape("absolute", 5, log=True, idle=10, **DEV),
    "powers noisy 12": Shape("powers", 12, noise=0.1, **DEV),
    "sphere integers 4": Shape("sphere", 4, 4, **DEV),
}


def make(name: str, seed: int) -> Problem:
    """Return the function of a name, as a seed shifts and rotates it."""
    shape = SHAPES[name.split("/", 1)[1]]
    rng = np.random.default_rng([seed, *name.encode()])
    space = space_of(shape)
    kinds = np.array([parameter["kind"] for parameter in space])
    shuffled = np.array([rng.permutation(CATEGORIES) for _ in space]) / (CATEGORIES - 1)
    least = np.where(kinds == "float", rng.uniform(0.15, 0.85, len(space)), 0.0)
    least += np.where(kinds == "int", rng.integers(LEVELS, size=len(space)) / (LEVELS - 1), 0.0)
    levels = rng.integers(CATEGORIES, size=len(space))
    least += np.where(kinds == "category", shuffled[np.arange(len(space)), levels], 0.0)
    turn = rotation(np.flatnonzero(kinds[: shape.d] != "category"), shape, rng)
    function, width = base_of(shape, rng)

    def value(params):
        places = np.array(
            [
                shuffled[i, parameter["values"].index(params[parameter["name"]])]
                if parameter["kind"] == "category"
                else place_of(parameter, params[parameter["name"]])
                for i, parameter in enumerate(space)
            ]
        )
        return function(turn @ (places - least)[: shape.d] * width)

    noise = 0.0
    if shape.noise:
        apart = rng.random((255, shape.d)) - least[: shape.d]
        noise = shape.noise * float(np.median([function(turn @ z * width) for z in apart]))
    return Problem(name, "synthetic", space, value, best=0.0, noise=noise, instance=seed)


def space_of(shape: Shape) -> list[dict]:
    """Return the space of a function: floats first, categories last, then what is idle."""
    floats = shape.d - shape.integers - shape.categories
    low, high = (1e-6, 1.0) if shape.log else (-5.0, 5.0)
    return [
        *(real(f"x{i}", low, high, log=shape.log) for i in range(floats)),
        *(whole(f"n{i}", 1, LEVELS) for i in range(shape.integers)),
        *(category(f"c{i}", string.ascii_lowercase[:CATEGORIES]) for i in range(shape.categories)),
        *(real(f"idle{i}", low, high, log=shape.log) for i in range(shape.idle)),
    ]


def rotation(turned, shape, rng):
    """Return a matrix that rotates some coordinates at random, shape (d, d)."""
    matrix = np.eye(shape.d)
    if shape.rotated and len(turned) > 1:
        q, r = np.linalg.qr(rng.standard_normal((len(turned), len(turned))))
        matrix[np.ix_(turned, turned)] = q * np.sign(np.diag(r))
    return matrix


# The functions, of z of shape (d,); each is 0 at 0 and nowhere less


def rising(z, power):
    return power ** (np.arange(len(z)) / max(len(z) - 1, 1))


def rosenbrock(z):
    y = z + 1
    return np.sum(100 * (y[:-1] ** 2 - y[1:]) ** 2 + (y[:-1] - 1) ** 2)


def zakharov(z):
    slope = 0.5 * np.arange(1, len(z) + 1) @ z
    return z @ z + slope**2 + slope**4


def levy(z):
    w = 1 + z / 4
    rest = (w[:-1] - 1) ** 2 * (1 + 10 * np.sin(np.pi * w[:-1] + 1) ** 2)
    last = (w[-1] - 1) ** 2 * (1 + np.sin(2 * np.pi * w[-1]) ** 2)
    return np.sin(np.pi * w[0]) ** 2 + rest.sum() + last


def ackley(z):
    far = 20 - 20 * math.exp(-0.2 * math.sqrt(z @ z / len(z)))
    return far + math.e - math.exp(np.cos(2 * np.pi * z).mean())


def griewank(z):
    return 1 + z @ z / 4000 - np.prod(np.cos(z / np.sqrt(np.arange(1, len(z) + 1))))


def schaffer(z):
    s = np.hypot(z[:-1], z[1:])
    return np.mean(np.sqrt(s) * (1 + np.sin(50 * s**0.2) ** 2)) ** 2


def weierstrass(z):
    k = np.arange(12)
    waves = np.cos(2 * np.pi * 3.0**k * (z[:, None] + 0.5)) @ 0.5**k
    return 10 * np.mean(waves - np.cos(np.pi * 3.0**k) @ 0.5**k) ** 3


BASES: dict[str, tuple[Callable, float]] = {
    "sphere": (lambda z: z @ z, 10.0),
    "ellipsoid": (lambda z: rising(z, 1e6) @ z**2, 10.0),
    "cigar": (lambda z: z[0] ** 2 + 1e6 * (z[1:] @ z[1:]), 10.0),
    "discus": (lambda z: 1e6 * z[0] ** 2 + z[1:] @ z[1:], 10.0),
    "powers": (lambda z: math.sqrt(np.sum(np.abs(z) ** (2 * rising(z, 3.0)))), 4.0),
    "ridge": (lambda z: z[0] ** 2 + 100 * math.sqrt(z[1:] @ z[1:]), 10.0),
    "absolute": (lambda z: np.abs(z).sum(), 10.0),
    "rosenbrock": (rosenbrock, 4.0),
    "zakharov": (zakharov, 10.0),
    "levy": (levy, 20.0),
    "rastrigin": (lambda z: 10 * np.sum(1 - np.cos(2 * np.pi * z)) + z @ z, 6.0),
    "ackley": (ackley, 20.0),
    "griewank": (griewank, 30.0),
    "schaffer": (schaffer, 10.0),
    "weierstrass": (weierstrass, 2.0),
}
"""Functions, and what width of z the range of a parameter is."""


def base_of(shape: Shape, rng: np.random.Generator) -> tuple[Callable, float]:
    """Return a function of z and its width."""
    return (peaks(shape.d, rng), 10.0) if shape.base == "peaks" else BASES[shape.base]


def peaks(d: int, rng: np.random.Generator) -> Callable:
    """Return Gallagher's function of 21 peaks, the highest of them at 0."""
    tops = rng.uniform(-5, 5, (21, d))
    tops[0] = 0.0
    heights = np.array([10.0, *np.linspace(1.1, 9.1, 20)])
    steep = 1000.0 ** (rng.permuted(np.tile(np.linspace(-0.25, 0.25, d), (21, 1)), axis=1))

    def function(z):
        squares = ((z - tops) ** 2 * steep).sum(axis=1)
        return (10 - np.max(heights * np.exp(-squares / (2 * d)))) ** 2

    return function
