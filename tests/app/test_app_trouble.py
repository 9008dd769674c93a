"""Trouble of the generator's own, planted in real runs: the result says what it was, and the display says when."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from llmload.app.session import Options, run_plan
from llmload.dashboard.frame import Frame
from llmload.dashboard.live import QuietDisplay
from llmload.outputs.base import Output
from llmload.outputs.request_log import RequestLog
from llmload.reports.result import Result
from llmload.scenario.compile import compile_scenario
from llmload.scenario.files import Source
from llmload.scenario.load import load_scenario
from llmload.sim.spec import SimSpec
from llmload.verdict.validity import Level, Reason

SCENARIO = """
[targets.main]
base_url = "sim:"
model = "sim-model"
connections = 4
[classes.main]
api = "chat"
stream = true
prompt = { tokens = 20 }
max_tokens = 10
[load]
process = "uniform"
rate = "20/s"
duration = "3s"
"""


class Watched(QuietDisplay):
    """Plants the trouble when the run begins, and keeps what is said."""

    def __init__(self, plant: Callable[[psutil.Process], None]) -> None:
        self.said: list[str] = []
        self._plant = plant
        self._begun = False

    def update(self, frame: Frame) -> None:
        if frame.stage == "running" and not self._begun:
            self._begun = True
            worker = next(child for child in multiprocessing.active_children() if child.name == "llmload-0")
            self._plant(psutil.Process(worker.pid))

    def message(self, text: str) -> None:
        self.said.append(text)


def run(display: Watched, *outputs: Output, step: float = 0.01) -> Result:
    plan = compile_scenario(load_scenario(Source(SCENARIO, "test.toml", Path.cwd(), "test")))
    spec = SimSpec(answer="max", step=step, step_per_sequence=0.0)
    return run_plan(replace(plan, sim=spec), Options(display=display, outputs=outputs, chunks=True))


def reasons(result: Result) -> dict[str, Reason]:
    return {reason.code: reason for reason in result.validity.reasons}


FREEZE = """
import os, signal, sys, time
pid = int(sys.stdin.readline())
time.sleep(0.2)
os.kill(pid, signal.SIGSTOP)
time.sleep(0.7)
os.kill(pid, signal.SIGCONT)
"""


@pytest.mark.skipif(os.name != "posix", reason="needs SIGSTOP")
def test_a_worker_that_was_stopped_is_told_during_the_run_and_in_the_result() -> None:
    # From a process of its own, as this one hardly runs on a busy machine while a run goes on.
    with subprocess.Popen([sys.executable, "-c", FREEZE], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as freezer:

        def freeze(worker: psutil.Process) -> None:
            assert freezer.stdin is not None
            freezer.stdin.write(f"{worker.pid}\n".encode())
            freezer.stdin.close()

        display = Watched(freeze)
        result = run(display)
    if freezer.returncode:
        pytest.skip("this machine was too busy to stop the worker while the run went on")
    assert result.validity.level is not Level.VALID
    assert "nothing was sent or read" in reasons(result)["stood_still"].text
    assert any(line.startswith("at ") and "worker 0" in line for line in display.said)
    assert set(reasons(result)) & {"loop_lag", "schedule_lag"}


def test_a_disk_that_is_too_slow_for_the_request_log_is_told(tmp_path: Path) -> None:
    path = tmp_path / "calls"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # and never reads
    log = RequestLog(path, queue_bytes=8192, patience=0.2)
    result = run(Watched(lambda _: None), log)
    os.close(reader)
    found = reasons(result)["log_lost"]
    assert found.text.startswith(f"{log.lost:,} of 60 calls are missing")


def test_calls_without_a_file_descriptor_are_put_down_to_this_machine() -> None:
    def starve(worker: psutil.Process) -> None:
        few = worker.num_fds() + 2
        worker.rlimit(psutil.RLIMIT_NOFILE, (few, few))

    result = run(Watched(starve), step=0.1)
    assert result.validity.level is Level.INVALID
    assert "no file descriptor left" in reasons(result)["shortage"].text
    assert "ulimit -n" in reasons(result)["shortage"].remedy
