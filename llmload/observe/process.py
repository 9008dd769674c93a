"""A process of this machine and its children, looked at from outside: what they use, and what they hold.

CPU is the difference of the processes' own clocks between two looks, so a look that comes late loses nothing. A child
that has ended and was waited for stands in its parent's clock. Memory is resident memory: pages that processes
share count in each of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

import psutil

from llmload.metrics.observed import Observed

__all__ = ["ProcessWatch", "Unseen"]

_CONNECTIONS_EVERY: Final = 2
"""Looks from one count of the connections to the next: it takes a pass through all sockets of the machine."""


class Unseen(Exception):
    """There is nothing to look at, and why."""


@dataclass(slots=True)
class _Reading:
    """The sums over one process and its children at one moment. Clocks are seconds, flows bytes, since the start of
    each process; ``levels``: figure -> value."""

    cpu: float = 0.0
    read: float = 0.0
    written: float = 0.0
    levels: dict[str, float] = field(default_factory=dict)

    def add(self, figure: str, value: float) -> None:
        self.levels[figure] = self.levels.get(figure, 0.0) + value


class ProcessWatch:
    """Samples one process into an ``Observed``. ``find`` returns the process id, or raises Unseen; it is asked again
    when the process has ended, for one that was started in its place."""

    def __init__(self, find: Callable[[], int], children: bool = True) -> None:
        self.seen: Final = Observed()
        self._find: Final = find
        self._children: Final = children
        self._process: psutil.Process | None = None
        self._before: tuple[float, _Reading] | None = None
        self._looks = 0

    def look(self, at: float, last: bool = False) -> None:
        """Take a sample, ``at`` seconds after the start of the run; minus infinity: some time before it."""
        process = self._process or self._attach()
        if process is None:
            return
        try:
            if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
                raise psutil.NoSuchProcess(process.pid)
            reading = self._read(process)
        except psutil.NoSuchProcess:
            self._lost(at)
            return
        except psutil.AccessDenied:
            self.seen.trouble = f"no permission to look at process {process.pid}: run llmload as its user"
            return
        self._enter(at, reading)

    def _attach(self) -> psutil.Process | None:
        try:
            self._process = psutil.Process(self._find())
        except Unseen as why:
            self.seen.trouble = str(why)
            return None
        except psutil.NoSuchProcess as gone:
            self.seen.trouble = f"there is no process {gone.pid} on this machine"
            return None
        self.seen.what, self.seen.trouble = f"process {self._process.pid}", ""
        return self._process

    def _lost(self, at: float) -> None:
        assert self._process is not None
        if at > -math.inf:
            self.seen.ended.append(max(0.0, at))
        self.seen.trouble = f"process {self._process.pid} has ended"
        self._process = self._before = None

    def _enter(self, at: float, now: _Reading) -> None:
        for figure in now.levels.keys() - self.seen.missing.keys():
            self.seen.samples(figure).read(at, now.levels[figure])
        before, self._before = self._before, (at, now) if at > -math.inf else None
        if before is None or at <= before[0]:
            return
        since, then = before
        flows = {"cores": now.cpu - then.cpu, "read": now.read - then.read, "written": now.written - then.written}
        rates = {figure: max(0.0, grown) / (at - since) for figure, grown in flows.items()}
        rates["cpu"] = rates["cores"] / (psutil.cpu_count() or 1)
        for figure in rates.keys() - self.seen.missing.keys():
            self.seen.samples(figure).lasted(since, at, rates[figure])

    # -- one look ---------------------------------------------------------------------------------------------

    def _read(self, process: psutil.Process) -> _Reading:
        family = [process, *(process.children(recursive=True) if self._children else ())]
        sockets = self._looks % _CONNECTIONS_EVERY == 0
        self._looks += 1
        reading = _Reading()
        for member in family:
            try:
                self._add(reading, member, sockets)
            except psutil.NoSuchProcess:
                if member is process:
                    raise
        return reading

    def _add(self, reading: _Reading, member: psutil.Process, sockets: bool) -> None:
        with member.oneshot():
            times, memory, threads = member.cpu_times(), member.memory_info().rss, member.num_threads()
        reading.cpu += times.user + times.system
        if self._children:
            reading.cpu += times.children_user + times.children_system
        reading.add("memory", memory)
        reading.add("threads", threads)
        self._maybe(("fds",), lambda: reading.add("fds", member.num_fds()))
        self._maybe(("read", "written"), lambda: _add_flows(reading, member))
        if sockets:
            self._maybe(("connections",), lambda: reading.add("connections", _established(member)))

    def _maybe(self, figures: Iterable[str], take: Callable[[], None]) -> None:
        """What other users' processes don't tell, or this system doesn't know, is missing from then on."""
        if any(figure in self.seen.missing for figure in figures):
            return
        why = ""
        try:
            take()
        except psutil.AccessDenied:
            why = "no permission to see it: run llmload as the process's user"
        except AttributeError:
            why = "this system does not tell"
        if why:
            self.seen.missing.update(dict.fromkeys(figures, why))


def _add_flows(reading: _Reading, member: psutil.Process) -> None:
    counted = member.io_counters()
    reading.read += counted.read_bytes
    reading.written += counted.write_bytes


def _established(member: psutil.Process) -> int:
    return sum(each.status == psutil.CONN_ESTABLISHED for each in member.net_connections("tcp"))
