"""Whole pictures: golden ones, and what holds for every one."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from io import StringIO
from pathlib import Path

import dashboard_run as run
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from llmload.dashboard.view import Frame, Memory, render
from llmload.metrics.observed import Observed
from llmload.metrics.probed import Probed, Stall
from llmload.metrics.recorder import Recorder, RecorderSetup
from llmload.metrics.summary import Summary
from llmload.records import Outcome
from llmload.verdict.judge import judge
from llmload.verdict.validity import Level, Reason, Validity

GOLDEN = Path(__file__).parent / "golden"
SIZES = [(80, 24), (200, 50)]


def drawn(frame: Frame, width: int, height: int, color: str | None = None, encoding: str = "utf-8") -> str:
    """The picture as a terminal of that size gets it."""

    class File(StringIO):
        @property
        def encoding(self) -> str:
            return encoding

    out = File()
    console = Console(
        file=out, width=width, height=height, force_terminal=True, color_system=color, legacy_windows=False,
        no_color=color is None,
    )  # fmt: skip
    console.print(render(frame, width, height), end="")
    return out.getvalue()


def frame() -> Frame:
    return run.frame_at(100.0)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_picture_is_the_golden_one(width: int, height: int) -> None:
    picture = "\n".join(line.rstrip() for line in drawn(frame(), width, height).splitlines()) + "\n"
    golden = GOLDEN / f"running-{width}x{height}.txt"
    if os.environ.get("LLMLOAD_UPDATE_GOLDEN"):
        golden.write_text(picture)
    assert picture == golden.read_text()


def test_the_smallest_usual_terminal_shows_every_part() -> None:
    picture = drawn(frame(), 80, 24)
    parts = ["peak hour", "spike", "1:40 / 3:00", "planned", "in flight", "█ sent", "ttft", "chat-short", "summarise"]
    parts += [
        "embed-batch",
        "http_5xx",
        "queue is full",
        "ttft.p95 < 500ms",
        "rate.achieved",
        "generator",
        "calls.jsonl",
    ]
    assert [part for part in parts if part not in picture] == []


def test_a_large_terminal_shows_more_figures_plots_and_workers() -> None:
    large, small = drawn(frame(), 200, 50), drawn(frame(), 80, 24)
    assert [word for word in ("p99.9", "worker 0", "memory", "errors ──") if word not in large or word in small] == []


def test_what_is_observed_of_the_target_has_a_line_each() -> None:
    seen = Observed("process 7")
    seen.samples("memory").read(99.5, 2**28)
    probe = Observed("20 probes/s", probed=Probed(20.0, 0.1))
    assert probe.probed is not None
    probe.samples("probe").read(99.5, 0.002)
    probe.probed.stalled(Stall(50.0, 0.3))
    summary = Summary()
    summary.merge(frame().summary)
    summary.observed = {"server": seen, "health": probe}
    for width, height in SIZES:
        lines = drawn(replace(frame(), summary=summary), width, height).splitlines()
        assert any("target server  memory 256 MiB" in line for line in lines)
        assert any("target health  probe 2.00 ms  stalls 1, longest 300 ms" in line for line in lines)


@pytest.mark.parametrize("stage", ["starting", "running", "draining", "done"])
def test_a_run_of_which_nothing_is_known_yet_can_be_drawn(stage: str) -> None:
    empty = Frame(
        "new", "sim:", Summary(), stage=stage, duration=60.0, judgements=tuple(judge(run.OBJECTIVES, Summary()))
    )
    picture = drawn(empty, 80, 24)
    assert "no call has ended yet" in picture
    assert "no data" in picture


def test_warm_up_figures_are_shown_until_there_are_measured_ones() -> None:
    warm = run.frame_at(10.0)
    picture = drawn(warm, 80, 24)
    assert "(not measured)" in picture
    assert "chat-short" in picture


def test_colours_say_how_things_are_judged() -> None:
    picture = drawn(frame(), 80, 24, color="standard")
    assert "\x1b[1;31m✗\x1b[0m ttft.p95 < 500ms" in picture
    assert "\x1b[32m●\x1b[0m\x1b[1m generator" in picture
    calm = replace(frame(), judgements=(), validity=None)
    assert "\x1b[1;31m" not in drawn(calm, 80, 24, color="standard")


def test_without_colours_there_is_not_one_escape() -> None:
    assert "\x1b[3" not in drawn(frame(), 80, 24)
    assert drawn(frame(), 80, 24).count("✗") == 5


def test_a_terminal_of_plain_ascii_gets_plain_ascii_of_the_same_shape() -> None:
    plain, blocks = drawn(frame(), 80, 24, encoding="ascii"), drawn(frame(), 80, 24)
    assert plain.isascii()
    assert "?" not in plain
    assert [len(line) for line in plain.splitlines()] == [cell_len(line) for line in blocks.splitlines()]


def test_doubts_about_the_figures_stand_beside_the_generator() -> None:
    doubts = Validity(
        Level.INVALID,
        (Reason("schedule_lag", Level.INVALID, "schedule lag p99 38 ms is 30% of TTFT", "use --workers 4"),),
    )
    picture = drawn(replace(frame(), validity=doubts), 80, 40)
    assert "✗ generator INVALID" in picture
    assert "schedule lag p99 38 ms is 30% of TTFT: use --workers 4" in picture


def test_a_picture_with_memory_of_the_last_one_is_the_same_picture() -> None:
    memory = Memory()
    for at, flying, summary in run.summaries(until=40.0, every=4.0):
        now = run.frame_of(at, flying, summary)
        fresh, remembered = render(now, 200, 50), render(now, 200, 50, memory)
        assert fresh.lines == remembered.lines  # type: ignore[attr-defined]


def test_more_classes_than_lines_leaves_the_busiest() -> None:
    many = {f"class-{n:02d}": (float(n + 1), run.Api.CHAT, 40, 3) for n in range(40)}
    *_, (at, flying, summary) = run.summaries(until=25.0, every=25.0, classes=many)
    picture = drawn(run.frame_of(at, flying, summary), 80, 24)
    assert "all " in picture
    assert "class-00" not in picture
    assert len(picture.splitlines()) <= 24
    everything = drawn(run.frame_of(at, flying, summary), 200, 70)
    assert all(name in everything for name in many)


HOSTILE = [
    "\x1b[2J\x1b[H\x1b]0;owned\x07",
    "[bold red]not[/bold red] [link=http://evil]x[/link] [/]",
    "line\nbreak\r\ttab\x00\x08\x7f\x9b31m",
    "\u202egnirts\u202c \u2066x\u2069 \u200b\ufeff",
    "名前" * 60,
    "e\u0301" * 90 + "👩\u200d👩\u200d👧",
    "x" * 5000,
    "%s {0} {x} \\",
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_what_others_wrote_is_text_and_nothing_else(text: str, width: int, height: int) -> None:
    picture = drawn(_with_text_everywhere(text), width, height, color="truecolor")
    bare = picture.replace("\x1b[0m", "")
    for code in ("1", "2", "32", "33", "36", "90", "1;31", "2;33"):
        bare = bare.replace(f"\x1b[{code}m", "")
    assert all(char.isprintable() or char == "\n" for char in bare)
    assert all(cell_len(line) <= width for line in bare.splitlines())
    assert len(bare.splitlines()) <= height
    if "[bold red]" in text:
        assert "[bold red]" in bare


def _with_text_everywhere(text: str) -> Frame:
    recorder = Recorder(RecorderSetup(run.START, run.PHASES))
    rng = random.Random(1)
    for index in range(60):
        call = run.record(
            index, 20 + index * 0.1, rng, 1.0, {text: (1.0, run.Api.CHAT, 9, 4), "b": (1.0, run.Api.CHAT, 9, 4)}
        )
        call.outcome, call.detail = Outcome.ERROR_EVENT, text
        recorder.add(call)
    summary = recorder.take()
    doubts = Validity(Level.SUSPECT, (Reason(text, Level.SUSPECT, text, text),))
    return replace(
        run.frame_of(30.0, 1, summary), title=text, target=text, phase=text, messages=(text, text), validity=doubts
    )


def _moments() -> list[Frame]:
    return [run.frame_at(at) for at in (0.5, 3.0, 30.0, 100.0)]


@settings(max_examples=60, deadline=None)
@given(
    width=st.integers(1, 260),
    height=st.integers(1, 80),
    moment=st.integers(0, 3),
    elapsed=st.floats(0, 200_000),
    duration=st.floats(0, 200_000),
    objectives=st.integers(0, 5),
    repeated=st.integers(0, 4),
    texts=st.lists(st.text(max_size=200), max_size=6),
    planned=st.booleans(),
)
def test_no_picture_is_wider_or_taller_than_its_terminal(
    width: int, height: int, moment: int, elapsed: float, duration: float, objectives: int, repeated: int,
    texts: list[str], planned: bool,
) -> None:  # fmt: skip
    base = _moments()[moment]
    picture = drawn(
        replace(
            base, elapsed=elapsed, duration=duration, judgements=base.judgements[:objectives] * repeated,
            messages=tuple(texts), title="".join(texts[:1]), planned_rate=base.planned_rate if planned else None,
        ),
        width, height,
    )  # fmt: skip
    lines = picture.split("\n")[:-1]
    assert 1 <= len(lines) <= height
    assert max(cell_len(line) for line in lines) <= width
