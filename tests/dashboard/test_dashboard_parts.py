"""Header, table, objectives, outcomes and health: each part alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmload.dashboard import header, health, latency, objectives, observed, outcomes
from llmload.dashboard.canvas import Line, width_of
from llmload.dashboard.digest import Now, Row
from llmload.dashboard.frame import Frame
from llmload.dashboard.objectives import Lights
from llmload.metrics.failures import ErrorGroup
from llmload.metrics.health import WorkerHealth
from llmload.metrics.histogram import Histogram
from llmload.metrics.observed import Observed
from llmload.metrics.summary import PhaseInfo, Summary
from llmload.records import Outcome
from llmload.verdict.judge import Judgement
from llmload.verdict.objectives import parse_objective
from llmload.verdict.validity import Level, Reason, Validity

WIDTHS = st.integers(0, 200)
CALM = Lights(())


def text(line: Line) -> str:
    return "".join(piece for piece, _ in line)


def judged(
    rule: str, observed: float | None, passed: bool, margin: float | None = None, window: float = 0
) -> Judgement:
    return Judgement(parse_objective(rule, window=window), passed, observed, margin=margin)


def row(name: str, micros: int, count: int = 2000) -> Row:
    made = Row(name, Counter({Outcome.OK: count}))
    made.histograms["ttft"].record([micros] * count)
    return made


# Header

FRAME = Frame("peak", "main http://a", Summary(), phase="steady", elapsed=75.0, duration=180.0, in_flight=7)


def test_progress_tells_phase_share_and_time_left() -> None:
    line = text(header.progress(FRAME, 60))
    assert line.startswith("steady  ━")
    assert line.endswith("─ 1:15 / 3:00  1:45 left")
    assert len(line) == 60
    bar = line.split()[1]
    assert bar.count("━") / len(bar) == pytest.approx(75 / 180, abs=0.04)


def test_a_phase_that_is_not_measured_says_so() -> None:
    warm = replace(FRAME, summary=Summary(phases=(PhaseInfo("steady", 0, 180, measure=False),)))
    assert "steady (not measured)" in text(header.progress(warm, 80))


def test_a_run_that_is_over_has_no_time_left() -> None:
    assert "left" not in text(header.progress(replace(FRAME, elapsed=180.0, stage="done"), 80))


def test_a_closed_model_shows_users_in_place_of_a_planned_rate() -> None:
    closed = text(header.numbers(replace(FRAME, users=100), Now(), 120))
    assert "users 100" in closed
    assert "planned" not in closed
    assert "planned 4.00/s" in text(header.numbers(replace(FRAME, planned_rate=lambda t: 9.0), Now(planned=4.0), 120))


@given(WIDTHS)
def test_every_line_of_the_header_fits(width: int) -> None:
    assert width_of(header.title(FRAME, width)) <= width
    assert width_of(header.numbers(FRAME, Now(), width)) <= width


# Table


def test_a_column_is_in_one_unit_that_suits_its_largest_value() -> None:
    rows = [row("", 900_000), row("slow", 2_500_000), row("fast", 12_000)]
    heading, _, *lines = [text(line) for line in latency.table(rows, CALM, 100, 9)]
    assert "ttft, s" in heading
    assert [line.split()[2] for line in lines] == ["0.90", "2.50", "0.012"]
    assert "ttft, ms" in text(latency.table([row("", 900_000)], CALM, 100, 9)[0])


def test_figures_wear_the_colour_of_the_objective_about_them() -> None:
    lights = Lights([judged("ttft.p95 < 1s", 0.9, True), judged("ttft.p95{class=slow} < 1s", 2.5, False)])
    lines = latency.table([row("", 900_000), row("slow", 2_500_000), row("fast", 12_000)], lights, 80, 9)[2:]
    styles = [[style for piece, style in line if style in ("good", "bad")] for line in lines]
    assert styles == [["good"], ["bad"], []]


def test_a_percentile_that_the_sample_cannot_support_is_dim() -> None:
    (line,) = latency.table([row("few", 5_000, count=20)], CALM, 80, 3)[2:]
    assert [style for piece, style in line if piece.strip() == "5.00"] == ["", "dim", "dim"]


@pytest.mark.parametrize("value", [0, 0.0004, 0.05, 0.5, 9.99, 9.999, 99.94, 99.96, 999.9, 9999, 10_000, 123_456, 9e7])
def test_a_figure_has_five_characters_at_most(value: float) -> None:
    assert len(latency._figure(value)) <= 5


@given(st.integers(0, 220), st.integers(2, 12))
def test_the_table_fits(width: int, height: int) -> None:
    rows = [row(name, 1000 * (n + 1), count=n + 1) for n, name in enumerate(("", "a", "long-class-name" * 3, "c", "d"))]
    lines = latency.table(rows, CALM, width, height)
    assert len(lines) <= height
    assert all(width_of(line) <= max(width, 24) for line in lines)


# Objectives


def test_lights_differ_in_shape_and_colour() -> None:
    lines = objectives.lines(
        [
            judged("ttft.p95 < 500ms", 0.3125, True, 0.375),
            judged("errors.rate < 1%", 0.02, False, -1.0),
            judged("latency.p99 < 3s", None, False),
        ],
        60,
        5,
    )
    assert [text(line).split() for line in lines] == [
        ["●", "ttft.p95", "<", "500ms", "312", "ms", "+38%"],
        ["✗", "errors.rate", "<", "1%", "2%", "-100%"],
        ["○", "latency.p99", "<", "3s", "no", "data"],
    ]
    assert [line[0][1] for line in lines] == ["good", "bad", "dim"]


def test_failing_objectives_are_the_last_to_be_left_out() -> None:
    many = [judged(f"ttft.p95 < {n}ms", 0.005, n > 5, 0.1) for n in range(1, 12)]
    lines = [text(line) for line in objectives.lines(many, 50, 6)]
    assert [line.split()[0] for line in lines] == ["✗"] * 5 + ["and"]
    assert "6 more" in lines[-1]


def test_in_one_line_the_worst_speaks_for_all() -> None:
    good, bad = judged("ttft.p95 < 1s", 0.5, True), judged("errors.rate < 1%", 0.5, False)
    assert text(objectives.lines([good, bad], 80, 1)[0]) == "✗ 1 of 2 objectives fail: errors.rate < 1%"
    assert text(objectives.lines([good, good], 80, 1)[0]) == "● 2 of 2 objectives met"


def test_a_wide_terminal_puts_objectives_side_by_side() -> None:
    many = [judged(f"ttft.p{n} < 1s", 0.5, True) for n in (50, 90, 95, 99)]
    assert len(objectives.lines(many, 150, 2)) == 2


def test_rules_about_windows_or_other_cuts_colour_no_figure() -> None:
    lights = Lights([judged("ttft.p95 < 1s", 2.0, False, window=10), judged("ttft.p95{phase=spike} < 1s", 2.0, False)])
    assert lights.style("ttft", "p95") == ""


# Outcomes


def counted(**outcome_counts: int) -> Row:
    return Row("", Counter({Outcome(name): count for name, count in outcome_counts.items()}))


def test_outcomes_are_counted_with_their_share() -> None:
    line = outcomes.counts(counted(ok=970, http_5xx=20, truncated=5, dropped=5), CALM, 80)
    assert text(line) == "ok 970 97%   http_5xx 20 2%   dropped 5   truncated 5 0.5%"
    assert {style for _, style in line} == {"", "dim", "warn"}


def test_errors_are_red_once_an_objective_about_them_fails_and_plain_while_it_is_met() -> None:
    def style(passed: bool) -> set[str]:
        lights = Lights([judged("errors.rate < 1%", 0.5, passed)])
        return {style for piece, style in outcomes.counts(counted(ok=9, http_5xx=1), lights, 80) if piece == "1"}

    assert (style(True), style(False)) == ({""}, {"bad"})


@given(st.integers(20, 120))
def test_outcomes_without_room_are_summed_up(width: int) -> None:
    everything = Row("", Counter(dict.fromkeys(Outcome, 10000)))
    line = outcomes.counts(everything, CALM, width)
    assert "others" in text(line)
    assert width_of(line) <= max(width, 52)


def test_the_most_frequent_errors_come_first_with_what_they_said() -> None:
    groups = [
        ErrorGroup(Outcome.TRUNCATED, 200, 3, "no end", 1.0, 61.0),
        ErrorGroup(Outcome.HTTP_5XX, 503, 40, "over\x1b[2J loaded", 1.0, 5.0),
        ErrorGroup(Outcome.CONNECT_ERROR, 0, 1, "refused", 1.0, 2.0),
    ]
    lines = [text(line).split("  ") for line in outcomes.error_lines(groups, 50, 2)]
    assert [line[-1].strip() for line in lines] == ["last 0:05", "last 1:01"]
    assert "http_5xx 503" in "".join(lines[0])
    assert "over loaded" in "".join(lines[0])


# Health


def worker(number: int, lag: int, cpu: float) -> WorkerHealth:
    made = WorkerHealth(number, fds=100, fd_limit=1000, dropped=2, cap_hits=3)
    made.loop_lag.record([lag] * 100)
    made.cpu.add(cpu)
    return made


def test_the_worst_worker_speaks_for_all_and_counts_are_added() -> None:
    lag = Histogram()
    lag.record([400] * 10)
    workers = [worker(0, 100, 0.2), worker(1, 9_000, 0.7)]
    (line,) = health.health_lines(workers, lag, Validity(Level.VALID), 120, 2)
    assert text(line) == "● generator  lag p99 400 µs  loop p99 9.00 ms  cpu 70%  drops 4  cap 6  fds 100"


def test_a_doubt_colours_the_light_and_its_own_figure() -> None:
    doubt = Validity(Level.SUSPECT, (Reason("cpu", Level.SUSPECT, "busy", "use --workers 2"),))
    (line,) = health.health_lines([worker(0, 100, 0.9)], Histogram(), doubt, 120, 2)
    assert line[0] == ("●", "warn")
    assert [piece for piece, style in line if style == "warn"] == ["●", " SUSPECT", "90%"]
    assert text(health.reasons(doubt, 80)[0]) == "● busy: use --workers 2"


@given(WIDTHS)
def test_health_fits(width: int) -> None:
    workers = [worker(n, 100, 0.5) for n in range(3)]
    lines = health.health_lines(workers, Histogram(), None, width, 9)
    assert all(width_of(line) <= max(width, 17) for line in lines)
    assert "".join(map(text, lines)).endswith("  drops 6  cap 9  fds 100")
    lines = health.worker_lines(workers, width, 2)
    assert len(lines) == 2
    assert all(width_of(line) <= max(width, 10) for line in lines)


# The target


def watched() -> Observed:
    found = Observed("process 7")
    for at in range(8):
        found.samples("memory").read(at, (100 + at) * 2**20)
        found.samples("jobs").read(at, at)
    found.samples("cpu").lasted(0, 8, 0.31)
    found.samples("written").lasted(0, 8, 9.0)
    return found


def test_the_newest_values_of_the_target_stand_in_a_line() -> None:
    (line,) = observed.observed_lines({"server": watched()}, 8.0, 80, 4)
    assert text(line) == "target server  cpu 31%  memory 107 MiB  jobs 7"
    assert [style for piece, style in line if piece == "31%"] == [""]
    (old,) = observed.observed_lines({"server": watched()}, 30.0, 80, 4)
    assert [style for piece, style in old if piece == "31%"] == ["dim"]


def test_what_can_not_be_seen_says_why() -> None:
    (line,) = observed.observed_lines({"server": Observed(trouble="there is no process \x1b[31m9")}, 1.0, 80, 4)
    assert text(line).rstrip() == "target server  there is no process 9"


@given(WIDTHS)
def test_the_target_fits(width: int) -> None:
    lines = observed.observed_lines({"a": watched(), "b": Observed(trouble="x" * 300), "c": watched()}, 1.0, width, 2)
    assert len(lines) == 2
    assert all(width_of(line) <= max(width, 27) for line in lines)
