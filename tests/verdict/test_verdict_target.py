"""Objectives about the target itself: figures of an observer, and why there are none."""

from __future__ import annotations

import pytest

from llmload.metrics.observed import FIGURES, Observed
from llmload.metrics.summary import PhaseInfo, Summary
from llmload.verdict.judge import Judgement, abort_due, judge
from llmload.verdict.kinds import Kind
from llmload.verdict.objectives import parse_objective
from llmload.verdict.target import TARGET_STATS, level

MIB = 2**20
BOUNDS = {Kind.USE: "0%", Kind.RATE: "0/s", Kind.DURATION: "0s"}


def seen(seconds: int = 20, slope: float = 0.0) -> Observed:
    """A process whose memory is 100 MiB at first and grows by ``slope`` MiB/s."""
    found = Observed("process 7")
    for name in FIGURES.keys() - {"cpu", "cores", "memory"}:
        found.samples(name).read(-1, 10)
        for at in range(seconds):
            found.samples(name).read(at, 10)
    found.samples("memory").read(-1, 80 * MIB)
    for at in range(seconds):
        found.samples("my_jobs").read(at, float(at))
        found.samples("memory").read(at, (100 + slope * at) * MIB)
        found.samples("cores").lasted(at, at + 1, 1.0 if at < 10 else 2.0)
        found.samples("cpu").lasted(at, at + 1, 0.25 if at < 10 else 0.5)
    return found


PHASES = (PhaseInfo("warm", 0, 2, measure=False), PhaseInfo("low", 2, 10), PhaseInfo("high", 10, 20))


def summary_of(**observed: Observed) -> Summary:
    return Summary(elapsed=20.0, phases=PHASES, observed=observed)


def verdict(rule: str, summary: Summary, window: float = 0.0) -> Judgement:
    return judge([parse_objective(rule, window=window)], summary)[0]


def test_every_statistic_of_every_figure_reads_a_number() -> None:
    summary = summary_of(server=seen())
    for stat, row in TARGET_STATS.items():
        cut = "{phase=high}" if stat.endswith(".trend") else ""
        found = verdict(f"target.{stat}{cut} >= {BOUNDS.get(row.kind, '0')}", summary)
        assert found.passed, stat
        assert found.observed is not None


@pytest.mark.parametrize(
    ("rule", "observed"),
    [
        ("target.cpu.mean < 60%", (8 * 0.25 + 10 * 0.5) / 18),
        ("target.cpu.mean{phase=low} < 60%", 0.25),
        ("target.cpu.max < 60%", 0.5),
        ("target.cores.mean{phase=high} < 3", 2.0),
        ("target.memory.max < 1GiB", 138 * MIB),
        ("target.memory.min{phase=high} > 1MiB", 120 * MIB),
        ("target.memory.first > 1MiB", 106 * MIB),
        ("target.memory.last > 1MiB", 136 * MIB),
        ("target.memory.growth < 50%", 136 / 106 - 1),
        ("target.memory.rise < 50MiB", 30 * MIB),
        ("target.my_jobs.rise >= -3", 15.0),
        ("target.my_jobs.max < 20", 19.0),
        ("target.memory.peak < 200%", 138 / 80),
        ("target.memory.trend{phase=high} < 20%", 20 / 129),
        ("target.my_jobs.trend{phase=high} < 80%", 10 / 14.5),
        ("target.fds.trend{phase=high} flat", 0.0),
        ("target.threads.max < 11", 10.0),
        ("target.fds.growth < 1%", 0.0),
        ("target.connections.max <= 10", 10.0),
        ("target.exits.count <= 0", 0.0),
    ],
)
def test_figures_are_of_measured_time(rule: str, observed: float) -> None:
    found = verdict(rule, summary_of(server=seen(slope=2.0)))
    assert found.observed == pytest.approx(observed)
    assert found.passed


def test_growth_tells_from_where_to_where() -> None:
    found = verdict("target.memory.growth < 10%", summary_of(server=seen(slope=2.0)))
    assert not found.passed
    assert found.note == "from 106 MiB to 136 MiB"


def test_a_trend_is_flat_or_rises_beyond_doubt() -> None:
    queue = Observed("page")
    for at in range(20):
        queue.samples("queue").read(at, at % 3)
        queue.samples("jobs").read(at, 3.0 * at)
    summary = Summary(elapsed=20.0, phases=(PhaseInfo("all", 0, 20),), observed={"page": queue})
    flat, rising = verdict("target.queue.trend flat", summary), verdict("target.jobs.trend flat", summary)
    assert flat.passed
    assert flat.objective.rule == "target.queue.trend <= 10%"
    assert not rising.passed
    assert rising.interval is not None
    assert rising.interval[0] > 0.1
    assert "from 20 stretches" in rising.note


def test_falling_memory_is_negative_growth() -> None:
    found = verdict("target.memory.growth < -10%", summary_of(server=seen(slope=-2.0)))
    assert found.passed
    assert found.observed == pytest.approx(64 / 94 - 1)


def test_a_single_moment_does_not_make_growth() -> None:
    found = seen()
    for at in (2, 18):
        found.samples("memory").read(at, 5000 * MIB)
    assert verdict("target.memory.growth < 1%", summary_of(server=found)).observed == 0


def test_the_worst_window_is_judged_where_one_is_given() -> None:
    found = verdict("target.cpu.mean < 40%", summary_of(server=seen()), window=4)
    assert not found.passed
    assert found.observed == pytest.approx(0.5)
    assert found.worst_window is not None
    assert found.worst_window[0] >= 10


def test_it_can_stop_a_run() -> None:
    rule = parse_objective("target.memory.max < 90MiB", abort=True)
    assert abort_due([rule], summary_of(server=seen()), 20.0) is not None


def test_one_of_several_observers_is_named() -> None:
    summary = summary_of(a=seen(), b=seen(slope=2.0))
    assert verdict("target.memory.growth{observe=a} < 1%", summary).passed
    assert verdict('target.memory.growth{observe="b"} > 20%', summary).passed


@pytest.mark.parametrize(
    ("rule", "summary", "why"),
    [
        ("target.cpu.mean < 60%", summary_of(), "nothing observes the target: add [observe.NAME]"),
        ("target.cpu.mean < 60%", summary_of(a=seen(), b=seen()), "several observers (a, b): name one"),
        ("target.cpu.mean{observe=c} < 60%", summary_of(a=seen()), "no observer 'c' (there are: a)"),
        ("target.cpu.mean < 60%", summary_of(a=Observed(trouble="there is no process 9")), "there is no process 9"),
        ("target.exits.count <= 0", summary_of(a=Observed(trouble="there is no process 9")), "there is no process 9"),
        ("target.fds.max < 9", summary_of(a=Observed("p", missing={"fds": "no permission"})), "no permission"),
        ("target.fds.max < 9", summary_of(a=Observed("process 7")), "process 7 gave no sample in measured time"),
        ("target.fds.trend flat", summary_of(a=Observed("process 7")), "process 7 gave no sample in measured time"),
        (
            "target.fds.trend flat",
            summary_of(a=seen(6)),
            "a trend needs one measured stretch (name a phase) of at least 8",
        ),
        ("target.memory.growth < 9%", summary_of(a=seen(5)), "from 6 windows of 1 s at least, there are 3"),
    ],
)
def test_what_was_not_observed_fails_and_says_why(rule: str, summary: Summary, why: str) -> None:
    found = verdict(rule, summary)
    assert not found.passed
    assert found.observed is None
    assert found.note.startswith("no data: ")
    assert why in found.note


def test_what_is_optional_is_not_judged_without_data_but_as_any_other_with_it() -> None:
    rule = parse_objective("target.memory.growth < 50%", optional=True)
    (left,) = judge([rule], summary_of())
    assert left.passed
    assert left.skipped
    assert left.note.startswith("no data: nothing observes the target")
    (missed,) = judge([rule], summary_of(a=seen(slope=5)))
    assert not missed.passed
    assert not missed.skipped


def test_only_rules_about_the_target_are_optional() -> None:
    with pytest.raises(ValueError, match=r"ttft\.p95 is always judged"):
        parse_objective("ttft.p95 < 1s", optional=True)


def test_a_process_that_ended_is_judged_until_then_and_it_is_said() -> None:
    found = seen(12)
    found.ended, found.trouble = [12.2], "process 7 has ended"
    judged = verdict("target.memory.max < 1GiB", summary_of(server=found))
    assert judged.passed
    assert judged.note == "process 7 ended 12.2 s into the run"
    assert not verdict("target.exits.count <= 0", summary_of(server=found)).passed


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("target.cpu.mean{class=chat} < 60%", "can't be cut by 'class'"),
        ("target.cpu < 60%", "no statistic 'cpu'"),
        ("target.memory.p99 < 1GiB", "no statistic 'memory.p99'; did you mean"),
        ("target.cpu.mean < 60", "is more than all"),
        ("latency.p99{observe=a} < 1s", "only the target is observed"),
    ],
)
def test_rules_that_make_no_sense_are_refused(rule: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_objective(rule)


def test_too_few_windows_have_no_level() -> None:
    samples = seen(5).figures["memory"]
    assert level(samples.within([(0, 5)])) is None
