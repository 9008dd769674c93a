"""Processes looked at from outside: known CPU and memory within 5 % of what is reported; what can't be seen is said."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from llmload.clock import NS
from llmload.metrics.observed import Observed, mean_of
from llmload.observe.process import ProcessWatch, Unseen
from llmload.observe.target import TargetWatch
from llmload.scenario.plan import Observer, Target

MIB = 2**20
BURN = """
import os, sys, time
def burn(share, cpu):
    begun, used = time.monotonic(), time.process_time()
    while (spent := time.process_time() - used) < cpu:
        if spent < share * (time.monotonic() - begun):
            sum(range(2000))
        else:
            time.sleep(0.002)
print("ready", flush=True)
sys.stdin.readline()
"""
HOLD = (
    BURN
    + """
begun = time.process_time()
kept = b"x" * int(sys.argv[2])
burn(float(sys.argv[1]), 1.0)
print(time.process_time() - begun, flush=True)
sys.stdin.readline()
"""
)
FAMILY = (
    BURN
    + """
import subprocess
code = "import time\\nwhile time.process_time() < 0.6: pass\\nprint(time.process_time())"
print(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip(), flush=True)
sys.stdin.readline()
"""
)
SLEEP = "import sys; print('ready', flush=True); sys.stdin.readline()"


@contextmanager
def child(code: str, *options: str) -> Iterator[subprocess.Popen[str]]:
    line = [sys.executable, "-c", code, *options]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def go_on(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def watched(process: subprocess.Popen[str], watch: ProcessWatch) -> tuple[float, float]:
    """Let the child work, looking now and then; (what it says in the end, seconds from the first look to the last)."""
    begun = time.monotonic()
    watch.look(0.0)
    go_on(process)
    assert process.stdout is not None
    while not select.select([process.stdout], [], [], 0.2)[0]:
        watch.look(time.monotonic() - begun)
    said = float(process.stdout.readline())
    ended = time.monotonic() - begun
    watch.look(ended)
    return said, ended


def mean(seen: Observed, figure: str) -> float:
    found = mean_of(list(seen.figures[figure].bins.values()))
    assert found is not None
    return found


@pytest.mark.parametrize("share", [0.3, 0.8])
def test_cpu_and_memory_are_within_a_twentieth_of_what_they_are(share: float) -> None:
    with child(HOLD, str(share), str(100 * MIB)) as process:
        watch = ProcessWatch(lambda: process.pid)
        watch.look(float("-inf"))
        used, seconds = watched(process, watch)
    memory = watch.seen.figures["memory"]
    assert mean(watch.seen, "cores") * seconds == pytest.approx(used, rel=0.05)
    assert mean(watch.seen, "cpu") * (psutil.cpu_count() or 1) == pytest.approx(mean(watch.seen, "cores"))
    assert memory.before is not None
    assert memory.bins[1].mean - memory.before == pytest.approx(100 * MIB, rel=0.05)
    assert memory.bins[1].mean == pytest.approx(memory.before + 100 * MIB, rel=0.05)


def test_children_count_even_when_they_have_ended() -> None:
    with child(FAMILY) as process:
        family, alone = ProcessWatch(lambda: process.pid), ProcessWatch(lambda: process.pid, children=False)
        alone.look(0.0)
        used, seconds = watched(process, family)
        alone.look(seconds)
    assert mean(family.seen, "cores") * seconds == pytest.approx(used, rel=0.1)
    assert mean(alone.seen, "cores") * seconds < 0.5 * used


def test_descriptors_connections_and_threads_are_counted() -> None:
    watch = ProcessWatch(os.getpid, children=False)
    watch.look(0.0)
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        accepted, _ = server.accept()
        watch.look(1.0)
        watch.look(2.0)
        accepted.close()
        assert client.fileno() > 0
    figures = watch.seen.figures
    assert figures["fds"].bins[1].mean == figures["fds"].bins[0].mean + 3
    assert figures["connections"].bins[2].mean == figures["connections"].bins[0].mean + 2
    assert figures["threads"].bins[0].mean >= 1


def test_what_ends_before_the_run_has_not_ended_in_it() -> None:
    with child(SLEEP) as process:
        watch = TargetWatch((Observer("server", process=process.pid),), Target("main", "http://x"), None)
        assert list(watch.look(NS, 0)) == []
        process.kill()
        process.wait()
        assert list(watch.look(2 * NS, 0)) == [f"observe.server: process {process.pid} has ended"]
    assert watch.seen["server"].ended == []


def test_the_end_of_a_process_is_noted_and_its_successor_is_found(tmp_path: Path) -> None:
    file = tmp_path / "server.pid"
    with child(SLEEP) as first:
        file.write_text(f"{first.pid}\n")
        watch = TargetWatch((Observer("server", pid_file=str(file), every=0.5),), Target("main", "http://x"), None)
        assert list(watch.look(NS, NS)) == []
        first.kill()
        first.wait()
        (said,) = watch.look(3 * NS, NS)
        assert said == f"observe.server: process {first.pid} has ended, 2.0 s into the run"
        assert watch.seen["server"].ended == [2.0]
        assert list(watch.look(4 * NS, NS)) == [], "said once"
        (said,) = watch.look(5 * NS + 1, NS)
        assert said == f"observe.server: there is no process {first.pid} on this machine"
        with child(SLEEP) as second:
            file.write_text(str(second.pid))
            assert list(watch.look(8 * NS, NS)) == []
            assert watch.seen["server"].what == f"process {second.pid}"
            assert 7 in watch.seen["server"].figures["memory"].bins


def look(observer: Observer, target: Target | None = None, simulator: tuple[str, int] | None = None) -> Observed:
    watch = TargetWatch((observer,), target or Target("main", "http://127.0.0.1:1/v1"), simulator)
    list(watch.look(NS, NS))
    return watch.seen[observer.name]


def test_the_process_behind_a_port_is_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for observer in (Observer("a", port=port), Observer("a", process="target")):
            assert look(observer, Target("main", f"http://localhost:{port}/v1")).what == f"process {os.getpid()}"


def test_of_processes_that_share_a_port_the_first_is_meant() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.set_inheritable(True)
        line = [sys.executable, "-c", "import sys; sys.stdin.read()"]
        with subprocess.Popen(line, stdin=subprocess.PIPE, close_fds=False) as worker:
            found = look(Observer("a", port=server.getsockname()[1]))
            worker.kill()
    assert found.what == f"process {os.getpid()}"


def test_the_embedded_simulator_is_its_process() -> None:
    simulator = ("http://127.0.0.1:2", os.getpid())
    target = Target("main", "http://127.0.0.1:2/v1")
    for process in ("sim", "target"):
        assert look(Observer("a", process=process), target, simulator).what == f"process {os.getpid()}"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("observer", "target", "why"),
    [
        (Observer("a", process=2**22 + 1), "http://127.0.0.1:1", f"there is no process {2**22 + 1} on this machine"),
        (Observer("a", port=1), "http://127.0.0.1:1", "nothing on this machine listens on port 1"),
        (Observer("a", process="target"), "http://127.0.0.1:1/v1", "nothing on this machine listens on port 1"),
        (Observer("a", process="target"), "https://api.example.com/v1", "the target is on another machine, api.exam"),
        (Observer("a", process="sim"), "http://127.0.0.1:1", "no target is the embedded simulator"),
        (Observer("a", pid_file="/nowhere/at.all"), "http://x", "the pid_file at.all can't be read: No such file"),
        (Observer("a", pid_file=__file__), "http://x", "test_observe_process.py holds no process id"),
    ],
)
def test_what_can_not_be_seen_is_said(observer: Observer, target: str, why: str) -> None:
    found = look(observer, Target("main", target))
    assert why in found.trouble
    assert found.figures == {}


def test_what_others_may_not_see_is_missing_and_the_rest_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(self: psutil.Process, *_: object) -> int:
        raise psutil.AccessDenied(self.pid)

    monkeypatch.setattr(psutil.Process, "num_fds", denied)
    watch = ProcessWatch(os.getpid, children=False)
    watch.look(0.0)
    watch.look(1.0)
    assert "fds" not in watch.seen.figures
    assert watch.seen.missing["fds"].startswith("no permission")
    assert {"memory", "cpu", "threads"} <= watch.seen.figures.keys()


def test_a_process_of_someone_else_may_be_closed_altogether(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(self: psutil.Process) -> int:
        raise psutil.AccessDenied(self.pid)

    monkeypatch.setattr(psutil.Process, "num_threads", denied)
    watch = ProcessWatch(os.getpid, children=False)
    watch.look(0.0)
    assert watch.seen.trouble == f"no permission to look at process {os.getpid()}: run llmload as its user"


def test_a_zombie_has_ended() -> None:
    with child(SLEEP) as process:
        watch = ProcessWatch(lambda: process.pid)
        watch.look(0.0)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        watch.look(1.0)
    assert watch.seen.ended == [1.0]


def test_a_search_that_finds_nothing_leaves_nothing() -> None:
    def nobody() -> int:
        raise Unseen("nobody is there")

    watch = ProcessWatch(nobody)
    watch.look(0.0)
    assert watch.seen == Observed(trouble="nobody is there")
