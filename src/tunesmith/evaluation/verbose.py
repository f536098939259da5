"""The lines that scikit-learn's searches print about each fit, at a `verbose` above 1."""

from __future__ import annotations

from dataclasses import dataclass

from joblib import logger

from tunesmith.trial import Job, Outcome, Scores

_WIDTH = 80


@dataclass(frozen=True)
class Narrator:
    """Tells of the fits of one search.

    Parameters
    ----------
    verbose : int
        From 2: parameters and time of each fit; from 3: scores and number of the split;
        from 10: number of the candidate, and a line when a fit begins.
    n_splits, n_candidates : int
        How many there are.
    """

    verbose: int
    n_splits: int
    n_candidates: int

    def begin(self, job: Job) -> None:
        """Tell that a fit begins."""
        if self.verbose > 9:
            start = f"[CV{self._place(job)}] START {_described(job)}"
            print(f"{start}{(_WIDTH - len(start)) * '.'}")

    def end(self, job: Job, outcome: Outcome) -> None:
        """Tell what came of a fit."""
        if self.verbose < 2:
            return
        params = _described(job)
        result = params + (";" if params else "")
        if self.verbose > 2:
            result += _scores(outcome.test_scores, outcome.train_scores)
        seconds = outcome.fit_time + outcome.score_time
        result += f" total time={logger.short_format_time(seconds)}"
        end = f"[CV{self._place(job)}] END "
        print(f"{end}{'.' * (_WIDTH - len(end) - len(result))}{result}")

    def _place(self, job: Job) -> str:
        split = f" {job.split + 1}/{self.n_splits}" if self.verbose > 2 else ""
        candidate = f"; {job.trial + 1}/{self.n_candidates}" if self.verbose > 9 else ""
        return split + candidate


def _described(job: Job) -> str:
    return ", ".join(f"{name}={job.params[name]}" for name in sorted(job.params))


def _scores(test: Scores | None, train: Scores | None) -> str:
    if not isinstance(test, dict):
        assert not isinstance(train, dict)
        return f", score={_pair(test, train)}"
    named = train if isinstance(train, dict) else dict.fromkeys(test)
    pairs = {name: _pair(test[name], named[name], "test=") for name in sorted(test)}
    return "".join(f" {name}: ({pair})" for name, pair in pairs.items())


def _pair(test: float | None, train: float | None, label: str = "") -> str:
    if train is None:
        return f"{label}{test:.3f}"
    both = f"train={train:.3f}, test={test:.3f}"
    return both if label else f"({both})"
