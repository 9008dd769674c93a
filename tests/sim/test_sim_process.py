from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import orjson
import psutil
import pytest

from llmload.clock import monotonic_ns
from llmload.errors import LlmloadError, UsageError
from llmload.sim.process import SimProcess
from llmload.sim.spec import SimSpec, parse_fault


def _post(sim: SimProcess) -> int:
    body = orjson.dumps({"model": "sim-model", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2})
    request = urllib.request.Request(f"{sim.url}/chat/completions", body)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def _gone(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_it_serves_until_the_block_ends_and_leaves_a_whole_truth_log(tmp_path: Path):
    log = tmp_path / "truth.jsonl"
    with SimProcess(SimSpec(), truth_log=log) as sim:
        assert sim.url == f"http://127.0.0.1:{sim.port}/v1"
        assert _post(sim) == 200
        assert sim.alive
        pid = sim.pid
    assert _gone(pid)
    assert not sim.alive
    (line,) = [orjson.loads(line) for line in log.read_bytes().splitlines()]
    assert line["tokens"] == 2
    assert line["end"] <= monotonic_ns()


def test_it_has_a_session_of_its_own_and_is_deaf_to_ctrl_c():
    with SimProcess(SimSpec()) as sim:
        assert os.getsid(sim.pid) == sim.pid != os.getsid(0)
        os.kill(sim.pid, signal.SIGINT)
        assert _post(sim) == 200


def test_it_ends_within_the_limit_even_in_the_middle_of_answers():
    with SimProcess(SimSpec(faults=(parse_fault("hang"),))) as sim:
        waiting = subprocess.Popen(
            [sys.executable, "-c", f"import urllib.request as r; r.urlopen('{sim.url}/models')"],
            stderr=subprocess.DEVNULL,
        )
        time.sleep(0.3)
    assert waiting.wait(5) != 0


def test_the_beginning_of_the_run_can_be_told():
    with SimProcess(SimSpec(faults=(parse_fault("error:from=1h"),))) as sim:
        assert _post(sim) == 200
        sim.begin(monotonic_ns() - 2 * 3600 * 10**9)
        deadline = time.monotonic() + 5
        while _post(sim) != 500:
            assert time.monotonic() < deadline


def test_it_dies_with_its_parent_even_if_that_is_killed():
    code = (
        "import time\nfrom llmload.sim.process import SimProcess\nfrom llmload.sim.spec import SimSpec\n"
        "with SimProcess(SimSpec()) as sim:\n    print(sim.pid, flush=True)\n    time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert _gone(pid)


def test_a_port_or_log_that_cannot_be_had_is_a_users_error(tmp_path: Path):
    with (
        SimProcess(SimSpec()) as sim,
        pytest.raises(UsageError, match="can't listen"),
        SimProcess(SimSpec(), port=sim.port),
    ):
        pass
    with pytest.raises(UsageError, match="truth log"), SimProcess(SimSpec(), truth_log=tmp_path / "no" / "log"):
        pass


def test_a_child_that_dies_is_told_as_what_it_said_last(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(LlmloadError, match="process ended"), SimProcess(SimSpec()):
        pass
