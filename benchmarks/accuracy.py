"""How far is each time stamp from the truth?

Runs streams against the embedded simulator, which logs when it handed over every chunk, and compares each chunk's time
in the request log with that: the distance between writing and reading, per chunk. Both processes share this machine
and its clock. Next to it the gaps between chunks as reported and as written.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.tables import Row, Table
from llmload.app.session import Options, run_plan
from llmload.outputs.request_log import RequestLog
from llmload.scenario.compile import compile_scenario
from llmload.scenario.files import Source
from llmload.scenario.load import load_scenario
from llmload.sim.spec import SimSpec

__all__ = ["run"]

_SCENARIO = """
[targets.main]
base_url = "sim:"
model = "sim-model"
[classes.main]
api = "chat"
stream = true
prompt = {{ tokens = 20 }}
max_tokens = 50
[load]
process = "uniform"
rate = "{rate:g}/s"
duration = "{duration:g}s"
"""
_SERVICE = SimSpec(slots=2000, kv_tokens=10_000_000, queue_limit=10_000, step=0.02, step_per_sequence=0.0, answer="max")
_HEADS = (
    "streams/s", "streams", "chunks", "read after write p50, ms", "p99, ms", "max, ms", "gap p50 said, ms", "true, ms",
    "gap p99 said, ms", "true, ms ", "figures",
)  # fmt: skip


def _lines(path: Path) -> list[dict[str, Any]]:
    """A JSONL file."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def row(rate: float, duration: float) -> Row:
    """One run: the distance (ms) from write to read of every chunk, and the gaps, said and true."""
    with tempfile.TemporaryDirectory() as folder:
        truth_log, calls_log = Path(folder) / "truth.jsonl", Path(folder) / "calls.jsonl"
        text = _SCENARIO.format(rate=rate, duration=duration)
        plan = compile_scenario(load_scenario(Source(text, "accuracy", Path.cwd(), "accuracy")))
        outputs = (RequestLog(calls_log),)
        result = run_plan(replace(plan, sim=_SERVICE), Options(outputs=outputs, chunks=True, truth_log=truth_log))
        # Calls leave in the order of their planned times, and arrive in that order.
        told = sorted(_lines(truth_log), key=lambda each: each["received"])
        calls = sorted(_lines(calls_log), key=lambda each: each["sent"])
    assert len(told) == len(calls), "every call is in both logs"
    distances: list[NDArray[np.float64]] = []
    for truth, call in zip(told, calls, strict=True):
        read = np.array(call["stamps"]) * 1e3 + result.summary.start / 1e6
        distances.append(read - np.array(truth["content"]) / 1e6)
    away = np.concatenate(distances)
    gaps = np.concatenate([np.diff(truth["content"]) for truth in told]) / 1e6
    said = result.summary.select().good["itl"]
    figures = [np.percentile(away, 50), np.percentile(away, 99), away.max()]
    for percentile in (50, 99):
        figures += [said.percentile(percentile) / 1e3, np.percentile(gaps, percentile)]
    return [rate, len(calls), len(away), *(float(figure) for figure in figures), result.validity.level.value]


def run(quick: bool, rates: Sequence[float] = (25, 50, 100, 200)) -> list[Table]:
    """Distances and gaps at each of ``rates`` a second."""
    rows = [row(rate, 1.5 if quick else 8) for rate in (rates[:1] if quick else rates)]
    return [Table("accuracy", _HEADS, rows)]
