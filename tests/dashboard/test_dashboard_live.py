"""Displays: what reaches the terminal, and what happens when it changes, breaks or goes away."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from io import StringIO
from pathlib import Path

import dashboard_run as run
import pytest
from rich.console import Console

from llmload.dashboard.live import (
    Display,
    LiveDisplay,
    PlainDisplay,
    QuietDisplay,
    choose_display,
    shown,
    stderr_console,
)
from llmload.dashboard.view import Frame

SHOW, HIDE = "\x1b[?25h", "\x1b[?25l"


def frame() -> Frame:
    return run.frame_at(30.0)


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def terminal(width: int = 80, height: int = 24) -> Console:
    return Console(file=StringIO(), force_terminal=True, width=width, height=height, legacy_windows=False, _environ={})


def written(console: Console) -> str:
    assert isinstance(console.file, StringIO)
    text = console.file.getvalue()
    console.file.seek(0)
    console.file.truncate()
    return text


# Choosing


def test_a_terminal_gets_the_picture_and_a_pipe_gets_lines() -> None:
    assert isinstance(choose_display(terminal()), LiveDisplay)
    assert isinstance(choose_display(Console(file=StringIO(), _environ={})), PlainDisplay)


def test_a_terminal_that_cannot_move_its_cursor_gets_lines() -> None:
    dumb = Console(file=StringIO(), force_terminal=True, _environ={"TERM": "dumb"})
    assert isinstance(choose_display(dumb), PlainDisplay)


@pytest.mark.parametrize(("mode", "kind"), [("live", LiveDisplay), ("plain", PlainDisplay), ("quiet", QuietDisplay)])
def test_a_mode_that_is_asked_for_is_given(mode: str, kind: type[Display]) -> None:
    assert isinstance(choose_display(terminal(), mode), kind)  # type: ignore[arg-type]


# The picture


def test_a_run_hides_the_cursor_draws_and_gives_it_back() -> None:
    console = terminal()
    with shown(LiveDisplay(console)) as display:
        display.update(frame())
        begun = written(console)
        assert HIDE in begun
        assert "peak hour" in begun
        assert SHOW not in begun
    assert SHOW in written(console)


def test_an_exception_gives_the_terminal_back_too() -> None:
    console = terminal()
    before = sys.stdout, sys.stderr

    def fail() -> None:
        with shown(LiveDisplay(console)) as display:
            display.update(frame())
            raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        fail()
    assert written(console).count(SHOW) == 1
    assert (sys.stdout, sys.stderr) == before


def test_stdout_is_left_alone_while_the_picture_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    console = terminal()
    with shown(LiveDisplay(console)):
        print("a result")
    assert capsys.readouterr().out == "a result\n"
    assert "a result" not in written(console)


def test_it_draws_no_more_often_than_a_few_times_a_second_but_never_misses_the_last_frame() -> None:
    console, clock = terminal(), Clock()
    display = LiveDisplay(console, now=clock)
    display.start()
    drawn = []
    for n in range(20):
        clock.seconds += 0.05
        display.update(replace(frame(), title=f"frame-{n}"))
        drawn.append(f"frame-{n}" in written(console))
    assert sum(drawn) == 4
    display.update(replace(frame(), title="the very last"))
    display.stop()
    assert "the very last" in written(console)


def test_a_message_stays_above_the_picture_and_is_only_text() -> None:
    console = terminal()
    with shown(LiveDisplay(console)) as display:
        display.update(frame())
        written(console)
        display.message("[red]disk\x1b[2J full[/red]")
        assert "[red]disk full[/red]\n" in written(console)


def test_a_resized_terminal_is_drawn_anew_in_its_new_size() -> None:
    console, clock = terminal(), Clock()
    with shown(LiveDisplay(console, now=clock)) as display:
        display.update(frame())
        written(console)
        for width, height in ((120, 40), (200, 50), (60, 10), (10, 3)):
            console.size = (width, height)  # type: ignore[assignment]
            clock.seconds += 1
            display.update(frame())
            text = written(console)
            picture = text[text.rindex("\x1b[2J\x1b[H") + 7 :]
            assert picture.count("\n") < height
    assert written(console).count(SHOW) == 1


def test_starting_and_stopping_twice_is_once() -> None:
    console = terminal()
    display = LiveDisplay(console)
    display.stop()
    display.start()
    display.start()
    display.update(frame())
    display.stop()
    display.stop()
    text = written(console)
    assert (text.count(HIDE), text.count(SHOW)) == (1, 1)


# Lines


def test_lines_come_every_few_seconds_and_with_every_phase() -> None:
    out, clock = StringIO(), Clock()
    display = PlainDisplay(Console(file=out, width=40, _environ={}), every=5.0, now=clock)
    for n in range(20):
        display.update(replace(frame(), elapsed=float(n)))
        clock.seconds += 1
    assert [line.split("/")[0] for line in out.getvalue().splitlines()] == ["0:00", "0:05", "0:10", "0:15"]
    display.update(replace(frame(), phase="spike"))
    display.update(replace(frame(), phase="spike", stage="done"))
    assert [("spike" in line, "done" in line.split()) for line in out.getvalue().splitlines()[-2:]] == [
        (True, False),
        (True, True),
    ]


def test_a_console_of_ascii_gets_lines_of_ascii() -> None:
    class Ascii(StringIO):
        encoding = "ascii"

    out = Ascii()
    display = PlainDisplay(Console(file=out, width=40, _environ={}))
    display.message("87 µs … ünïcode")
    assert out.getvalue() == "87 us ~ ?n?code\n"


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with shown(QuietDisplay()) as display:
        display.update(frame())
        display.message("hello")
    assert capsys.readouterr() == ("", "")


# A stderr that goes away


@pytest.fixture(params=["pipe without a reader", "full device", "closed file"])
def broken_stderr(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Console]:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    if request.param == "pipe without a reader":
        read, write = os.pipe()
        os.close(read)
        file = os.fdopen(write, "w")
    else:
        file = Path("/dev/full" if request.param == "full device" else os.devnull).open("w")  # noqa: SIM115
    monkeypatch.setattr(sys, "stderr", file)
    console = stderr_console()
    if request.param == "closed file":
        file.close()
    yield console
    with suppress(OSError):
        file.close()


@pytest.mark.parametrize("mode", ["live", "plain"])
def test_a_broken_stderr_silences_the_display_and_the_run_goes_on(broken_stderr: Console, mode: str) -> None:
    stdout = sys.stdout
    with shown(choose_display(broken_stderr, mode)) as display:  # type: ignore[arg-type]
        for n in range(5):
            display.update(replace(frame(), phase=str(n)))
            display.message("still here")
    assert sys.stdout is stdout


_PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import dashboard_run as run
from llmload.dashboard.live import choose_display, shown, stderr_console
with shown(choose_display(stderr_console(), "auto")) as display:
    for at, flying, summary in run.summaries(until=2.0):
        display.update(run.frame_of(at, flying, summary))
print("result")
"""


def test_a_process_whose_stderr_is_closed_ends_well_with_its_result() -> None:
    command = f'exec "{sys.executable}" -c "$0" "$1" 2>&-'
    done = subprocess.run(
        ["/bin/sh", "-c", command, _PROGRAM, str(Path(__file__).parent)], stdout=subprocess.PIPE, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "result\n")
