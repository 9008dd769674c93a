"""A traced run of real processes over real sockets: every id in the request log is one that the server saw."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from virtual_run import plan_of

from llmload.app.session import Options, run_plan
from llmload.outputs.request_log import RequestLog
from llmload.reports.result import Result
from llmload.tracing import is_sampled, trace_id

HTTP = """
tracing = { share = 0.5 }
[targets.main]
base_url = "sim:"
model = "sim-model"
[classes.chat]
api = "chat"
stream = true
max_tokens = 5
retry = "again"
conversation = { turns = 2, think = "100ms" }
[retries.again]
attempts = 3
first = "50ms"
[load]
process = "uniform"
rate = "30/s"
duration = "2s"
[sim]
faults = [{ kind = "error", status = 503, rate = 0.2 }]
"""
SOCKETS = """
tracing = {}
[targets.main]
base_url = "sim:"
model = "sim-model"
dialect = "openai-realtime"
options = { socket = "KIND" }
[classes.chat]
api = "chat"
stream = true
max_tokens = 5
[load]
process = "uniform"
rate = "30/s"
duration = "1s"
"""

Rows = list[dict[str, Any]]


def run(text: str, tmp_path: Path) -> tuple[Result, Rows, Rows]:
    """The result, the lines of the request log, and those of the simulator's truth log."""
    calls, truth = tmp_path / "calls.jsonl", tmp_path / "truth.jsonl"
    result = run_plan(plan_of(text), Options(workers=2, outputs=(RequestLog(calls),), truth_log=truth))
    return result, *([json.loads(line) for line in path.read_text().splitlines()] for path in (calls, truth))


def traceparent(row: dict[str, Any]) -> str:
    return f"00-{row['trace_id']}-{row['span_id']}-{'01' if row['sampled'] else '00'}" if "trace_id" in row else ""


def test_over_http_with_workers_attempts_and_turns(tmp_path: Path) -> None:
    result, calls, truth = run(HTTP, tmp_path)
    logged, received = (sorted(map(kind, rows)) for kind, rows in ((traceparent, calls), (_received, truth)))
    assert logged == received
    assert {row["worker"] for row in calls} == {0, 1}
    assert len(set(logged)) == len(logged) == len(calls) > 100
    assert max(row["attempt"] for row in calls) > 1
    finals = [row for row in calls if row["final"]]
    assert len({row["trace_id"] for row in finals}) == len(finals), "each turn of each call is a trace"
    assert len({row["trace_id"] for row in calls}) == len(finals), "which its attempts share"
    assert 0.2 < sum(map(is_sampled, received)) / len(received) < 0.8
    slowest = result.summary.slowest["chat"]
    assert {each.trace for each in slowest} <= set(logged)
    by_trace = {trace_id(each.trace): each for each in slowest}
    for row in finals:
        if row["trace_id"] in by_trace:
            assert by_trace[row["trace_id"]].index == row["index"]


def _received(row: dict[str, Any]) -> str:
    return str(row["traceparent"])


@pytest.mark.parametrize("kind", ["call", "kept"])
def test_over_sockets_of_a_call_or_kept(kind: str, tmp_path: Path) -> None:
    """A socket that was open already carries no head, so its call has no ids: in the log as on the wire."""
    _, calls, truth = run(SOCKETS.replace("KIND", kind), tmp_path)
    assert Counter(map(traceparent, calls)) == Counter(map(_received, truth))
    for row in calls:
        assert ("trace_id" in row) == (kind == "call" or not row["reused"])


def test_two_runs_of_one_scenario_have_no_trace_in_common(tmp_path: Path) -> None:
    seen: list[set[str]] = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        _, calls, _ = run(SOCKETS.replace("KIND", "call"), tmp_path / name)
        seen.append({row["trace_id"] for row in calls})
    assert not seen[0] & seen[1]
