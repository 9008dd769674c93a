"""llmload from Python: scripts, threads, notebooks, and what it costs those who don't use it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import llmload
from llmload import LlmloadError, Result, failures, read, report, run

SHORT = {"load.duration": "2s", "limits.drain": "2s"}


def test_a_script_without_a_guard_runs_once(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from llmload import run\n"
        f"result = run('quickstart', values={SHORT!r})\n"
        "print('calls', result.summary.select().calls)\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("calls") == 1
    assert int(done.stdout.split()[1]) > 5


def test_why_a_run_failed_and_its_reports(tmp_path: Path) -> None:
    result = run("quickstart", values=SHORT, objectives=["ttft.p50 < 1ms"], faults=["error:rate=50%"])
    assert result.verdict.status == 1
    said = failures(result)
    assert any(line.startswith("ttft.p50 < 1ms: 0.0") for line in said)
    assert any(line.startswith("errors.rate < 2%") for line in said)
    report(result, tmp_path / "r.json")
    report(result, tmp_path / "r.html", "html")
    again = read(tmp_path / "r.json")
    assert isinstance(again, Result)
    assert again.to_json() == result.to_json()
    assert (tmp_path / "r.html").read_text().startswith("<!doctype html>")


def test_in_a_thread_and_beside_an_event_loop() -> None:
    found: list[Result] = []

    async def beside() -> None:
        await asyncio.to_thread(lambda: found.append(run("quickstart", values=SHORT)))
        found.append(run("quickstart", values=SHORT))

    thread = threading.Thread(target=asyncio.run, args=(beside(),))
    thread.start()
    thread.join(60)
    assert [result.summary.select().calls > 5 for result in found] == [True, True]


def test_mistakes_are_told_with_their_place(tmp_path: Path) -> None:
    with pytest.raises(LlmloadError, match="did you mean"):
        run("quickstart", values={"load.durtion": "2s"})
    with pytest.raises(LlmloadError, match="embedded simulator"):
        run("quickstart", url="http://127.0.0.1:1/v1", faults=["error:rate=50%"])
    with pytest.raises(LlmloadError, match=r"nothing\.json"):
        read(tmp_path / "nothing.json")
    with pytest.raises(LlmloadError, match="no report 'pdf'"):
        report(read_nothing(), tmp_path / "x", "pdf")


def read_nothing() -> Result:
    return Result.__new__(Result)


def test_it_costs_nothing_until_it_is_used() -> None:
    code = "import sys, llmload; assert 'llmload.api' not in sys.modules and 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = llmload.nothing
