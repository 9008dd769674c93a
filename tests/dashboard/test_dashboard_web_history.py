"""The history of a run in few points: the same whoever asks when, exact, and bounded."""

from __future__ import annotations

import copy

import dashboard_run as run
import pytest

from llmload.dashboard.web import history as module
from llmload.dashboard.web.history import MOST, History
from llmload.dashboard.web.panels import PANELS, column_of, observed_panels
from llmload.metrics.observed import Observed
from llmload.metrics.summary import Summary
from llmload.metrics.windows import Window


def grown(until: float, every: float = 1.0) -> tuple[History, Summary]:
    """A history that was told of the run every so often, and once more at its end."""
    history, last = History(), Summary()
    for _, _, last in run.summaries(until=until, every=every):
        history.grow(last)
    history.grow(last, over=True)
    return history, last


def column(history: History, name: str) -> list[float | None]:
    place = history.columns.index(name)
    return [history.points[number][place] for number in sorted(history.points)]


def test_points_say_what_the_windows_say() -> None:
    history, summary = grown(90.0)
    assert history.step == 1
    for number, by_class in summary.windows.items():
        if number in history.points:
            whole = summary.rolling(1, number + 1)
            ttft = whole.histogram("ttft")
            point = dict(zip(history.columns, history.points[number], strict=True))
            assert point["sent"] == by_class[""].sent
            assert point["planned"] == by_class[""].planned
            assert point["in_flight"] == by_class[""].in_flight
            assert point["tokens"] == whole.output_tokens
            assert point["ttft.p95"] == (pytest.approx(ttft.percentile(95) / 1e6, rel=1e-4) if ttft.count else None)
    assert sorted(history.points) == list(range(89))


def test_only_what_is_not_settled_is_told_again() -> None:
    history = History()
    for at, _, summary in run.summaries(until=30.0, every=1.0):
        changed = history.grow(summary)
        if at > 10:
            assert changed is not None
            assert min(changed) >= at - 8
    assert history.grow(summary) is not None


@pytest.mark.parametrize("every", [1.0, 7.0, 90.0])
def test_a_long_run_is_thinned_and_stays_exact(monkeypatch: pytest.MonkeyPatch, every: float) -> None:
    monkeypatch.setattr(module, "MOST", 40)
    history, summary = grown(180.0, every)
    fresh = History()
    assert fresh.grow(summary, over=True) is None
    assert history.step == fresh.step == 8
    assert history.points == fresh.points
    assert len(history.points) <= 40
    total = sum(value * 8 for value in column(history, "completed")[:-1] if value is not None)
    windows = [part for number in range(176) for part in summary.windows.get(number, {}).values()]
    assert total == pytest.approx(sum(window.completed for window in windows), rel=1e-4)


def test_who_has_the_old_step_is_told_everything() -> None:
    history = History()
    summary = Summary(elapsed=MOST - 5.0)
    summary.windows = {number: {"": Window(sent=1, planned=1)} for number in range(MOST + 10)}
    history.grow(summary)
    summary.elapsed += 1
    assert history.grow(summary) is not None
    summary.elapsed += 10
    assert history.grow(summary) is None
    assert history.step == 2
    assert set(column(history, "sent")) == {1.0}


def test_windows_that_have_become_wider_widen_the_step() -> None:
    history = History()
    summary = Summary(elapsed=64.0, window_seconds=4)
    summary.windows = {number: {"": Window(sent=8)} for number in range(16)}
    history.grow(summary)
    assert history.step == 4
    assert set(column(history, "sent")[:-1]) == {2.0}


def test_the_worst_lag_of_a_step_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 8)
    history = History()
    history.lag(0.2, 0.004)
    history.lag(0.9, 0.001)
    history.lag(1.5, 0.002)
    history.lag(9.0, 0.5)
    *_, (_, _, summary) = run.summaries(until=15.0, every=15.0)
    history.grow(summary, over=True)
    assert history.step == 2
    assert column(history, "lag")[:5] == [0.004, None, None, None, 0.5]


def test_what_is_observed_gets_charts_of_its_own() -> None:
    *_, (_, _, summary) = run.summaries(until=20.0, every=20.0)
    summary = copy.deepcopy(summary)
    seen = Observed("the server")
    for second in range(20):
        seen.samples("cpu").lasted(second, second + 1, second / 100)
    seen.samples("memory").read(3.5, 2.0**30)
    summary.observed = {"server": seen}
    history = History()
    assert history.grow(summary, over=True) is None
    assert [panel.unit for panel in history.panels[len(PANELS) :]] == ["share", "bytes"]
    assert column(history, column_of("server", "cpu")) == [pytest.approx(second / 100) for second in range(19)]
    assert [place for place, value in enumerate(column(history, column_of("server", "memory"))) if value] == [3]


def test_the_weightiest_figures_of_all_observers_are_charted() -> None:
    process, page = Observed("a"), Observed("z")
    for figure in ("cpu", "memory", "fds", "threads", "read", "written", "cores", "connections", *"ghijk"):
        process.samples(figure).read(1.0, 1.0)
    for figure in ("queue", "backlog"):
        page.samples(figure).read(1.0, 1.0)
    charted = [panel.lines[0].column for panel in observed_panels({"a": process, "z": page})]
    assert charted == [
        "a g", "a h", "a i", "a j", "a k", "a cpu", "a memory", "a threads", "a connections", "a cores",
        "z backlog", "z queue",
    ]  # fmt: skip


def test_no_target_makes_the_page_endless() -> None:
    seen = Observed("many")
    for number in range(100):
        seen.samples(f"own_{number}\x1b[31m{'x' * 500}").read(1.0, 1.0)
    panels = observed_panels({"o" * 500: seen})
    assert len(panels) == 12
    assert all(len(panel.title) < 100 and panel.title.isprintable() for panel in panels)
