"""Whole runs against a target that does something hostile to every other request: complete, readable, bounded."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import Counter
from pathlib import Path

import pytest
from hostile_kit import BEHAVIOURS, PATHS, mixed
from virtual_run import Keeping, plan_of

from llmload.clock import NS, monotonic_ns
from llmload.engine.run import Engine, recorder_setup
from llmload.records import Outcome, Record
from llmload.reports.result import parse_result

TIMED = {Outcome.TIMEOUT_FIRST_TOKEN, Outcome.TIMEOUT_IDLE, Outcome.TIMEOUT_TOTAL}
LIGHT = [behaviour for behaviour in BEHAVIOURS if not behaviour.heavy]
ENDING = [
    behaviour
    for behaviour in BEHAVIOURS
    if not TIMED & set(behaviour.outcomes + behaviour.fallback) and behaviour.says != "limits.body"
]
"""Those that leave nobody waiting: ``bench`` has the limits of a patient user."""
WORKER_MEMORY = 300 << 20
SCENARIO = """
name = "hostile"
objectives = ["success.rate > 10%"]
[targets.main]
base_url = "URL"
model = "m"
[classes.chat]
api = "chat"
stream = true
prompt = "hello"
[load]
process = "uniform"
rate = "100/s"
duration = "2s"
[limits]
connect = "2s"
first_token = "1500ms"
idle = "1500ms"
total = "2s"
body = "8MiB"
drain = "5s"
"""


@pytest.mark.parametrize("path", PATHS)
async def test_a_run_goes_on_whatever_single_calls_meet(path: str) -> None:
    async with mixed(LIGHT, seed=1) as mix:
        plan = plan_of(SCENARIO.replace("URL", mix.url))
        transport = PATHS[path](plan.targets)
        records: list[Record] = []
        engine = Engine(plan, transport)
        start = monotonic_ns() + NS // 10
        notes = Keeping(recorder_setup(plan, start), records)
        async with asyncio.timeout(60):
            await engine.run(start, notes)
        await transport.close()
        summary = notes.take()
    assert len(mix.played) > 50
    assert len(records) == summary.planned == summary.completed == 200
    found = Counter(record.outcome for record in records)
    assert found[Outcome.OK] >= mix.good > 50, "calls that nobody troubled are not to suffer"
    assert not found[Outcome.UNFINISHED]
    assert all(record.detail for record in records if not record.outcome.good)
    assert all("llmload failed" not in record.detail for record in records)


async def command(*arguments: str | Path) -> tuple[int, str]:
    """The exit status of ``llmload``, and all it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "llmload", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "NO_COLOR": "1"},
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), 80)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode is not None
    return process.returncode, said.decode()


@pytest.mark.parametrize("seed", [1, 2])
async def test_bench_gives_a_whole_result_against_a_hostile_server(tmp_path: Path, seed: int) -> None:
    out, log = tmp_path / "result.json", tmp_path / "calls.jsonl"
    async with mixed(ENDING, seed) as mix:
        status, said = await command(
            *("bench", mix.url, "-m", "m", "-r", "90/s", "-d", "3s", "--process", "uniform", "--prompt", "hello"),
            *("--allow-invalid", "--seed", str(seed), "--out", out, "--requests", log),
        )
    assert status == 0, said  # it has no objectives of its own but that something succeeds
    assert "Traceback" not in said
    assert "Warning" not in said
    assert not [char for char in said if not char.isprintable() and char != "\n"]
    result = parse_result(out.read_bytes(), "result")
    summary = result.summary
    assert summary.planned == summary.completed == 270
    assert summary.sent > 250  # a connection may be gone before it is written to
    calls = [json.loads(line) for line in log.read_bytes().splitlines()]
    assert len(calls) == 270
    outcomes = Counter(call["outcome"] for call in calls)
    assert outcomes["ok"] >= mix.good > 50
    assert len(outcomes) >= 6
    folded = summary.select(measured=False).outcomes
    assert outcomes == {str(outcome): count for outcome, count in folded.items() if count}
    assert max(health.rss for health in summary.health.values()) < WORKER_MEMORY


async def test_a_run_that_meets_its_own_limits_says_so_by_its_exit_status(tmp_path: Path) -> None:
    scenario, out = tmp_path / "hostile.toml", tmp_path / "result.json"
    async with mixed(LIGHT, seed=3, good=0.0) as mix:
        scenario.write_text(SCENARIO.replace("URL", mix.url).replace("> 10%", "> 90%"))
        status, said = await command("run", scenario, "--allow-invalid", "--out", out)
    assert status == 1, said
    assert "Traceback" not in said
    summary = parse_result(out.read_bytes(), "result").summary
    assert summary.planned == summary.completed == 200
    assert summary.select(measured=False).unfinished == 0
