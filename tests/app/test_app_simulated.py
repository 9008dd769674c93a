"""Simulator and workers on CPUs of their own, as long as that does them good."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from llmload.app.simulated import Apart

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2, reason="needs Linux and two CPUs"
)
BUSY, IDLE = "while True: pass", "import time; time.sleep(60)"


@contextmanager
def processes(*programs: str) -> Iterator[list[int]]:
    """One process for each."""
    started = [subprocess.Popen([sys.executable, "-c", program]) for program in programs]
    try:
        yield [process.pid for process in started]
    finally:
        for process in started:
            process.kill()
            process.wait()


def test_everyone_gets_a_cpu_where_there_are_enough() -> None:
    cpus = os.sched_getaffinity(0)
    with processes(IDLE, IDLE) as (simulator, worker):
        Apart(simulator, [worker])
        assert os.sched_getaffinity(worker) == {max(cpus)}
        assert os.sched_getaffinity(simulator) == cpus - {max(cpus)}


def test_nobody_is_bound_where_there_are_too_few() -> None:
    cpus = os.sched_getaffinity(0)
    with processes(IDLE, *[IDLE] * len(cpus)) as (simulator, *workers):
        apart = Apart(simulator, workers)
        assert all(os.sched_getaffinity(pid) == cpus for pid in (simulator, *workers))
        assert apart.look() == []


def test_a_worker_whose_cpu_others_use_is_let_go() -> None:
    cpus = os.sched_getaffinity(0)
    with processes(IDLE, BUSY, BUSY) as (simulator, worker, other):
        os.sched_setaffinity(other, {max(cpus)})
        apart = Apart(simulator, [worker])
        until = time.monotonic() + 20
        while not (let_go := apart.look()) and time.monotonic() < until:
            time.sleep(0.3)
        assert let_go == [worker]
        assert os.sched_getaffinity(worker) == cpus
        assert apart.look() == [], "once and for all"


def test_a_worker_that_waits_for_nothing_keeps_its_cpu() -> None:
    with processes(IDLE, IDLE) as (simulator, worker):
        apart = Apart(simulator, [worker])
        time.sleep(0.5)
        apart.look()  # it may have waited for a CPU while it started
        if len(os.sched_getaffinity(worker)) == 1:
            time.sleep(0.3)
            assert apart.look() == []


def test_a_process_that_is_gone_is_no_trouble() -> None:
    with processes(IDLE, IDLE) as (simulator, worker):
        apart = Apart(simulator, [worker])
    assert apart.look() == []
