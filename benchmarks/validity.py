"""Does a run know when its figures can't be trusted, and does it keep quiet when they can?

Each kind of trouble is planted in so many short runs against the embedded simulator, and the healthy scenario is run
as often without any. A plant that is not flagged, or flagged with another reason or a remedy that doesn't fit, is a
miss; a healthy run that is not VALID is a false alarm. This machine must do nothing else during the healthy runs:
steal and other processes' CPU are measured here by themselves, and runs in which there was much are counted apart.

    .venv/bin/python -m benchmarks.validity [-n RUNS] [NAME ...]       default: 20 runs of everything

The clocks of "clock set" and "machine slept" are lied to inside the worker; all other trouble is real.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import orjson
import psutil

from benchmarks.tables import Table
from llmload.app.session import Options, run_plan
from llmload.dashboard.frame import Frame
from llmload.dashboard.live import QuietDisplay
from llmload.outputs.base import Output
from llmload.outputs.request_log import RequestLog
from llmload.scenario.compile import compile_scenario
from llmload.scenario.files import Source
from llmload.scenario.load import load_scenario
from llmload.sim.spec import SimSpec

HEALTHY = "healthy"
SECONDS = 6.0
SCENARIO = """
objectives = ["ttft.{percentile} < 2s", "itl.p99 < 1s", "errors.rate < 1%"]
[targets.main]
base_url = "sim:"
model = "sim-model"
connections = {connections}
[classes.main]
api = "chat"
stream = true
prompt = {{ tokens = 20 }}
max_tokens = 50
[load]
process = "uniform"
rate = "40/s"
duration = "6s"
{load}
"""
SERVICE = SimSpec(slots=2000, kv_tokens=10_000_000, queue_limit=10_000, step=0.02, step_per_sequence=0.0, answer="max")
STEAL, OTHERS = 0.01, 0.03
"""Shares of the machine beyond which a healthy run was disturbed from outside."""

IN_THE_WORKER = """
import signal, sys, time
if any("spawn_main" in part for part in sys.orig_argv):
    wall, clock = time.time, time.clock_gettime
    def busy(*_):
        until = time.monotonic() + 0.05
        while time.monotonic() < until:
            pass
    def set_clock(*_):
        time.time = lambda: wall() + 3600.0
    def sleep(*_):
        time.time = lambda: wall() + 30.0
        time.clock_gettime = lambda which: clock(which) + (30.0 if which == time.CLOCK_BOOTTIME else 0.0)
    for number, act in enumerate((busy, lambda *_: time.sleep(0.05), set_clock, sleep)):
        signal.signal(signal.SIGRTMIN + number, act)
"""
BUSY, BLOCKED, SET, SLEPT = range(4)


# -- the troubles ------------------------------------------------------------------------------------------

Act = Callable[[psutil.Process, Callable[[], bool]], None]
"""Does it to the worker while the run goes on (the second argument says whether it does)."""


def _nothing(worker: psutil.Process, going: Callable[[], bool]) -> None:
    return


def _hogs(everywhere: bool) -> Act:
    def act(worker: psutil.Process, going: Callable[[], bool]) -> None:
        cpus = os.sched_getaffinity(0) if everywhere else set(worker.cpu_affinity())
        hogs = []
        for cpu in cpus:
            hogs.append(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            os.sched_setaffinity(hogs[-1].pid, {cpu})
        try:
            while going():
                time.sleep(0.05)
        finally:
            for hog in hogs:
                hog.kill()
                hog.wait()

    return act


def _signals(number: int, every: float) -> Act:
    def act(worker: psutil.Process, going: Callable[[], bool]) -> None:
        due = time.monotonic() + 0.5
        while going():
            if time.monotonic() >= due:
                due += every
                worker.send_signal(signal.SIGRTMIN + number)
            time.sleep(0.005)

    return act


def _freeze(worker: psutil.Process, going: Callable[[], bool]) -> None:
    time.sleep(2.0)
    worker.suspend()
    try:
        time.sleep(1.0)
    finally:
        worker.resume()


def _few_descriptors(worker: psutil.Process, going: Callable[[], bool]) -> None:
    few = worker.num_fds() + 20
    worker.rlimit(psutil.RLIMIT_NOFILE, (few, few))


@dataclass(frozen=True)
class Trouble:
    """``codes``: reasons any of which is right; ``remedy``: what the remedy of one of them must say."""

    codes: frozenset[str] = frozenset()
    remedy: str = ""
    act: Act = _nothing
    load: str = ""
    percentile: str = "p95"
    connections: int = 80
    slow_disk: bool = False


_LATE = frozenset({"loop_lag", "schedule_lag", "cpu_wait"})
TROUBLES: dict[str, Trouble] = {
    HEALTHY: Trouble(),
    "hog on the worker's CPU": Trouble(_LATE, "other processes", _hogs(everywhere=False)),
    "hogs on all CPUs": Trouble(_LATE | {"others_cpu"}, "other processes", _hogs(everywhere=True)),
    "loop busy 50 ms each second": Trouble(_LATE, "held its event loop", _signals(BUSY, 1.0)),
    "loop blocked 50 ms each second": Trouble(_LATE, "nothing stop", _signals(BLOCKED, 1.0)),
    "worker frozen for 1 s": Trouble(_LATE | {"stood_still"}, "nothing stop", _freeze),
    "too few descriptors": Trouble(frozenset({"shortage"}), "ulimit -n", _few_descriptors, connections=1),
    "cap too low, queue": Trouble(frozenset({"queued"}), "max_in_flight", load="max_in_flight = 20"),
    "cap too low, drop": Trouble(
        frozenset({"dropped"}), "max_in_flight", load='max_in_flight = 20\non_limit = "drop"'
    ),
    "slow disk": Trouble(frozenset({"log_lost"}), "faster disk", slow_disk=True),
    "too few samples": Trouble(frozenset({"few_samples"}), "times as long", percentile="p99.5"),
    "clock set": Trouble(frozenset({"clock_jumps"}), "clock", _signals(SET, 60.0)),
    "machine slept": Trouble(frozenset({"suspended"}), "sleeping", _signals(SLEPT, 60.0)),
}  # fmt: skip


# -- one run, in a process of its own --------------------------------------------------------------------


class _Announcing(QuietDisplay):
    """Says on stdout when the run has begun, and when it is over."""

    def __init__(self) -> None:
        self._stage = ""
        self.said: list[str] = []

    def update(self, frame: Frame) -> None:
        if frame.stage != self._stage:
            self._stage = frame.stage
            print(frame.stage, flush=True)

    def message(self, text: str) -> None:
        self.said.append(text)


def one(name: str, folder: Path) -> None:
    """Carry the run out; what it says of itself goes into ``folder``."""
    trouble = TROUBLES[name]
    text = SCENARIO.format(percentile=trouble.percentile, connections=trouble.connections, load=trouble.load)
    plan = replace(compile_scenario(load_scenario(Source(text, "validity", Path.cwd(), "validity"))), sim=SERVICE)
    log = RequestLog(folder / "calls", queue_bytes=64 * 1024, patience=0.5)
    outputs: tuple[Output, ...] = (log,) if trouble.slow_disk else ()
    display = _Announcing()
    result = run_plan(plan, Options(display=display, outputs=outputs, chunks=True))
    reasons = [[reason.code, reason.level.value, reason.text, reason.remedy] for reason in result.validity.reasons]
    told = {"level": result.validity.level.value, "reasons": reasons, "said": display.said}
    (folder / "told.json").write_bytes(orjson.dumps(told))


# -- many runs ---------------------------------------------------------------------------------------------


@dataclass
class Told:
    """What one run said, and what this machine did meanwhile (shares of all CPUs)."""

    level: str
    reasons: list[list[str]]
    said: list[str] = field(default_factory=list)
    steal: float = 0.0
    others: float = 0.0

    @property
    def disturbed(self) -> bool:
        return self.steal > STEAL or self.others > OTHERS

    def right(self, trouble: Trouble) -> bool:
        """A reason that names the trouble, with a remedy that fits."""
        return any(code in trouble.codes and trouble.remedy in remedy for code, _, _, remedy in self.reasons)


@contextmanager
def slow_reader(path: Path) -> Iterator[None]:
    """A pipe in the place of a file, read at a few kilobytes a second."""
    os.mkfifo(path)
    code = f"import os, time\nfd = os.open({str(path)!r}, os.O_RDONLY)\nwhile os.read(fd, 1024): time.sleep(0.2)"
    reader = subprocess.Popen([sys.executable, "-c", code])
    try:
        yield
    finally:
        reader.kill()
        reader.wait()


def perform(name: str) -> Told:
    """One run with its trouble."""
    trouble = TROUBLES[name]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "sitecustomize.py").write_text(IN_THE_WORKER)
        environment = os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{Path(__file__).resolve().parents[1]}"}
        before = _Machine.now()
        with slow_reader(folder / "calls") if trouble.slow_disk else nullcontext():
            command = [sys.executable, "-m", "benchmarks.validity", "--one", name, place]
            run = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True)
            try:
                _plant(trouble, run)
                run.communicate(timeout=60)
            finally:
                run.kill()
                run.wait()
        told = Told(**orjson.loads((folder / "told.json").read_bytes()))
        told.steal, told.others = before.until(_Machine.now())
        return told


class _Machine(NamedTuple):
    """CPU seconds: by anyone; by us and what we started; taken by the hypervisor. And the time."""

    busy: float
    ours: float
    steal: float
    at: float

    @classmethod
    def now(cls) -> _Machine:
        times = psutil.cpu_times()
        steal = getattr(times, "steal", 0.0)
        idle = times.idle + getattr(times, "iowait", 0.0) + getattr(times, "guest", 0.0)
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        ours = sum(each.ru_utime + each.ru_stime for each in used)
        return cls(sum(times) - idle - steal, ours, steal, time.monotonic())

    def until(self, later: _Machine) -> tuple[float, float]:
        """Steal and what others used meanwhile, in shares of all CPUs."""
        whole = (later.at - self.at) * (os.cpu_count() or 1)
        others = (later.busy - self.busy) - (later.ours - self.ours)
        return (later.steal - self.steal) / whole, max(0.0, others) / whole


def _plant(trouble: Trouble, run: subprocess.Popen[str]) -> None:
    assert run.stdout is not None
    for line in run.stdout:
        if line.strip() == "running":
            break
    over = time.monotonic() + SECONDS - 0.5
    found = (p for p in psutil.Process(run.pid).children() if any("spawn_main" in part for part in p.cmdline()))
    worker = next(found)
    with suppress(psutil.NoSuchProcess):
        trouble.act(worker, lambda: time.monotonic() < over and run.poll() is None)


HEADS = ("trouble", "runs", "flagged", "right reason", "false alarms", "reasons given")


def rows(name: str, told: list[Told]) -> Iterator[tuple[str | int | None, ...]]:
    """What came out; of the healthy runs in two rows, as those disturbed from outside tell nothing of false alarms."""
    if name != HEALTHY:
        flagged = [each for each in told if each.level != "VALID"]
        right = sum(each.right(TROUBLES[name]) for each in flagged)
        yield name, len(told), len(flagged), right, None, _codes(told)
        return
    for title, wanted in ((HEALTHY, False), ("healthy, but disturbed from outside", True)):
        found = [each for each in told if each.disturbed is wanted]
        flagged = [each for each in found if each.level != "VALID"]
        if found or not wanted:
            yield title, len(found), len(flagged), None, None if wanted else len(flagged), _codes(found)


def _codes(told: list[Told]) -> str:
    counted = Counter(f"{code} {level}" for each in told for code, level, _, _ in each.reasons)
    return ", ".join(f"{count} x {code}" for code, count in counted.most_common())


def main() -> None:
    """Run what is asked for, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("-n", "--runs", type=int, default=20)
    parser.add_argument("-v", "--verbose", action="store_true", help="print what each run says")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(TROUBLES)}")
    asked = parser.parse_args()
    if asked.one:
        one(asked.one[0], Path(asked.one[1]))
        return
    if unknown := [name for name in asked.names if name not in TROUBLES]:
        parser.error(f"there is no {unknown[0]!r}; there are: {', '.join(TROUBLES)}")
    table = Table("validity", HEADS)
    for name in asked.names or TROUBLES:
        told = []
        for number in range(asked.runs):
            told.append(perform(name))
            _say(name, number, told[-1], asked.verbose)
        table.rows.extend(rows(name, told))
    print(table.markdown())


def _say(name: str, number: int, told: Told, verbose: bool) -> None:
    codes = ", ".join(f"{code}" for code, *_ in told.reasons)
    outside = f"steal {told.steal:.1%}, others {told.others:.1%}"
    print(f"{name} {number + 1}: {told.level} {codes} ({outside})", file=sys.stderr, flush=True)
    if verbose:
        for code, level, text, remedy in told.reasons:
            print(f"    {level} {code}: {text}: {remedy}", file=sys.stderr)
        for text in told.said:
            print(f"    said: {text}", file=sys.stderr)


if __name__ == "__main__":
    main()
