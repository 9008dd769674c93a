"""The page of metrics outlives the run until its last figures were fetched: how long, for whom, and what ends that."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import urllib3

from llmload.app.closing import linger
from llmload.app.interrupts import Interrupts
from llmload.dashboard.live import QuietDisplay
from llmload.errors import UsageError
from llmload.outputs.base import Lingers
from llmload.outputs.export import Exporter, exporter
from llmload.outputs.prometheus import LINGER, Exposition, make
from llmload.outputs.visits import Visits
from tests.outputs.output_kit import Ended, a_plan, a_summary
from tests.outputs.servers import free_port, get, prometheus

SCENARIO = """
name = "short"
[targets.main]
base_url = "sim:"
model = "sim-model"
[classes.chat]
api = "chat"
stream = true
prompt = { tokens = 20 }
max_tokens = 20
[load]
rate = "20/s"
duration = "3s"
"""


class Clock:
    """Stands where it is put."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def visits(came: list[tuple[float, str]], end: float, linger: float = 30.0) -> tuple[Visits, Clock]:
    """A page that was served from 0, and shows the end from ``end``."""
    clock = Clock()
    made = Visits(linger, clock)
    for at, address in came:
        clock.now = at
        made.came(address, saw_the_end=False)
    assert made.awaited() == 0.0
    clock.now = end
    made.show()
    return made, clock


@pytest.mark.parametrize(
    ("came", "end", "awaited"),
    [
        pytest.param([(10, "a"), (25, "a")], 30, 17.5, id="until 1.5 intervals after its last visit"),
        pytest.param([(0, "a"), (15, "a"), (16, "a")], 40, 0, id="one that stopped coming is not waited for"),
        pytest.param([(10, "a")], 12, 30, id="who came once, for as long as told"),
        pytest.param([(0, "a"), (60, "a")], 61, 30, id="a long interval, for no longer than told"),
        pytest.param([(0, "a"), (5, "a"), (0, "b"), (9, "b")], 10, 12.5, id="the latest of several"),
        pytest.param([], 8, 22, id="nobody yet, who may come less often"),
        pytest.param([], 30, 0, id="nobody in a long run"),
    ],
)
def test_how_long_is_waited(came: list[tuple[float, str]], end: float, awaited: float) -> None:
    made, clock = visits(came, end)
    assert made.awaited() == pytest.approx(awaited)
    clock.now = end + awaited
    assert made.awaited() == 0.0
    assert made.missed() == (
        f"the last figures were not fetched by {', '.join(sorted({address for _, address in came}))}"
        if came
        else "nobody fetched the metrics"
    )


def test_nobody_is_waited_for_who_has_seen_the_end() -> None:
    made, _ = visits([(0, "a"), (5, "a"), (1, "b"), (6, "b")], 8)
    made.came("a", saw_the_end=True)
    assert made.awaited() > 0
    made.came("b", saw_the_end=False)  # began before the end was there
    assert made.awaited() > 0
    made.came("b", saw_the_end=True)
    assert made.awaited() == 0.0
    assert made.missed() == ""


def test_it_can_be_switched_off() -> None:
    made, _ = visits([(0, "a"), (15, "a")], 16, linger=0.0)
    assert made.awaited() == 0.0


@pytest.mark.parametrize(
    ("where", "seconds"),
    [("9464", LINGER), ("9464?linger=5s", 5.0), ("[::1]:9464?linger=0", 0.0), ("h:1?linger=1h", 3600)],
)
def test_how_long_is_part_of_the_place(where: str, seconds: float) -> None:
    assert make(where)._visits._linger == seconds


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("9464?lingr=5s", "there is no 'lingr'; write 9464\\?linger=30s"),
        ("9464?linger=5", "'5' is not a duration"),
        ("9464?linger=", "an empty duration"),
        ("9464?linger=2h", "1h at most"),
        ("x:y?linger=2s", "no HOST:PORT"),
    ],
)
def test_what_is_no_time_is_refused(where: str, said: str) -> None:
    with pytest.raises(UsageError, match=f"--export prometheus: .*{said}"):
        make(where)


def test_the_wait_ends_with_the_fetch_and_shows_the_end() -> None:
    made = exporter("prometheus:0?linger=30s")
    assert isinstance(made, Lingers)
    assert isinstance(made.sink, Exposition)
    made.start(a_plan())
    url = f"http://127.0.0.1:{made.sink.port}"
    made.update(a_summary(10), a_summary(10))
    assert b"llmload_completed_calls_total 10.0" in urllib3.request("GET", f"{url}/metrics").data
    said = Says()
    waiting = threading.Thread(target=linger, args=([made], Ended(a_summary(20)), said, Interrupts()))
    waiting.start()
    try:
        urllib3.request("GET", f"{url}/favicon.ico")
        urllib3.request("HEAD", f"{url}/metrics")
        waiting.join(0.5)
        assert waiting.is_alive(), "neither is a fetch"
        assert b"llmload_completed_calls_total 20.0" in urllib3.request("GET", f"{url}/metrics").data
        waiting.join(5)
        assert not waiting.is_alive()
    finally:
        made.finish(Ended(a_summary(20)))
    assert len(said.told) == 1
    assert said.told[0].startswith("prometheus: the last figures are still to be fetched; waiting ")
    assert [each for each in made.messages() if "fetched" in each] == []


class Says(QuietDisplay):
    def __init__(self) -> None:
        self.told: list[str] = []

    def message(self, text: str) -> None:
        self.told.append(text)


def test_who_interrupted_the_run_does_not_wait_and_is_told_who_missed_it() -> None:
    made = exporter("prometheus:0?linger=1h")
    made.start(a_plan())
    before = time.monotonic()
    linger([made], Ended(interrupted="Ctrl-C"), Says(), Interrupts())  # type: ignore[arg-type]
    made.finish(Ended(interrupted="Ctrl-C"))
    assert time.monotonic() - before < 10
    assert "prometheus: nobody fetched the metrics" in made.messages()


def test_other_outputs_are_not_waited_for(tmp_path: Path) -> None:
    made: Any = exporter(f"stream:{tmp_path / 's'}")
    assert isinstance(made, Exporter)
    made.start(a_plan())
    linger([made], Ended(), Says(), Interrupts())  # type: ignore[arg-type]
    made.finish(None)
    assert json.loads((tmp_path / "s").read_text())["type"] == "end"


# -- whole runs ----------------------------------------------------------------------------------------------


def begun(directory: Path, export: str) -> subprocess.Popen[str]:
    (directory / "short.toml").write_text(SCENARIO)
    line = [sys.executable, "-m", "llmload", "run", "short.toml", "--export", export, "-o", "result.json"]
    line += ["--display", "plain", "--allow-invalid"]
    return subprocess.Popen(line, cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def test_prometheus_has_the_last_figures(tmp_path: Path) -> None:
    port = free_port()
    with prometheus(tmp_path, port) as url:
        run = begun(tmp_path, f"prometheus:{port}")
        _, said = run.communicate(timeout=60)
        assert run.returncode == 0, said
        result = json.loads((tmp_path / "result.json").read_text())
        for _ in range(50):
            (found,) = get(f"{url}/api/v1/query", {"query": "last_over_time(llmload_completed_calls_total[5m])"})[
                "data"
            ]["result"] or [{"value": [0, "0"]}]
            if float(found["value"][1]) == result["summary"]["completed"]:
                break
            time.sleep(0.1)
        assert float(found["value"][1]) == result["summary"]["completed"] > 20
    assert not any("fetched" in note for note in result["notes"])


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_ends_the_wait_and_the_result_is_whole(tmp_path: Path) -> None:
    run = begun(tmp_path, f"prometheus:{free_port()}?linger=1h")
    assert run.stderr is not None
    for line in run.stderr:
        if "still to be fetched" in line:
            break
    before = time.monotonic()
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=60)
    assert run.returncode == 0, said
    assert time.monotonic() - before < 30
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["interrupted"] == ""
    assert "prometheus: nobody fetched the metrics" in result["notes"]
