"""The clients that are always there: the C ceiling, plain aiohttp, and llmload itself."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.stage import HERE, Case, Client, Figures, compiled
from llmload.metrics.slices import Slice
from llmload.metrics.summary import Summary

__all__ = ["Ceiling", "Llmload", "PlainAiohttp", "own_clients"]

_SCENARIO = """
name = "bench"
[targets.main]
base_url = "http://127.0.0.1:{port}/v1"
model = "bench"
{connections}
[classes.main]
api = "chat"
stream = {stream}
prompt = {{ tokens = 20 }}
[load]
{load}
duration = "{duration}s"
"""


class Ceiling:
    """``ceiling.c``."""

    name = "C, epoll"

    def command(self, case: Case, port: int, folder: Path) -> list[str]:
        """See Client."""
        program = compiled("ceiling")
        assert program is not None
        return [program, *_options(case, port)]

    def figures(self, case: Case, printed: str, folder: Path) -> Figures:
        """See Client."""
        return Figures.of(printed)


class PlainAiohttp:
    """``plain_aiohttp.py``."""

    name = "plain aiohttp"

    def command(self, case: Case, port: int, folder: Path) -> list[str]:
        """See Client."""
        return [sys.executable, str(HERE / "plain_aiohttp.py"), *_options(case, port)]

    def figures(self, case: Case, printed: str, folder: Path) -> Figures:
        """See Client."""
        return Figures.of(printed)


def _options(case: Case, port: int) -> list[str]:
    load = ["--users", str(case.users)] if case.users else ["--rate", f"{case.rate:g}"]
    return ["--port", str(port), "--duration", f"{case.duration:g}", *load]


class Llmload:
    """``llmload run``, one worker. ``connections``: opened ahead; None as it does by itself."""

    name = "llmload"

    def __init__(self, connections: int | None = None) -> None:
        self._connections = connections

    def command(self, case: Case, port: int, folder: Path) -> list[str]:
        """See Client."""
        load = f"users = {case.users}" if case.users else f'rate = "{case.rate:g}/s"\nprocess = "uniform"'
        ahead = "" if self._connections is None else f"connections = {self._connections}"
        text = _SCENARIO.format(
            port=port, connections=ahead, stream=str(case.stream).lower(), load=load, duration=f"{case.duration:g}"
        )
        scenario = folder / "bench.toml"
        scenario.write_text(text, "utf-8")
        result = str(folder / "result.json")
        return [sys.executable, "-m", "llmload", "run", str(scenario), "--out", result, "--display", "quiet", "--yes"]

    def figures(self, case: Case, printed: str, folder: Path) -> Figures:
        """See Client."""
        document = json.loads((folder / "result.json").read_bytes())
        whole = Summary.from_json(document["summary"]).select(measured=False)
        return Figures(whole.calls, whole.ok, _chunks(whole), _times(whole))


def _chunks(whole: Slice) -> int:
    """Chunks with content: the gaps between them, and one more for each stream."""
    return whole.streams + (whole.good["itl"].count if "itl" in whole.good else 0)


def _times(whole: Slice) -> dict[str, list[float | None]]:
    named = {"ttft": "ttft", "gap": "itl", "latency": "latency", "lag": "schedule_lag"}
    found = {name: whole.good[metric] for name, metric in named.items() if metric in whole.good}
    return {
        name: [have.percentile(50) / 1e3, have.percentile(99) / 1e3, have.max / 1e3] for name, have in found.items()
    }


def own_clients() -> list[Client]:
    """Those that can run here, the ceiling first."""
    ceiling: list[Client] = [Ceiling()] if compiled("ceiling") else []
    return [*ceiling, PlainAiohttp(), Llmload()]
