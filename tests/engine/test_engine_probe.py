"""The loop's lag is measured as what arrives would feel it, and the right one is blamed for it."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import sys
import time

import pytest

from llmload.clock import monotonic_ns
from llmload.engine.probe import LoopProbe
from llmload.engine.whereabouts import Look, Whereabouts, blame
from llmload.metrics.disturbance import Cause
from llmload.metrics.health import WorkerHealth

MS = 1_000_000


def nothing(_: WorkerHealth) -> None: ...


async def hold(probe: LoopProbe, seconds: float) -> WorkerHealth:
    await asyncio.sleep(0.2)
    time.sleep(seconds)
    await asyncio.sleep(0.2)
    probe.end()
    return probe.take(nothing)


async def test_a_hold_counts_for_all_the_time_it_lasted() -> None:
    probe = LoopProbe(0, "direct")
    probe.begin(monotonic_ns())
    found = await hold(probe, 0.5)
    late = found.loop_lag.share_above(100_000) * found.loop_lag.count
    assert 10 <= late <= 40  # 0.4 s of 50 looks a second, drawn at random; one late alarm would be 1
    assert found.loop_lag.max > 400_000


async def test_a_hold_is_listed_with_its_time() -> None:
    probe = LoopProbe(0, "direct")
    probe.begin(monotonic_ns())
    found = await hold(probe, 0.4)
    worst = max(each for cause in found.disturbances for each in found.disturbances.worst(cause))
    assert worst.micros > 0.3e6
    assert worst.at > 0.15e6


async def test_what_is_not_measured_does_not_count() -> None:
    probe = LoopProbe(0, "direct")
    probe.begin(monotonic_ns(), [(0.0, 100.0)])
    found = await hold(probe, 0.1)
    assert found.loop_lag.count == 0
    assert any(found.disturbances.worst(cause) for cause in found.disturbances)


async def test_collections_are_timed() -> None:
    probe = LoopProbe(0, "direct")
    probe.begin(monotonic_ns())
    gc.collect()
    assert probe.take(nothing).gc_pause.count == 1
    assert probe.take(nothing).gc_pause.count == 0
    probe.end()


async def test_clocks_that_move_apart_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    probe = LoopProbe(0, "direct")
    probe.begin(monotonic_ns())
    assert probe.take(nothing).clock_jumps == 0
    true = time.time
    monkeypatch.setattr(time, "time", lambda: true() - 3600)
    found = probe.take(nothing)
    assert found.clock_jumps == 1
    assert found.disturbances.worst(Cause.CLOCK)[0].micros == pytest.approx(3600e6, rel=0.01)
    assert probe.take(nothing).clock_jumps == 0
    probe.end()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a clock that counts sleep")
async def test_a_machine_that_slept_is_no_clock_that_was_set(monkeypatch: pytest.MonkeyPatch) -> None:
    probe = LoopProbe(0, "direct")
    probe.begin(monotonic_ns())
    wall, clock = time.time, time.clock_gettime
    monkeypatch.setattr(time, "time", lambda: wall() + 30)
    monkeypatch.setattr(time, "clock_gettime", lambda which: clock(which) + 30)
    found = probe.take(nothing).disturbances
    assert list(found) == [Cause.SUSPENDED]
    assert found.worst(Cause.SUSPENDED)[0].micros == pytest.approx(30e6, rel=0.01)
    probe.end()


@pytest.mark.parametrize(
    ("now", "collected", "cause"),
    [
        (Look(ran=1 * MS, waited=45 * MS), 0, Cause.PREEMPTED),
        (Look(ran=1 * MS, waited=2 * MS, stolen=40 * MS), 0, Cause.STOLEN),
        (Look(ran=50 * MS), 45 * MS, Cause.COLLECTING),
        (Look(ran=50 * MS), 5 * MS, Cause.BUSY),
        (Look(ran=2 * MS, waited=2 * MS), 0, Cause.STOPPED),
    ],
)
def test_what_took_half_of_the_time_is_to_blame(now: Look, collected: int, cause: Cause) -> None:
    assert blame(50 * MS, Look(), now, collected) is cause


@pytest.mark.skipif(not os.path.exists("/proc/self/schedstat"), reason="the kernel keeps no such account")
def test_the_kernel_tells_running_from_standing_still() -> None:
    where = Whereabouts()
    before = where.look()
    until = time.thread_time_ns() + 30 * MS
    while time.thread_time_ns() < until:
        pass
    ran = where.look()
    assert ran.ran - before.ran >= 30 * MS
    assert ran.waited >= before.waited
    where.close()
    assert where.look()[1:] == ran[1:]


async def test_a_probe_that_never_began_ends_and_has_little_to_say() -> None:
    probe = LoopProbe(3, "direct")
    probe.end()
    found = probe.take(nothing)
    assert found.worker == 3
    assert found.loop_lag.count == 0


async def test_a_probe_without_file_descriptors_still_sees_the_lag() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    probe = LoopProbe(0, "direct")
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        probe.begin(monotonic_ns())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert (await hold(probe, 0.1)).loop_lag.max > 50_000
