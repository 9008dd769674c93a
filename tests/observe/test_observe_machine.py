from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from llmload.metrics.disturbance import Cause
from llmload.observe import machine
from llmload.observe.machine import MachineWatch


def test_each_live_worker_gets_a_sample() -> None:
    watch = MachineWatch({0: os.getpid(), 7: 2**22 + 1})
    (found,) = watch.sample(1.0)
    assert found.worker == 0
    assert found.rss > 0
    assert found.others_cpu.samples == found.steal.samples == found.machine_cpu.samples == 1


def busy_machine(monkeypatch: pytest.MonkeyPatch, idle: float, steal: float) -> None:
    times = SimpleNamespace(user=100 - idle - steal, idle=idle, iowait=0.0, steal=steal)
    monkeypatch.setattr(psutil, "cpu_times_percent", lambda: times)


def test_seconds_that_belong_to_others_are_listed_with_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil.Process, "cpu_percent", lambda self: 0.0)  # it is not this test that is busy
    watch = MachineWatch({0: os.getpid()})
    busy_machine(monkeypatch, idle=100, steal=0)
    assert list(watch.sample(1.0)[0].disturbances) == []
    busy_machine(monkeypatch, idle=0, steal=20)
    (found,) = watch.sample(2.0)
    assert found.disturbances.worst(Cause.OTHERS) == [(1_000_000, 1_000_000)]
    assert found.disturbances.worst(Cause.STEAL)[0].micros == pytest.approx(0.2e6 * (psutil.cpu_count() or 1))
    assert found.steal.mean == pytest.approx(0.2)
    assert found.others_cpu.mean <= 0.8


@pytest.mark.parametrize("line", ["throttled_usec {0}\n", "throttled_time {0}000\n"])
def test_a_quota_that_was_used_up_is_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, line: str) -> None:
    quota = tmp_path / "cpu.stat"
    quota.write_text("nr_periods 5\n" + line.format(1_000))
    monkeypatch.setattr(machine, "_QUOTAS", (tmp_path / "missing", quota))
    watch = MachineWatch({0: os.getpid()})
    assert Cause.THROTTLED not in watch.sample(1.0)[0].disturbances
    quota.write_text("nr_periods 5\n" + line.format(151_000))
    assert watch.sample(2.0)[0].disturbances.seconds(Cause.THROTTLED) == 0.15
