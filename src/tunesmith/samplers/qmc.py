"""Points of a sequence that fills the space evenly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tunesmith.exceptions import SpaceError
from tunesmith.samplers import Suggestion
from tunesmith.space import Space
from tunesmith.trial import History

_SEQUENCES = ("sobol", "halton")
_SCRAMBLES = 20


@dataclass(frozen=True)
class QMCSampler:
    """Suggests the points of a scrambled low-discrepancy sequence.

    They leave smaller gaps than random points, on every column and on pairs of them. Whole
    numbers and categories are as frequent as their cells of the unit interval are wide, as in
    random draws. The scramble is made of the study's seed, so trial *n* follows from the seed and
    *n* alone. A point at which a constraint does not hold is replaced by that of the same number
    of another scramble.

    Parameters
    ----------
    sequence : {"sobol", "halton"}, default="sobol"
        Sobol's sequence is the more even one after 2, 4, 8, … trials; Halton's after any number.

    Raises
    ------
    SpaceError
        If there is no such sequence.

    References
    ----------
    A. B. Owen, "Scrambling Sobol' and Niederreiter-Xing points", Journal of Complexity 14 (1998);
    A. B. Owen, "A randomized Halton algorithm in R", arXiv:1706.02808 (2017).

    Examples
    --------
    >>> import numpy as np
    >>> from tunesmith.samplers.qmc import QMCSampler
    >>> from tunesmith.space import Int, Space
    >>> from tunesmith.trial import History
    >>> space = Space.read({"n": Int(1, 4)})
    >>> nothing, known = np.empty((0, 1)), np.empty(0, dtype=bool)
    >>> histories = [History(number, (), nothing, nothing, known) for number in range(4)]
    >>> rng = np.random.default_rng(0)
    >>> sorted(QMCSampler().suggest(space, h, rng).params["n"] for h in histories)
    [1, 2, 3, 4]
    """

    sequence: Literal["sobol", "halton"] = "sobol"
    adaptive: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.sequence not in _SEQUENCES:
            raise SpaceError(f"sequence has to be one of {_SEQUENCES}, got {self.sequence!r}")

    def suggest(self, space: Space, history: History, rng: Generator) -> Suggestion:
        """Return point ``history.number`` of the sequence.

        Parameters
        ----------
        space : Space
            The space to fill.
        history : History
            Only its `number` and its `seed` are looked at.
        rng : numpy.random.Generator
            Drawn from where no scramble has a point at which the constraints hold.

        Returns
        -------
        Suggestion
            The point.
        """
        if not space.n_dimensions:
            return Suggestion(space.decode(np.empty(0)))
        for scramble in range(_SCRAMBLES):
            params = space.decode(self._point(space, history, scramble))
            if space.allows(params):
                return Suggestion(params)
        return Suggestion(space.sample(rng))

    def _point(self, space: Space, history: History, scramble: int) -> NDArray[np.float64]:
        # scipy.stats takes long to load.
        from scipy.stats import qmc

        kind = qmc.Sobol if self.sequence == "sobol" else qmc.Halton
        seed = [history.seed, scramble] if scramble else history.seed
        engine = kind(space.n_dimensions, scramble=True, rng=np.random.default_rng(seed))
        if history.number:
            engine.fast_forward(history.number)
        return np.asarray(engine.random(1)[0])
