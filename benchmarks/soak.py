"""Does a long run stay in constant memory, and its result bounded?

Runs ``soak.toml`` against the embedded simulator with everything on that could pile things up (request log with
chunks, live display, rolling objectives), and samples each process: resident memory, descriptors, threads.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
import psutil
from rich.console import Console

from benchmarks.tables import Row, Table
from llmload.app.session import Options, run_plan
from llmload.dashboard.live import LiveDisplay
from llmload.metrics.summary import Summary
from llmload.outputs.base import Finished
from llmload.outputs.request_log import RequestLog
from llmload.scenario.compile import compile_scenario
from llmload.scenario.files import Source
from llmload.scenario.load import load_scenario
from llmload.scenario.plan import Plan

__all__ = ["HEADS", "Soak", "run"]

HEADS = (
    "minutes", "calls", "worker MB", "parent MB", "simulator MB", "worker fds", "parent fds", "threads", "windows",
    "result KB",
)  # fmt: skip
_MB = 2**20
_ROWS = 6
"""Rows of the table, whatever the length: every ten minutes of an hour."""
_SAMPLES = 60
_SETTLED = 1 / 3
"""What is allocated once (buffers, code, histograms of the usual range) is there after this share of the run."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One look; memory in bytes."""

    seconds: float
    calls: int
    worker: int
    parent: int
    simulator: int
    worker_fds: int
    parent_fds: int
    threads: int
    windows: int
    result: int

    def row(self) -> Row:
        """Its line of the table."""
        memory: Row = [each / _MB for each in (self.worker, self.parent, self.simulator)]
        counts = [self.worker_fds, self.parent_fds, self.threads, self.windows]
        return [f"{self.seconds / 60:.1f}", self.calls, *memory, *counts, self.result / 1024]


class Soak:
    """An Output that looks at the processes of the run every ``every`` seconds."""

    name = "soak"

    def __init__(self, every: float) -> None:
        self.samples: list[Sample] = []
        self._every = every
        self._begun = self._next = 0.0

    def start(self, plan: Plan) -> None:
        """The run is about to begin."""
        self._begun = time.monotonic()
        self._next = self._begun + self._every

    def update(self, delta: Summary, total: Summary) -> None:
        """See Output."""
        now = time.monotonic()
        if now >= self._next:
            self._next += self._every
            with suppress(psutil.Error, KeyError):  # the run is just ending, and one of them is gone
                self._look(now - self._begun, total)

    def finish(self, result: Finished | None) -> None:
        """See Output."""

    def _look(self, seconds: float, total: Summary) -> None:
        parent = psutil.Process()
        children = {_role(child): child for child in parent.children()}
        worker, simulator = children["worker"], children["simulator"]
        windows = sum(len(by_class) for by_class in total.windows.values())
        threads = worker.num_threads() + parent.num_threads()
        sample = Sample(
            seconds=seconds,
            calls=total.completed,
            worker=worker.memory_info().rss,
            parent=parent.memory_info().rss,
            simulator=simulator.memory_info().rss,
            worker_fds=worker.num_fds(),
            parent_fds=parent.num_fds(),
            threads=threads,
            windows=windows,
            result=len(orjson.dumps(total.to_json())),
        )
        self.samples.append(sample)
        say("  ".join(f"{cell:.1f}" if isinstance(cell, float) else f"{cell}" for cell in sample.row()))


def say(line: str) -> None:
    """Past the live display, which has taken sys.stderr."""
    print(line, file=sys.__stderr__, flush=True)


def _role(process: psutil.Process) -> str:
    words = " ".join(process.cmdline())
    if "llmload.sim" in words:
        return "simulator"
    return "tracker" if "resource_tracker" in words else "worker"


def slope(samples: Sequence[Sample], field: str) -> float:
    """Bytes per hour, by least squares over the settled part of the run."""
    settled = [each for each in samples if each.seconds >= _SETTLED * samples[-1].seconds]
    at = np.array([each.seconds for each in settled])
    values = np.array([getattr(each, field) for each in settled], np.float64)
    return float(np.polyfit(at, values, 1)[0]) * 3600 if len(settled) > 1 else 0.0


def run(duration: float = 3600.0, rate: float = 40.0) -> list[Table]:
    """Soak for ``duration`` seconds; a line per sample on stderr."""
    path = Path(__file__).with_name("soak.toml")
    source = Source(path.read_text("utf-8"), str(path), path.parent, "soak")
    plan = compile_scenario(load_scenario(source, None, (f"load.duration={duration}s", f"load.rate={rate}/s")))
    soak = Soak(min(60.0, duration / _SAMPLES))
    say("  ".join(HEADS))
    with tempfile.TemporaryDirectory() as folder, Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        terminal = Console(file=nowhere, force_terminal=True, width=120, height=40)
        log = RequestLog(Path(folder) / "calls.jsonl")
        options = Options(display=LiveDisplay(terminal), outputs=(soak, log), chunks=True)
        result = run_plan(plan, options)
    samples = soak.samples
    every = max(1, len(samples) // _ROWS)
    growth = ", ".join(f"{name} {slope(samples, name) / _MB:+.1f}" for name in ("worker", "parent", "simulator"))
    notes = (
        f"{rate:g} calls/s for {duration / 60:g} minutes; {result.summary.completed:,} ended, "
        f"{result.summary.planned - result.summary.sent} not sent; figures {result.validity.level.value}.",
        f"Growth of memory over the last two thirds, MB an hour: {growth}.",
    )
    return [Table("soak", HEADS, [each.row() for each in samples[every - 1 :: every]], notes)]
