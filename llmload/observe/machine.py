"""This machine during the run, looked at from the parent so that looking costs the measuring processes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import psutil

from llmload.metrics.health import WorkerHealth

__all__ = ["MachineWatch"]


class MachineWatch:
    """Samples CPU, descriptors and memory of the workers, and what else the machine is doing."""

    def __init__(self, workers: Mapping[int, int], ours: tuple[int, ...] = ()) -> None:
        """``workers``: worker number -> process id; ``ours``: other processes of this run (simulator, parent)."""
        self._workers: dict[int, psutil.Process | None] = {number: _process(pid) for number, pid in workers.items()}
        self._ours = [found for pid in ours if (found := _process(pid)) is not None]
        self._cpus = psutil.cpu_count() or 1
        for known in self._all():
            with suppress(psutil.Error):
                known.cpu_percent()
        psutil.cpu_times_percent()

    def _all(self) -> list[psutil.Process]:
        return [process for process in self._workers.values() if process is not None] + self._ours

    def sample(self) -> list[WorkerHealth]:
        """One WorkerHealth per live worker, for the time since the last sample."""
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
        for health in found:
            health.machine_cpu.add(busy / self._cpus)
            health.others_cpu.add(max(0.0, busy - used) / self._cpus)
            health.steal.add(steal)
        return found

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
