"""This machine during the run, looked at from the parent so that looking costs the measuring processes nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

from llmload.metrics.disturbance import Cause
from llmload.metrics.health import WorkerHealth

__all__ = ["Glance", "MachineWatch"]

_OTHERS_FROM: Final = 0.5
"""Share of the machine from which other processes' work in a second is an event."""
_STEAL_FROM: Final = 0.05
_TWICE: Final = frozenset({"guest", "guest_nice"})
"""Times that are in others, too."""
_QUOTAS: Final = (Path("/sys/fs/cgroup/cpu.stat"), Path("/sys/fs/cgroup/cpu/cpu.stat"))
"""Inside a container, its own; version 2 and 1 of control groups."""


class Glance:
    """What else this machine does, from now on."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._own = time.process_time()
        self._before = psutil.cpu_times()

    def seen(self, seconds: float) -> tuple[float, float]:
        """The shares of all cores that other processes used and that the hypervisor took, in ``seconds`` at least."""
        time.sleep(max(0.0, self._began + seconds - time.monotonic()))
        after, own = psutil.cpu_times(), time.process_time() - self._own
        known = [name for name in after._fields if name not in _TWICE]
        spent = {name: getattr(after, name) - getattr(self._before, name) for name in known}
        whole = sum(spent.values())
        if whole <= 0:
            return 0.0, 0.0
        steal = spent.get("steal", 0.0)
        others = whole - spent["idle"] - spent.get("iowait", 0.0) - steal - own
        return max(0.0, others / whole), max(0.0, steal / whole)


class MachineWatch:
    """Samples CPU, descriptors and memory of the workers, and what else the machine is doing."""

    def __init__(self, workers: Mapping[int, int], ours: tuple[int, ...] = ()) -> None:
        """``workers``: worker number -> process id; ``ours``: other processes of this run (simulator, parent)."""
        self._workers: dict[int, psutil.Process | None] = {number: _process(pid) for number, pid in workers.items()}
        self._ours = [found for pid in ours if (found := _process(pid)) is not None]
        self._cpus = psutil.cpu_count() or 1
        self._at = 0.0
        self._throttled = _throttled()
        for known in self._all():
            with suppress(psutil.Error):
                known.cpu_percent()
        psutil.cpu_times_percent()

    def _all(self) -> list[psutil.Process]:
        return [process for process in self._workers.values() if process is not None] + self._ours

    def sample(self, at: float = 0.0) -> list[WorkerHealth]:
        """One WorkerHealth per live worker, for the time since the last sample; ``at``: seconds of the run."""
        used = 0.0
        for ours in self._ours:
            with suppress(psutil.Error):
                used += ours.cpu_percent() / 100
        found: list[WorkerHealth] = []
        for number, process in self._workers.items():
            if process is None:
                continue
            with suppress(psutil.Error):
                used += process.cpu_percent() / 100
                found.append(self._look(number, process))
        machine = psutil.cpu_times_percent()
        busy = (100.0 - machine.idle - getattr(machine, "iowait", 0.0)) / 100 * self._cpus
        steal = getattr(machine, "steal", 0.0) / 100
        # What the hypervisor took is no process's: it is in ``busy``, and a rule of its own.
        others = max(0.0, busy - used) / self._cpus - steal
        for health in found:
            health.machine_cpu.add(busy / self._cpus)
            health.others_cpu.add(max(0.0, others))
            health.steal.add(steal)
        if found:
            self._note_disturbances(found[0], others, steal, at)
        self._at = at
        return found

    def _note_disturbances(self, health: WorkerHealth, others: float, steal: float, at: float) -> None:
        """What concerns the whole machine is told once, of the first worker."""
        since, lasted = round(self._at * 1e6), round((at - self._at) * 1e6)
        if lasted <= 0:
            return
        throttled, self._throttled = self._throttled, _throttled()
        for cause, micros in (
            (Cause.OTHERS, lasted if others > _OTHERS_FROM else 0),
            (Cause.STEAL, round(steal * self._cpus * 1e6) if steal > _STEAL_FROM else 0),
            (Cause.THROTTLED, self._throttled - throttled),
        ):
            if micros > 0:
                health.disturbances.add(cause, since, micros)

    def _look(self, number: int, process: psutil.Process) -> WorkerHealth:
        health = WorkerHealth(worker=number)
        with process.oneshot():
            health.rss = process.memory_info().rss
        if hasattr(process, "num_fds"):
            health.fds = process.num_fds()
        if hasattr(process, "rlimit"):
            health.fd_limit = process.rlimit(psutil.RLIMIT_NOFILE)[0]
        return health


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.Error:
        return None


def _throttled() -> int:
    """Microseconds that this container was kept from the CPU by its quota so far."""
    for path in _QUOTAS:
        with suppress(OSError, ValueError):
            found = dict(line.split(" ", 1) for line in path.read_text().splitlines() if " " in line)
            if "throttled_usec" in found:
                return int(found["throttled_usec"])
            if "throttled_time" in found:
                return int(found["throttled_time"]) // 1000
    return 0
