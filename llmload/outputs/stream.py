"""``--stream FILE|-``: a line of JSON a second, for other tools to read while the run lasts."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import orjson

from llmload.analysis.anomalies import Anomaly
from llmload.analysis.watch import Watch
from llmload.errors import OutputError
from llmload.metrics.catalogue import METRICS, scale
from llmload.metrics.slices import Slice
from llmload.metrics.summary import Summary
from llmload.outputs.export import Tick
from llmload.outputs.points import DISTRIBUTIONS
from llmload.outputs.sender import Sender
from llmload.scenario.plan import Plan
from llmload.verdict.judge import Judgement

__all__ = ["Stream", "document", "make"]

_STDOUT: Final = 1
_PERCENTILES: Final = (50.0, 90.0, 95.0, 99.0)


class Stream:
    """Appends lines to a file, a pipe or standard output, from a thread: who reads slowly loses lines, not the run."""

    def __init__(self, where: str) -> None:
        self._where: Final = where
        self._fd = -1
        self._watch = Watch(0.0)
        self._sender: Sender[bytes] | None = None

    def open(self, plan: Plan) -> None:
        """Raises OutputError."""
        try:
            self._fd = _STDOUT if self._where == "-" else _opened(self._where)
        except OSError as error:
            why = "nobody reads this pipe" if error.errno == errno.ENXIO else error.strerror
            raise OutputError(f"can't write to {self._where}: {why}") from error
        self._watch = Watch(plan.load.duration)
        self._sender = Sender("stream", self._write)

    def _write(self, line: bytes) -> None:
        view = memoryview(line)
        while view:
            view = view[os.write(self._fd, view) :]

    def tick(self, tick: Tick) -> None:
        """One more line."""
        if self._sender is not None:
            found = self._watch.look(tick.total)
            self._sender.put(orjson.dumps(document(tick, found)) + b"\n")

    def close(self) -> None:
        """Write what is left."""
        if self._sender is None:
            return
        over = self._sender.finish()
        if over and self._fd not in (-1, _STDOUT):
            os.close(self._fd)
            self._fd = -1

    def messages(self) -> list[str]:
        """What the sender says."""
        return self._sender.messages() if self._sender is not None else []


def _opened(where: str) -> int:
    """For writing. A pipe that nobody reads is refused, which would else be waited for, deaf to every signal."""
    fd = os.open(where, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK, 0o666)
    os.set_blocking(fd, True)
    return fd


def document(tick: Tick, anomalies: Sequence[Anomaly] = ()) -> dict[str, Any]:
    """One line, in SI units. ``recent``: of the calls that ended since the last line, by class and of all together
    ("" ); ``total``: of the whole run, so far; ``anomalies``: those that were found since the last line."""
    classes = ["", *tick.recent.split("class")]
    return {
        "type": "end" if tick.over else "tick",
        "time": round(tick.at, 3),
        "elapsed": tick.total.elapsed,
        "planned": tick.total.planned,
        "sent": tick.total.sent,
        "completed": tick.total.completed,
        "recent": {cls: _figures(_of(tick.recent, cls)) for cls in classes},
        "total": _figures(tick.total.select(measured=False)),
        "objectives": [_objective(judgement) for judgement in tick.judgements],
        "anomalies": [{**asdict(each), "text": each.words()} for each in anomalies],
        "validity": str(tick.validity.level) if tick.validity is not None else None,
    }


def _of(summary: Summary, cls: str) -> Slice:
    return summary.select(measured=False, **({"class": cls} if cls else {}))


def _figures(part: Slice) -> dict[str, Any]:
    times: dict[str, Mapping[str, float]] = {}
    for name in DISTRIBUTIONS:
        histogram, unit = part.histogram(name), scale(METRICS[name])
        if histogram.count:
            percentiles = {f"p{p:g}": histogram.percentile(p) * unit for p in _PERCENTILES}
            times[name] = {"count": histogram.count, "mean": histogram.mean * unit, **percentiles}
    return {
        "calls": part.calls,
        "ok": part.ok,
        "errors": part.errors,
        "goodput": part.goodput,
        "outcomes": {str(outcome): count for outcome, count in sorted(part.outcomes.items())},
        "input_tokens": part.input_tokens,
        "output_tokens": part.output_tokens,
        "cost": part.cost,
        "metrics": times,
    }


def _objective(judgement: Judgement) -> dict[str, Any]:
    return {"rule": judgement.objective.rule, "met": judgement.passed, "observed": judgement.observed}


def make(where: str) -> Stream:
    """To a file, or to standard output."""
    return Stream(where)
