"""One client, one server, a core for each: runs the pair, watches both, and keeps what each of them said.

The server is ``server.c`` where there is a C compiler, else ``server.py``. What it wrote, and when, is the truth that
the client's figures are held against.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy as np
import psutil
from numpy.typing import NDArray

__all__ = ["Case", "Client", "Figures", "Look", "Run", "compiled", "perform"]

HERE = Path(__file__).resolve().parent
_LOOK_SECONDS = 0.25
_PATIENCE = 60.0
"""Seconds a client may take on top of its load, to start and to write what it has to say."""


@dataclass(frozen=True, slots=True)
class Case:
    """A load and how the server answers it: ``rate`` calls a second, or else ``users`` that ask when answered.

    The first token comes ``ttft`` to ``ttft + spread`` ms after the request, the others ``itl`` ms apart.
    """

    name: str
    duration: float
    rate: float = 0.0
    users: int = 0
    tokens: int = 100
    ttft: float = 100.0
    spread: float = 20.0
    itl: float = 20.0
    stream: bool = True

    @property
    def seconds(self) -> float:
        """How long one answer takes."""
        return (self.ttft + self.spread + (self.tokens if self.stream else 0) * self.itl) / 1000


Times = tuple[float, float, float]
"""p50, p99, max in ms."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What one side says: None where it doesn't. ``times``: of "ttft", "gap" (between chunks), "latency" (of answers
    that aren't streamed), "lag" (from planned to sent)."""

    calls: int
    whole: int
    chunks: int | None
    times: Mapping[str, Sequence[float | None]] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str) -> Figures:
        """From the line of JSON that ``ceiling`` and ``plain_aiohttp`` print."""
        said = json.loads(text)
        times = {name: said[name] for name in ("ttft", "gap", "latency") if any(said[name])}
        return cls(said["calls"], said["whole"], said["chunks"], times)

    def time(self, name: str, place: int) -> float | None:
        """One figure (0: p50, 1: p99, 2: max), if it is known."""
        return self.times[name][place] if name in self.times else None


class Client(Protocol):
    """Something that sends a Case to a port of this machine."""

    name: str

    def command(self, case: Case, port: int, folder: Path) -> list[str]:
        """What to run; it may write into ``folder``."""

    def figures(self, case: Case, printed: str, folder: Path) -> Figures:
        """What it said."""


@dataclass(frozen=True, slots=True)
class Look:
    """The pair at one moment: monotonic ns, the server's counters, CPU seconds and resident bytes by client process."""

    at: int
    stats: Mapping[str, int]
    cpu: Mapping[int, float]
    rss: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Run:
    """One client, one case. ``late``: how late the server itself was with its chunks, p99 in ms."""

    client: str
    case: Case
    said: Figures
    true: Figures
    late: float
    looks: tuple[Look, ...]

    @property
    def planned(self) -> int:
        """Calls that were to be made; in a closed loop, that were."""
        return round(self.case.rate * self.case.duration) or self.true.calls

    @property
    def complete(self) -> bool:
        """Every planned call came whole, with every chunk the server wrote."""
        whole = self.said.calls == self.said.whole == self.true.whole >= self.planned
        return whole and self.said.chunks in (None, self.true.chunks)

    @property
    def whole(self) -> str:
        """The same in words."""
        return "all" if self.complete else f"{self.said.whole:,} of {self.planned:,}"

    def off(self, name: str, place: int) -> float | None:
        """Said minus true, ms."""
        said, true = self.said.time(name, place), self.true.time(name, place)
        return None if said is None or true is None else said - true

    @property
    def first(self) -> int:
        """When the server had its first request, monotonic ns; 0: never."""
        return next((look.stats["first"] for look in self.looks if look.stats["first"]), 0)

    def middle(self) -> list[Look]:
        """Looks from when as many answers were under way as would be, until the last was begun."""
        begin = self.first / 1e9 + min(self.case.seconds + 0.3, self.case.duration / 2)
        end = self.first / 1e9 + self.case.duration
        inside = [look for look in self.looks if begin <= look.at / 1e9 <= end and look.cpu]
        # A look at a client that is just ending lacks processes, and so their CPU.
        return [look for look in inside if look.cpu.keys() >= inside[0].cpu.keys()]

    def steady(self) -> tuple[float, float, float]:
        """CPU seconds of the client, answers (of a stream: chunks / tokens) and seconds, in the steady part."""
        inside = self.middle()
        if len(inside) < 2:
            return 0.0, 0.0, 0.0
        a, b = inside[0], inside[-1]
        done = [
            look.stats["chunks"] / self.case.tokens if self.case.stream else look.stats["finished"] for look in (a, b)
        ]
        cpu = sum(b.cpu.values()) - sum(a.cpu.get(pid, 0.0) for pid in b.cpu)
        return cpu, done[1] - done[0], (b.at - a.at) / 1e9


# -- the server --------------------------------------------------------------------------------------------------


@cache
def _workshop() -> Path:
    """A folder for what is compiled, as long as this process lives."""
    folder = tempfile.mkdtemp(prefix="llmload-bench-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


@cache
def compiled(name: str) -> str | None:
    """``NAME.c`` as a program; None without a C compiler, or where it is not Linux (both use epoll)."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        return None
    program = _workshop() / name
    subprocess.run([compiler, "-O2", "-o", str(program), str(HERE / f"{name}.c")], check=True)
    return str(program)


@contextmanager
def _serving(case: Case, log: Path) -> Iterator[int]:
    """The server's port."""
    program = compiled("server")
    command = [program] if program else [sys.executable, str(HERE / "server.py")]
    for name in ("ttft", "spread", "itl", "tokens"):
        command += [f"--{name}", str(getattr(case, name))]
    with subprocess.Popen([*command, "--log", str(log)], stdout=subprocess.PIPE, text=True) as server:
        try:
            _pin(server.pid, 0)
            assert server.stdout is not None
            yield int(server.stdout.readline().split()[1])
        finally:
            server.terminate()


def _stats(port: int) -> dict[str, int]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/stats", timeout=5) as answer:
        found: dict[str, int] = json.loads(answer.read())
    return found


def _truth(case: Case, log: Path) -> tuple[Figures, float]:
    """What the server did, and how late it was (p99, ms)."""
    rows = np.fromfile(log, np.int64).reshape(-1, 3 + case.tokens)
    if not case.stream:
        answered = rows[rows[:, 2] > 0]
        return Figures(len(rows), len(answered), 0, {"latency": _times(answered[:, 3] - answered[:, 0])}), 0.0
    whole = rows[(rows[:, 1] == 1) & (rows[:, 2] == case.tokens)]
    stamps = whole[:, 3:]
    first = stamps[:, 0] - whole[:, 0]
    times = {"ttft": _times(first), "gap": _times(np.diff(stamps).ravel())}
    due = stamps[:, :1] + (np.arange(case.tokens) * case.itl * 1e6).astype(np.int64)
    return Figures(len(rows), len(whole), int(rows[:, 2].sum()), times), _times((stamps - due).ravel())[1]


def _times(ns: NDArray[np.int64]) -> Times:
    if not len(ns):
        return 0.0, 0.0, 0.0
    p50, p99 = np.percentile(ns, [50, 99], method="inverted_cdf")  # nearest rank, as histograms have it
    return float(p50) / 1e6, float(p99) / 1e6, float(ns.max()) / 1e6


# -- the client --------------------------------------------------------------------------------------------------


def _pin(pid: int, place: int) -> None:
    """Server (0) and client (-1) on cores of their own, where there are two and the system lets us."""
    with suppress(AttributeError, OSError):
        os.sched_setaffinity(pid, {sorted(os.sched_getaffinity(0))[place]})


def _look(port: int, client: psutil.Process) -> Look:
    stats, cpu, rss = _stats(port), {}, {}
    at = time.monotonic_ns()
    with suppress(psutil.Error):
        for process in (client, *client.children(recursive=True)):
            with suppress(psutil.Error), process.oneshot():
                used = process.cpu_times()
                cpu[process.pid], rss[process.pid] = used.user + used.system, process.memory_info().rss
    return Look(at, stats, cpu, rss)


def _watched(client: subprocess.Popen[bytes], port: int, seconds: float) -> Iterator[Look]:
    """Looks at the pair until the client has ended; RuntimeError if it doesn't within ``seconds``."""
    known, last = psutil.Process(client.pid), time.monotonic() + seconds
    while client.poll() is None:
        if time.monotonic() > last:
            for process in [*known.children(recursive=True), known]:
                with suppress(psutil.Error):
                    process.kill()
            client.wait()
            raise RuntimeError(f"it had not ended after {seconds:.0f} s")
        yield _look(port, known)
        time.sleep(_LOOK_SECONDS)


def perform(client: Client, case: Case) -> Run:
    """Run ``client`` on ``case``. RuntimeError, with the end of what it printed, when it fails."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log, out, err = folder / "stamps.bin", folder / "stdout", folder / "stderr"
        try:
            with _serving(case, log) as port, out.open("wb") as printed, err.open("wb") as complaints:
                command = client.command(case, port, folder)
                running = subprocess.Popen(command, stdout=printed, stderr=complaints, cwd=folder)
                _pin(running.pid, -1)
                looks = tuple(_watched(running, port, case.duration + case.seconds + _PATIENCE))
            said = client.figures(case, out.read_text("utf-8"), folder)
        except (RuntimeError, OSError, ValueError, LookupError) as error:
            last = "\n".join(f"{file.name}: {file.read_text('utf-8', 'replace')[-1500:]}" for file in (out, err))
            raise RuntimeError(f"{client.name}, {case.name}: {error!r}\n{last}") from error
        true, late = _truth(case, log)
    return Run(client.name, case, said, true, late, looks)
