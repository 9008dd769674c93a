"""A machine that runs out of file descriptors or ports: told in words, never the target's error, never a hang."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from aiohttp import ClientConnectorError
from virtual_run import plan_of

from llmload.app.session import Options, run_plan
from llmload.metrics.summary import Summary
from llmload.outputs.base import Finished
from llmload.records import Outcome
from llmload.reports.result import Result
from llmload.room import descriptors_now, room
from llmload.scenario.plan import Plan
from llmload.transport.failures import dial_failure
from llmload.verdict.validity import Level

LONG = """
[targets.main]
base_url = "sim:"
model = "sim-model"
connections = 1
[classes.chat]
api = "chat"
stream = true
max_tokens = 5
[load]
process = "uniform"
rate = "60/s"
duration = "2s"
[sim]
first_token = "1s"
slots = 1000
"""


def refused(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS])
def test_what_we_ran_out_of_is_not_the_targets_error(number: int) -> None:
    for error in (refused(number), ClientConnectorError(None, refused(number))):  # type: ignore[arg-type]
        assert dial_failure(error).outcome is Outcome.GENERATOR_ERROR
    assert not Outcome.GENERATOR_ERROR.error
    assert not Outcome.GENERATOR_ERROR.good


def test_a_target_that_refuses_is_still_its_own_error() -> None:
    assert dial_failure(refused(errno.ECONNREFUSED)).outcome is Outcome.CONNECT_ERROR


def test_it_is_said_how_many_there_were() -> None:
    assert f"all {descriptors_now():,} it may have are open" in dial_failure(refused(errno.EMFILE)).detail
    assert f"there are {room().ports:,}" in dial_failure(refused(errno.EADDRNOTAVAIL)).detail


class Miser:
    """An output that leaves the workers few file descriptors, once they have begun."""

    name = "miser"

    def start(self, plan: Plan) -> None:
        """The workers are not there yet."""

    def update(self, delta: Summary, total: Summary) -> None:
        for child in psutil.Process().children():
            with suppress(psutil.Error):  # it may be ending just now
                if "spawn_main" in " ".join(child.cmdline()):
                    child.rlimit(psutil.RLIMIT_NOFILE, (40, 40))

    def finish(self, result: Finished | None) -> None:
        """Nothing to let go of."""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of another process can be set on Linux only")
def test_a_run_out_of_descriptors_ends_in_time_and_says_so() -> None:
    result = run_plan(plan_of(LONG), Options(outputs=(Miser(),)))
    told(result, "this process has no file descriptor left", "all 40 it may have are open", "ulimit -n")


def told(result: Result, what: str, how_many: str, remedy: str) -> None:
    """The shortage is in the figures, in the details and in the validity, and nowhere as the target's fault."""
    calls = result.summary.select()
    short = calls.outcomes[Outcome.GENERATOR_ERROR]
    assert calls.outcomes[Outcome.OK] > 0
    assert calls.errors == 0
    assert calls.error_rate == 0.0
    assert sum(calls.outcomes.values()) == result.summary.planned == 120
    assert result.summary.completed == 120 - short
    (group,) = result.summary.errors.values()
    assert group.count == short
    assert what in group.sample
    assert how_many in group.sample
    reason = next(reason for reason in result.validity.reasons if reason.code == "shortage")
    assert reason.level is Level.INVALID
    assert reason.text.startswith(f"{short} calls (")
    assert what in reason.text
    assert remedy in reason.text + reason.remedy


_NARROW = """
ip link set lo up && echo "40000 40029" > /proc/sys/net/ipv4/ip_local_port_range && exec "$@"
"""


def _namespaces_work() -> bool:
    if not (shutil.which("unshare") and shutil.which("ip")):
        return False
    tried = subprocess.run(["unshare", "-rn", "sh", "-c", _NARROW, "sh", "true"], capture_output=True, timeout=10)
    return tried.returncode == 0


@pytest.mark.skipif(not _namespaces_work(), reason="no network namespaces for this user here")
def test_a_run_out_of_ports_ends_in_time_and_says_so(tmp_path: Path) -> None:
    scenario, saved = tmp_path / "ports.toml", tmp_path / "result.json"
    scenario.write_text(LONG)
    command = [sys.executable, "-m", "llmload", "run", str(scenario), "-o", str(saved), "--display", "plain"]
    ran = subprocess.run(
        ["unshare", "-rn", "sh", "-c", _NARROW, "sh", *command], capture_output=True, timeout=60, text=True
    )
    assert ran.returncode == 3, ran.stderr
    assert "this machine has 30 local ports towards a target" in ran.stderr, "it was told beforehand"
    told(Result.from_json(json.loads(saved.read_bytes())), "no local port left", "there are 30", "ip_local_port_range")
