"""How far is each time stamp from the truth?

Runs streams against the simulator, which logs when it handed over every chunk, and compares each chunk's time in the
request log with that: the distance between writing and reading, per chunk. Both processes share this machine and its
clock. Next to it the gaps between chunks as reported and as written.

    .venv/bin/python benchmarks/accuracy.py [RATE ...]      new streams per second; default 25 50 100 200
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from llmload.app.session import Options, run_plan
from llmload.outputs.request_log import RequestLog
from llmload.scenario.compile import compile_scenario
from llmload.scenario.files import Source
from llmload.scenario.load import load_scenario
from llmload.sim.spec import SimSpec

SCENARIO = """
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
rate = "{rate}/s"
duration = "8s"
"""
SERVICE = SimSpec(slots=2000, kv_tokens=10_000_000, queue_limit=10_000, step=0.02, step_per_sequence=0.0, answer="max")
ROW = "{:>7} {:>8} {:>9} | {:>8} {:>8} {:>8} | {:>8} {:>8} | {:>8} {:>8} | {}"
HEAD = ("rate", "streams", "chunks", "p50", "p99", "max", "gap p50", "true", "gap p99", "true", "figures")


def lines(path: Path) -> list[dict[str, object]]:
    """A JSONL file."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def row(rate: float) -> str:
    """One run: the distance (ms) from write to read of every chunk, and the gaps, said and true."""
    with tempfile.TemporaryDirectory() as folder:
        truth_log, calls_log = Path(folder) / "truth.jsonl", Path(folder) / "calls.jsonl"
        text = SCENARIO.format(rate=rate)
        plan = compile_scenario(load_scenario(Source(text, "accuracy", Path.cwd(), "accuracy")))
        outputs = (RequestLog(calls_log),)
        result = run_plan(replace(plan, sim=SERVICE), Options(outputs=outputs, chunks=True, truth_log=truth_log))
        # Calls leave in the order of their planned times, and arrive in that order.
        told = sorted(lines(truth_log), key=lambda each: each["received"])  # type: ignore[arg-type,return-value]
        calls = sorted(lines(calls_log), key=lambda each: each["sent"])  # type: ignore[arg-type,return-value]
    assert len(told) == len(calls), "every call is in both logs"
    distances: list[NDArray[np.float64]] = []
    for truth, call in zip(told, calls, strict=True):
        read = np.array(call["stamps"]) * 1e3 + result.summary.start / 1e6
        distances.append(read - np.array(truth["content"]) / 1e6)
    away = np.concatenate(distances)
    gaps = np.concatenate([np.diff(truth["content"]) for truth in told]) / 1e6  # type: ignore[arg-type]
    said = result.summary.select().good["itl"]
    figures = [np.percentile(away, 50), np.percentile(away, 99), away.max()]
    for percentile in (50, 99):
        figures += [said.percentile(percentile) / 1e3, np.percentile(gaps, percentile)]
    level = result.validity.level.value
    return ROW.format(f"{rate:g}/s", len(calls), len(away), *(f"{figure:.2f}" for figure in figures), level)


def main() -> None:
    """Print the table."""
    rates = [float(argument) for argument in sys.argv[1:]] or [25, 50, 100, 200]
    print(f"python {sys.version.split()[0]}, {os.cpu_count()} CPUs; milliseconds from write to read, then gaps")
    print(ROW.format(*HEAD))
    for rate in rates:
        print(row(rate), flush=True)


if __name__ == "__main__":
    main()
