"""Adapters for load generators that the user installs: what to run, and where their figures are.

Each sends the same load to the same server as llmload does; what it said is held against what happened. None has an
absolute schedule and a clock that starts at the planned time, so their figures are from their own sending.

    python3 tasks.py bench peers --peer locust=/path/to/locust --peer k6

A peer that is on PATH needs no path.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks.stage import Case, Client, Figures

__all__ = ["PEERS", "found"]

_BODY: Final = {"model": "bench", "messages": [{"role": "user", "content": "How are you today?"}]}


def _body(case: Case) -> str:
    return json.dumps({**_BODY, "stream": True} if case.stream else _BODY)


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}/v1/chat/completions"


class Vegeta:
    """``vegeta attack``: whole answers only; a stream's latency is its end. Its clock starts at its own sending."""

    name = "vegeta"

    def __init__(self, program: str) -> None:
        self._program = program

    def command(self, case: Case, port: int, folder: Path) -> list[str]:
        """See Client."""
        (folder / "body.json").write_text(_body(case), "utf-8")
        (folder / "targets").write_text(f"POST {_url(port)}\nContent-Type: application/json\n@body.json\n", "utf-8")
        load = f"-rate=0 -max-workers={case.users}" if case.users else f"-rate={case.rate:g}/s"
        line = f"{self._program} attack -targets=targets -duration={case.duration:g}s {load} -timeout=60s"
        return ["sh", "-c", f"{line} | {self._program} report -type=json"]

    def figures(self, case: Case, printed: str, folder: Path) -> Figures:
        """See Client."""
        said = json.loads(printed)
        times = [said["latencies"][name] / 1e6 for name in ("50th", "99th", "max")]
        whole = said["status_codes"].get("200", 0)
        return Figures(said["requests"], whole, None, {} if case.stream else {"latency": times})


_K6: Final = """
import http from 'k6/http';
export const options = {
  summaryTrendStats: ['med', 'p(99)', 'max'],
  scenarios: { main: %s },
};
export default function () {
  http.post('%s', %s, { headers: { 'Content-Type': 'application/json' } });
}
"""


class K6:
    """``k6 run``: its "waiting" ends with the first byte, which of this server is the role chunk, not content."""

    name = "k6"

    def __init__(self, program: str) -> None:
        self._program = program

    def command(self, case: Case, port: int, folder: Path) -> list[str]:
        """See Client."""
        duration = f"{case.duration:g}s"
        if case.users:
            load: dict[str, Any] = {"executor": "constant-vus", "vus": case.users, "duration": duration}
        else:
            users = round(case.rate * case.seconds * 1.5) + 10
            load = {
                "executor": "constant-arrival-rate", "rate": round(case.rate), "timeUnit": "1s", "duration": duration,
                "preAllocatedVUs": users, "gracefulStop": "60s",
            }  # fmt: skip
        (folder / "k6.js").write_text(_K6 % (json.dumps(load), _url(port), json.dumps(_body(case))), "utf-8")
        return [self._program, "run", "--quiet", "--summary-export", "k6.json", "k6.js"]

    def figures(self, case: Case, printed: str, folder: Path) -> Figures:
        """See Client."""
        said = json.loads((folder / "k6.json").read_text("utf-8"))["metrics"]
        calls = said["http_reqs"]["count"]
        failed = said["http_req_failed"]["passes"]
        times = [said["http_req_duration"][name] for name in ("med", "p(99)", "max")]
        return Figures(calls, calls - failed, None, {} if case.stream else {"latency": times})


_LOCUST: Final = """
import json, time
from locust import FastHttpUser, constant_throughput, events, task

PATH = "/v1/chat/completions"
SAID = {"data": %r, "headers": {"content-type": "application/json"}}
STREAM = %r

class Bench(FastHttpUser):
    %s

    @task
    def ask(self):
        if not STREAM:
            self.client.post(PATH, **SAID)
            return
        begun, last = time.perf_counter(), None
        for line in self.client.iter_lines(PATH, method="POST", **SAID):
            if not line.startswith("data: {"):
                continue
            choices = json.loads(line[6:])["choices"]
            if choices and choices[0]["delta"].get("content"):
                now = time.perf_counter()
                fire("gap" if last else "ttft", now - (last or begun))
                last = now

def fire(name, seconds):
    events.request.fire(request_type="TIME", name=name, response_time=1000 * seconds, response_length=0,
                        exception=None, context={})
"""


class Locust:
    """``locust``: users, not a rate: as many as would be there, each with ``constant_throughput``."""

    name = "locust"

    def __init__(self, program: str) -> None:
        self._program = program

    def command(self, case: Case, port: int, folder: Path) -> list[str]:
        """See Client."""
        users = case.users or max(1, round(case.rate * max(1.0, case.seconds * 1.2)))
        wait = "pass" if case.users else f"wait_time = constant_throughput({case.rate / users})"
        (folder / "locustfile.py").write_text(_LOCUST % (_body(case), case.stream, wait), "utf-8")
        return [
            self._program, "-f", "locustfile.py", "--headless", "--host", f"http://127.0.0.1:{port}", "-u", str(users),
            "-r", str(users), "-t", f"{case.duration:g}s", "--stop-timeout", "30", "--csv", "said", "--only-summary",
        ]  # fmt: skip

    def figures(self, case: Case, printed: str, folder: Path) -> Figures:
        """See Client."""
        with (folder / "said_stats.csv").open(encoding="utf-8", newline="") as file:
            rows = {row["Name"]: row for row in csv.DictReader(file)}
        calls = rows["/v1/chat/completions"]
        names = {"ttft": "ttft", "gap": "gap"} if case.stream else {"latency": "/v1/chat/completions"}
        times = {name: _locust_times(rows[row]) for name, row in names.items() if row in rows}
        chunks = sum(int(rows[name]["Request Count"]) for name in ("ttft", "gap") if name in rows)
        made, failed = int(calls["Request Count"]), int(calls["Failure Count"])
        return Figures(made, made - failed, chunks, times)


def _locust_times(row: Mapping[str, str]) -> list[float | None]:
    return [float(row[name]) for name in ("50%", "99%", "Max Response Time")]


class Aiperf:
    """``aiperf profile``; wants a tokenizer: BENCH_TOKENIZER names a local folder of one, else "gpt2" is fetched."""

    name = "aiperf"

    def __init__(self, program: str) -> None:
        self._program = program

    def command(self, case: Case, port: int, folder: Path) -> list[str]:
        """See Client."""
        load = ["--concurrency", str(case.users)] if case.users else ["--request-rate", f"{case.rate:g}"]
        shape = ["--streaming"] if case.stream else []
        where = ["--url", f"http://127.0.0.1:{port}", "--endpoint-type", "chat", "--model", "bench"]
        tokenizer = ["--tokenizer", os.environ.get("BENCH_TOKENIZER", "gpt2"), "--synthetic-input-tokens-mean", "20"]
        time = ["--benchmark-duration", f"{case.duration:g}"]
        out = ["--output-artifact-dir", str(folder / "said"), "--ui", "none"]
        return [self._program, "profile", *where, *tokenizer, *time, *load, *shape, *out]

    def figures(self, case: Case, printed: str, folder: Path) -> Figures:
        """See Client."""
        document = next((folder / "said").rglob("profile_export_aiperf.json"))
        said = json.loads(document.read_text("utf-8"))
        calls = round(said["request_count"]["avg"])
        named = {"ttft": "time_to_first_token"} if case.stream else {"latency": "request_latency"}
        times = {name: [said[metric].get(stat) for stat in ("p50", "p99", "max")] for name, metric in named.items()}
        return Figures(calls, calls, None, times)


class Guidellm:
    """``guidellm benchmark``; the server is slow to be asked by it: it validates first. TTFT is from its sending."""

    name = "guidellm"

    def __init__(self, program: str) -> None:
        self._program = program

    def command(self, case: Case, port: int, folder: Path) -> list[str]:
        """See Client."""
        load = ["--rate-type", "concurrent", "--rate", str(case.users)]
        if not case.users:
            load = ["--rate-type", "constant", "--rate", f"{case.rate:g}"]
        return [
            self._program, "benchmark", "--target", f"http://127.0.0.1:{port}", "--model", "bench",
            "--data", "prompt_tokens=20,output_tokens=100", "--max-seconds", f"{case.duration:g}",
            "--output-path", str(folder / "said.json"), "--disable-progress", *load,
        ]  # fmt: skip

    def figures(self, case: Case, printed: str, folder: Path) -> Figures:
        """See Client."""
        metrics = json.loads((folder / "said.json").read_text("utf-8"))["benchmarks"][0]["metrics"]
        name = "time_to_first_token_ms" if case.stream else "request_latency"
        spread = metrics[name]["successful"]
        scale = 1.0 if case.stream else 1000.0
        times = [scale * value for value in (spread["percentiles"]["p50"], spread["percentiles"]["p99"], spread["max"])]
        calls = int(spread["count"])
        return Figures(calls, calls, None, {"ttft" if case.stream else "latency": times})


PEERS: Final = {peer.name: peer for peer in (Vegeta, K6, Locust, Aiperf, Guidellm)}


def found(named: Iterable[str]) -> list[Client]:
    """The peers asked for as NAME or NAME=PATH; without any, those on PATH. ValueError for what there is not."""
    wanted = [each.partition("=")[::2] for each in named]
    chosen: list[Client] = []
    for name, path in wanted or [(name, "") for name in PEERS]:
        if name not in PEERS:
            raise ValueError(f"no adapter for {name!r}; there are: {', '.join(PEERS)}")
        program = shutil.which(path or name)
        if program is not None:
            chosen.append(PEERS[name](program))
        elif wanted:
            raise ValueError(f"{path or name} is not there, or is not executable")
    return chosen
