"""A scenario's results over a month: latency rises by 30 % on the 21st, when the model was changed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import reports_samples as samples

from llmload.metrics.histogram import Histogram
from llmload.metrics.slices import CellKey, Slice
from llmload.metrics.summary import Summary
from llmload.records import Outcome
from llmload.reports import json_report
from llmload.reports.result import Result
from llmload.verdict.validity import Level, Validity

VALID = Validity(Level.VALID)


def result(day: int, factor: float = 1.0, errors: int = 0, **changes: object) -> Result:
    """100 calls of 0.9 to 1.1 s, times ``factor``."""
    rng = random.Random(day)
    latency, ttft = Histogram(), Histogram()
    noise = factor * rng.uniform(0.98, 1.02)
    latency.record([round(1e6 * noise * rng.uniform(0.9, 1.1)) for _ in range(100 - errors)])
    ttft.record([round(1e5 * rng.uniform(0.9, 1.1)) for _ in range(100 - errors)])
    outcomes = {Outcome.OK: 100 - errors} | ({Outcome.HTTP_5XX: errors} if errors else {})
    calls = Slice(calls=100, outcomes=outcomes, good={"latency": latency, "ttft": ttft})
    summary = Summary(samples.START, 10.0, cells={CellKey("chat", "main", "m", ""): calls}, planned=100, sent=100)
    scenario = replace(samples.result().scenario, name="night", demo=False, tags={"model": "b" if day >= 21 else "a"})
    made = replace(
        samples.result(), scenario=scenario, summary=summary, judgements=(), validity=VALID, notes=(),
        started=f"2026-02-{day:02d}T03:00:00+00:00",
    )  # fmt: skip
    return replace(made, **changes)


def month() -> Iterator[Result]:
    yield from (result(day, 1.3 if day >= 21 else 1.0) for day in range(1, 29))


def save(directory: Path) -> None:
    """The month, a file that is damaged, one that is no result, an INVALID run and one that was stopped."""
    for each in month():
        (directory / f"night-{each.started[8:10]}.json").write_bytes(json_report.render(each))
    invalid = result(25, 9.0, validity=Validity(Level.INVALID), started="2026-02-25T15:00:00+00:00")
    stopped = result(26, 9.0, interrupted="Ctrl-C", started="2026-02-26T15:00:00+00:00")
    (directory / "invalid.json").write_bytes(json_report.render(invalid))
    (directory / "stopped.json").write_bytes(json_report.render(stopped))
    (directory / "damaged.json").write_bytes(json_report.render(result(3))[:-40])
    (directory / "package.json").write_text('{"name": "other"}')
