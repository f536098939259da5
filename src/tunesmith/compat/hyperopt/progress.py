"""How far a search is, as Hyperopt's callbacks tell it.

A callback takes ``initial`` and ``total``, the numbers of trials that have ended and that there
are to be, and returns a context manager. That yields an object with a method ``update(n)``, called
when `n` more trials have ended, and an attribute ``postfix``, a text that is set before.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, redirect_stdout
from typing import Any, Protocol, TextIO

from tunesmith.progress import Progress, make_progress


class Meter(Protocol):
    """What a callback's context manager yields."""

    postfix: str

    def update(self, n: int) -> None:
        """Tell that so many more trials have ended."""


Callback = Callable[[int, int | None], AbstractContextManager[Meter]]


@contextmanager
def tqdm_progress_callback(initial: int, total: int | None) -> Iterator[Meter]:
    """Show progress as tunesmith's searches do: a bar on a terminal, a few lines elsewhere.

    Parameters
    ----------
    initial : int
        Number of trials that have ended before.
    total : int or None
        Number of trials there are to be; None where nobody knows.

    Yields
    ------
    Meter
    """
    display = make_progress("auto")
    display.start(total, "fmin")
    try:
        # So that what a function prints and what is shown here come in the order they are made.
        with redirect_stdout(_LineByLine(sys.stdout)):
            yield _Shown(display, initial)
    finally:
        display.stop()


@contextmanager
def no_progress_callback(initial: int, total: int | None) -> Iterator[Meter]:
    """Show nothing."""
    yield _Unshown()


default_callback = tqdm_progress_callback


class _Shown:
    def __init__(self, display: Progress, done: int) -> None:
        self.postfix = ""
        self._display = display
        self._done = done

    def update(self, n: int) -> None:
        self._done += n
        self._display.update(done=self._done, best=None, best_params=None, note=self.postfix)


class _Unshown:
    postfix = ""

    def update(self, n: int) -> None:
        """Nobody looks."""


class _LineByLine:
    """A stream that is flushed at the end of each line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        written = self._stream.write(text)
        if "\n" in text:
            self._stream.flush()
        return written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
