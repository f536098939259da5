"""Show how far a search is: a live bar on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, Protocol, TextIO

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

Params = Mapping[str, Any]

_FIRST_LINE = 10.0
_LONGEST_SILENCE = 1800.0


class Progress(Protocol):
    """What a search tells about itself while it runs; called from one thread."""

    def start(self, total: int | None, label: str) -> None:
        """Begin, or go on with a new total.

        Parameters
        ----------
        total : int or None
            Number of evaluations asked for; None where nobody knows.
        label : str
            Name of what runs, such as ``"GridSearchCV"``.
        """

    def update(
        self,
        *,
        done: int,
        best: float | None,
        best_params: Params | None,
        note: str = "",
    ) -> None:
        """Tell how far the search is; cheap enough for thousands of calls a second.

        Parameters
        ----------
        done : int
            Number of evaluations that have ended.
        best : float or None
            Best score so far.
        best_params : mapping of str to object or None
            The parameters it belongs to.
        note : str, default=""
            A short word on what is going on.
        """

    def found(self, count: int, text: str) -> None:
        """Say in one line that so many evaluations are there already.

        They are among those that `update` tells as done, but not for the time left.
        """

    def stop(self) -> None:
        """End, also after an error; a second call does nothing."""


def make_progress(mode: bool | Literal["auto"]) -> Progress:
    """Return the display that `mode` asks for.

    Parameters
    ----------
    mode : bool or "auto"
        ``"auto"``: a live bar where standard error is a terminal or a notebook;
        elsewhere plain lines on standard error, the first after ten seconds and the
        next ones farther and farther apart; nothing in worker processes. True: the
        same, with plain lines from the start. False: nothing.

    Returns
    -------
    Progress

    Raises
    ------
    ValueError
        If `mode` is none of these.

    Examples
    --------
    >>> progress = make_progress(False)
    >>> progress.start(24, "GridSearchCV")
    >>> progress.update(done=1, best=-0.31, best_params={"epochs": 3})
    >>> progress.stop()
    """
    if not (mode is True or mode is False or mode == "auto"):
        raise ValueError(f"progress must be 'auto', True or False; got {mode!r}")
    if mode is False or sys.stderr is None or (mode == "auto" and _in_worker()):
        return Silent()
    if _in_notebook() or _on_terminal(sys.stderr):
        return Bar()
    return Lines(sys.stderr, first=0.0 if mode is True else _FIRST_LINE)


def _in_worker() -> bool:
    return multiprocessing.current_process().name != "MainProcess"


def _on_terminal(stream: TextIO) -> bool:
    with suppress(AttributeError, ValueError):  # it is no whole file, or closed
        return stream.isatty() and os.environ.get("TERM") != "dumb"
    return False


def _in_notebook() -> bool:
    """Whether a notebook shows the output, and can show something that changes."""
    return "ipykernel" in sys.modules and importlib.util.find_spec("ipywidgets") is not None


class Tally:
    """How far a search is, and how long it will take.

    Parameters
    ----------
    clock : callable, default=time.monotonic
        Returns seconds.

    Attributes
    ----------
    label : str
        Name of what runs.
    total : int or None
        Number of evaluations asked for.
    done : int
        Number of evaluations that have ended.
    best : float or None
        Best score so far.
    best_params : mapping of str to object or None
        The parameters it belongs to.
    note : str
        A short word on what is going on.
    found : int
        Number of evaluations that were there already.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.label = ""
        self.total: int | None = None
        self.done = 0
        self.best: float | None = None
        self.best_params: Params | None = None
        self.note = ""
        self.found = 0
        self._begun: float | None = None
        self._last = 0.0

    def start(self, total: int | None, label: str) -> bool:
        """Take a total; return whether this is the first."""
        self.total, self.label = total, label
        if self._begun is not None:
            return False
        self._begun = self._last = self.clock()
        return True

    def update(
        self, done: int, best: float | None, best_params: Params | None, note: str
    ) -> float:
        """Take the state of the search; return the time."""
        now = self.clock()
        if done != self.done:
            self._last = now
        self.done, self.best, self.best_params, self.note = done, best, best_params, note
        return now

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return 0.0 if self._begun is None else self.clock() - self._begun

    @property
    def left(self) -> float | None:
        """Estimated seconds to the end; None where there is nothing to tell it from."""
        ran = self.done - self.found
        if self.total is None or self._begun is None or ran <= 0:
            return None
        pace = (self._last - self._begun) / ran
        return max(0.0, (self.total - self.done) * pace - (self.clock() - self._last))

    @property
    def count(self) -> str:
        """Done and total in words, such as ``12/24``."""
        return f"{self.done}" if self.total is None else f"{self.done}/{self.total}"

    @property
    def winner(self) -> str:
        """The best score so far and its parameters; empty where there is none."""
        if self.best is None:
            return ""
        return f"best {self.best:.4g}  {describe(self.best_params or {})}".rstrip()


class Silent:
    """Shows nothing."""

    def start(self, total: int | None, label: str) -> None:
        """Do nothing."""

    def update(
        self,
        *,
        done: int,
        best: float | None,
        best_params: Params | None,
        note: str = "",
    ) -> None:
        """Do nothing."""

    def found(self, count: int, text: str) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""


class Lines:
    """Plain lines for logs, each after twice the time of the one before.

    A search that ends before the first line is due leaves no trace.

    Parameters
    ----------
    stream : file object
        Where to write.
    first : float
        Seconds until the first line.
    clock : callable, default=time.monotonic
        Returns seconds.
    """

    def __init__(
        self, stream: TextIO, first: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = stream
        self._tally = Tally(clock)
        self._first = first
        self._due = first
        self._silence = max(first, 1.0)
        self._waiting: list[str] = []
        self._shown = ""
        self._stopped = False

    def start(self, total: int | None, label: str) -> None:
        """Begin, or go on with a new total."""
        if self._tally.start(total, label):
            self._due = self._tally.clock() + self._first

    def update(
        self,
        *,
        done: int,
        best: float | None,
        best_params: Params | None,
        note: str = "",
    ) -> None:
        """Tell how far the search is."""
        now = self._tally.update(done, best, best_params, note)
        if now >= self._due and not self._stopped:
            self._write(self._line())
            self._due = now + self._silence
            self._silence = min(2 * self._silence, _LONGEST_SILENCE)

    def found(self, count: int, text: str) -> None:
        """Write one line, but not before the first one is due."""
        self._tally.found += count
        self._waiting.append(text)
        if self._shown or self._tally.clock() >= self._due:
            self._flush()

    def stop(self) -> None:
        """Write how it ended, unless nothing was written before."""
        if not self._stopped and self._shown:
            self._write(self._line())
        self._stopped = True

    def _line(self) -> str:
        tally = self._tally
        left = tally.left
        parts = [f"{tally.count} evaluations", duration(tally.elapsed)]
        if left and tally.done != tally.total:
            parts.append(f"about {duration(left)} left")
        return f"{tally.label}: " + ", ".join(filter(None, [*parts, tally.winner, tally.note]))

    def _write(self, line: str) -> None:
        if line != self._shown:
            self._shown = line
            self._waiting.append(line)
        self._flush()

    def _flush(self) -> None:
        lines, self._waiting = self._waiting, []
        with suppress(OSError, ValueError):  # nobody reads it any more, and the search goes on
            for line in lines:
                print(line, file=self._stream)
            self._stream.flush()


class Bar:
    """A live display that a thread of its own redraws a few times a second.

    Parameters
    ----------
    console : rich.console.Console, default=None
        Where to draw; None means standard error.
    clock : callable, default=time.monotonic
        Returns seconds.
    """

    def __init__(
        self, console: Console | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._console = console
        self._tally = Tally(clock)
        self._live: Live | None = None

    def start(self, total: int | None, label: str) -> None:
        """Begin, or go on with a new total."""
        if not self._tally.start(total, label):
            return
        from rich.console import Console
        from rich.live import Live

        self._live = Live(
            console=self._console or Console(stderr=True),
            get_renderable=self._draw,
            refresh_per_second=8,
            # What a script prints goes above the bar, but never from a pipe to the terminal.
            redirect_stdout=_on_terminal(sys.stdout),
        )
        self._live.start(refresh=True)

    def update(
        self,
        *,
        done: int,
        best: float | None,
        best_params: Params | None,
        note: str = "",
    ) -> None:
        """Tell how far the search is."""
        self._tally.update(done, best, best_params, note)

    def found(self, count: int, text: str) -> None:
        """Show one line above the bar."""
        self._tally.found += count
        from rich.text import Text

        if self._live is not None:
            self._live.console.print(Text(text))

    def stop(self) -> None:
        """Draw the last state and give the terminal back."""
        live, self._live = self._live, None
        if live is not None:
            live.stop()

    def _draw(self) -> RenderableType:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        tally = self._tally
        left = tally.left
        ended = tally.done == tally.total
        row = Table.grid(padding=(0, 1))
        row.add_column(style="bold", no_wrap=True)
        row.add_column(min_width=8, max_width=32)
        for style in ("green", "dim", "", "yellow"):
            row.add_column(style=style, no_wrap=True)
        row.add_row(
            tally.label,
            ProgressBar(total=tally.total, completed=tally.done),
            tally.count,
            duration(tally.elapsed),
            "" if left is None or ended else f"about {duration(left)} left",
            Text(tally.note),
        )
        return Group(row, Text(tally.winner, style="cyan", no_wrap=True, overflow="ellipsis"))


def describe(params: Params) -> str:
    """Return parameters as ``name=value`` pairs, long values cut short.

    Examples
    --------
    >>> describe({"dense_layer_sizes": [32, 32], "epochs": 6})
    'dense_layer_sizes=[32, 32], epochs=6'
    """
    return ", ".join(f"{name}={_short(value)}" for name, value in params.items())


def _short(value: object, width: int = 40) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else " ".join(repr(value).split())
    return text if len(text) <= width else text[: width - 1] + "…"


def duration(seconds: float) -> str:
    """Return a number of seconds in words for people.

    Examples
    --------
    >>> duration(7.4), duration(83), duration(7500)
    ('7 s', '1 min 23 s', '2 h 05 min')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
