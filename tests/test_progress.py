from __future__ import annotations

import io
import multiprocessing
import os
import sys
import time
from types import SimpleNamespace

import pytest
from rich.console import Console

from tunesmith.progress import Bar, Lines, Silent, Tally, describe, duration, make_progress

PARAMS = {"dense_layer_sizes": [32, 32], "epochs": 6}
CURSOR_HIDDEN, CURSOR_SHOWN = "\x1b[?25l", "\x1b[?25h"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def stream():
    return io.StringIO()


@pytest.fixture
def console():
    return Console(file=io.StringIO(), force_terminal=True, width=100, legacy_windows=False)


def report(progress, done, best=-0.25, params=PARAMS, note=""):
    progress.update(done=done, best=best, best_params=params, note=note)


class TestMode:
    @pytest.mark.parametrize("mode", ["bar", None, "True", 2])
    def test_unknown_mode_names_the_legal_ones(self, mode):
        with pytest.raises(ValueError, match=r"'auto', True or False; got"):
            make_progress(mode)

    def test_false_is_silent(self):
        assert isinstance(make_progress(False), Silent)

    def test_without_standard_error_there_is_nowhere_to_show(self, monkeypatch):
        monkeypatch.setattr(sys, "stderr", None)
        assert isinstance(make_progress(True), Silent)

    @pytest.mark.parametrize("broken", ["closed", "full", "no isatty"])
    def test_what_standard_error_cannot_show_costs_no_search(self, monkeypatch, broken):
        with open("/dev/full" if broken == "full" else os.devnull, "w") as stream:
            if broken == "closed":
                stream.close()
            elif broken == "no isatty":
                stream = SimpleNamespace(write=stream.write, flush=stream.flush)
            monkeypatch.setattr(sys, "stderr", stream)
            progress = make_progress(True)
            progress.start(2, "GridSearchCV")
            report(progress, 1)
            progress.stop()
            if broken == "full":
                with pytest.raises(OSError, match="No space left"):
                    stream.close()

    def test_terminal_gets_a_bar(self, monkeypatch):
        monkeypatch.setattr(sys, "stderr", Terminal())
        monkeypatch.setenv("TERM", "xterm")
        assert isinstance(make_progress("auto"), Bar)
        assert isinstance(make_progress(True), Bar)

    def test_terminal_that_cannot_redraw_gets_lines(self, monkeypatch):
        monkeypatch.setattr(sys, "stderr", Terminal())
        monkeypatch.setenv("TERM", "dumb")
        assert isinstance(make_progress("auto"), Lines)

    def test_pipe_gets_lines_at_once_only_if_asked(self, monkeypatch):
        monkeypatch.setattr(sys, "stderr", io.StringIO())
        for mode, shown in (("auto", False), (True, True)):
            progress = make_progress(mode)
            progress.start(2, "GridSearchCV")
            report(progress, 1)
            assert bool(sys.stderr.getvalue()) is shown

    def test_worker_process_is_silent(self, monkeypatch):
        monkeypatch.setattr(sys, "stderr", Terminal())
        monkeypatch.setattr(multiprocessing.current_process(), "name", "LokyProcess-1")
        assert isinstance(make_progress("auto"), Silent)


class TestTally:
    def test_time_left_follows_the_rate(self, clock):
        tally = Tally(clock)
        tally.start(10, "search")
        clock.now += 8
        tally.update(4, None, None, "")
        assert tally.left == pytest.approx(12)
        clock.now += 1
        assert tally.left == pytest.approx(11)

    def test_found_evaluations_do_not_count(self, clock):
        tally = Tally(clock)
        tally.start(24, "search")
        tally.found += 12
        tally.update(12, None, None, "")
        assert tally.left is None
        clock.now += 6
        tally.update(15, None, None, "")
        assert tally.left == pytest.approx(9 * 2)

    def test_time_left_is_never_negative(self, clock):
        tally = Tally(clock)
        tally.start(2, "search")
        clock.now += 1
        tally.update(1, None, None, "")
        clock.now += 50
        assert tally.left == 0

    def test_unknown_total_has_no_time_left(self, clock):
        tally = Tally(clock)
        tally.start(None, "search")
        clock.now += 1
        tally.update(1, None, None, "")
        assert tally.left is None
        assert tally.count == "1"

    def test_total_may_grow(self, clock):
        tally = Tally(clock)
        assert tally.start(2, "search")
        clock.now += 2
        tally.update(2, None, None, "")
        assert not tally.start(6, "search")
        assert tally.count == "2/6"
        assert tally.left == pytest.approx(4)
        assert tally.elapsed == 2


class TestLines:
    def test_short_search_leaves_no_trace(self, clock, stream):
        progress = Lines(stream, first=10, clock=clock)
        progress.start(3, "GridSearchCV")
        progress.found(1, "study 'x': 1 of 3 evaluations found, 2 to run")
        for done in (1, 2, 3):
            clock.now += 3
            report(progress, done)
        progress.stop()
        assert stream.getvalue() == ""

    def test_lines_come_at_growing_intervals(self, clock, stream):
        progress = Lines(stream, first=10, clock=clock)
        progress.start(2000, "GridSearchCV")
        times, length = [], 0
        for done in range(1, 1001):
            clock.now += 1
            report(progress, done)
            if len(stream.getvalue()) > length:
                times.append(done)
                length = len(stream.getvalue())
        assert times == [10, 20, 40, 80, 160, 320, 640]

    def test_line_says_what_matters(self, clock, stream):
        progress = Lines(stream, first=0, clock=clock)
        progress.start(24, "GridSearchCV")
        clock.now += 60
        report(progress, 12, best=-0.123456, note="3 failed")
        assert stream.getvalue() == (
            "GridSearchCV: 12/24 evaluations, 1 min 00 s, about 1 min 00 s left, "
            "best -0.1235  dense_layer_sizes=[32, 32], epochs=6, 3 failed\n"
        )

    def test_what_is_found_waits_for_the_first_line(self, clock, stream):
        progress = Lines(stream, first=10, clock=clock)
        progress.start(24, "GridSearchCV")
        progress.found(12, "12 found")
        assert stream.getvalue() == ""
        clock.now += 11
        report(progress, 13)
        assert [line[:12] for line in stream.getvalue().splitlines()] == [
            "12 found",
            "GridSearchCV",
        ]
        progress.found(0, "a late word")
        assert stream.getvalue().endswith("a late word\n")

    def test_ends_with_one_last_line(self, clock, stream):
        progress = Lines(stream, first=0, clock=clock)
        progress.start(2, "GridSearchCV")
        report(progress, 1)
        clock.now += 0.5
        report(progress, 2)
        progress.stop()
        progress.stop()
        lines = stream.getvalue().splitlines()
        assert len(lines) == 2
        assert lines[-1].startswith("GridSearchCV: 2/2 evaluations")
        assert "left" not in lines[-1]

    def test_stop_without_start(self, stream):
        Lines(stream, first=0).stop()
        assert stream.getvalue() == ""


class TestBar:
    def test_draws_the_state(self, clock, console):
        progress = Bar(console, clock)
        progress.start(24, "GridSearchCV")
        clock.now += 30
        report(progress, 6, note="1 failed")
        progress.stop()
        shown = console.file.getvalue()
        for text in (
            "6/24",
            "30 s",
            "about 1 min 30 s left",
            "best -0.25",
            "epochs=6",
            "1 failed",
        ):
            assert text in shown

    def test_what_is_found_stands_above(self, console):
        progress = Bar(console)
        progress.start(24, "GridSearchCV")
        progress.found(12, "study [digits]: 12 of 24 evaluations found")
        progress.stop()
        assert "study [digits]: 12 of 24 evaluations found\n" in console.file.getvalue()

    def test_terminal_is_given_back_once(self, console):
        progress = Bar(console)
        stdout, stderr = sys.stdout, sys.stderr
        progress.start(24, "GridSearchCV")
        assert CURSOR_HIDDEN in console.file.getvalue()
        progress.stop()
        shown = console.file.getvalue()
        assert shown.count(CURSOR_SHOWN) == 1
        assert (sys.stdout, sys.stderr) == (stdout, stderr)
        progress.stop()
        assert console.file.getvalue() == shown

    def test_output_of_a_script_stays_in_its_pipe(self, console, monkeypatch):
        piped = io.StringIO()
        monkeypatch.setattr(sys, "stdout", piped)
        progress = Bar(console)
        progress.start(24, "GridSearchCV")
        print("result")
        progress.stop()
        assert piped.getvalue() == "result\n"
        assert "result" not in console.file.getvalue()

    def test_stop_without_start(self, console):
        Bar(console).stop()
        assert console.file.getvalue() == ""

    def test_second_start_changes_the_total(self, console):
        progress = Bar(console)
        progress.start(8, "SearchCV")
        report(progress, 8)
        progress.start(12, "SearchCV")
        progress.stop()
        assert "8/12" in console.file.getvalue()

    def test_narrow_terminal_keeps_two_lines(self, clock):
        console = Console(file=io.StringIO(), width=60)
        progress = Bar(console, clock)
        progress.start(1000, "RandomizedSearchCV")
        clock.now += 100
        report(progress, 500, params={f"parameter_{i}": i for i in range(20)})
        progress.stop()
        first, second = console.file.getvalue().splitlines()
        assert first.startswith("RandomizedSearchCV 500/1000")
        assert second.startswith("best -0.25  parameter_0=0, parameter_1=1")
        assert second.endswith("…")


@pytest.mark.measures
@pytest.mark.parametrize("kind", ["bar", "lines", "silent"])
def test_update_takes_less_than_20_microseconds(kind, console, stream):
    progress = {"bar": lambda: Bar(console), "lines": lambda: Lines(stream, 0), "silent": Silent}[
        kind
    ]()
    n_updates = 50_000
    progress.start(n_updates, "GridSearchCV")
    begun = time.perf_counter()
    for done in range(n_updates):
        report(progress, done)
    seconds = time.perf_counter() - begun
    progress.stop()
    assert seconds / n_updates < 20e-6


def test_values_are_cut_short():
    assert describe({"C": 0.123456, "hidden": list(range(100))}) == (
        "C=0.1235, hidden=[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, …"
    )


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0 s"), (59.6, "1 min 00 s"), (3600, "1 h 00 min")]
)
def test_duration(seconds, text):
    assert duration(seconds) == text
