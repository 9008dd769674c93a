"""What a capacity search found, and its JSON document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from llmload.analysis.peak import Peak
from llmload.analysis.search import CONFIDENCE, Answer, Capacity, Ended, Reading, knee
from llmload.errors import ExitStatus
from llmload.reports.document import plain
from llmload.reports.json_report import lines
from llmload.verdict.levels import Level

__all__ = ["KIND", "SCHEMA_VERSION", "SEARCH_SCHEMA", "SearchResult", "Step", "document", "render"]

KIND: Final = "llmload-search"
SCHEMA_VERSION: Final = "1.1"


@dataclass(frozen=True, slots=True)
class Step:
    """A constant load that was tried. ``value``: of what is searched over. ``seconds``: measured, warm-up left out.

    ``rule``: the objective furthest beyond its bound, or nearest to it, with what was ``observed`` (SI unit, None
    without data) and its ``interval``. ``ended``: why it was over before its time. ``planned`` and ``completed``:
    calls/s; times: s, of good calls, from the planned time. ``figure``: what is to be best, with its standard error.
    """

    value: float
    answer: Answer
    seconds: float
    requests: int
    validity: str
    cost: float = 0.0
    reasons: Sequence[str] = ()
    rule: str = ""
    observed: float | None = None
    shown: str = ""
    interval: tuple[float, float] | None = None
    reading: Reading | None = None
    ended: str = ""
    planned: float = 0.0
    completed: float = 0.0
    output: float = 0.0
    mean: float = 0.0
    p50: float = 0.0
    p95: float = 0.0
    ttft_p95: float | None = None
    errors: float = 0.0
    figure: float | None = None
    figure_shown: str = ""
    figure_error: float = 0.0


@dataclass(frozen=True)
class SearchResult:
    """``key``: what was searched over; ``whole``: it takes integers only. ``figure``: what was to be
    ``best``, where that was asked for and not the capacity. ``left_out``: objectives that could not be
    asked, with the reason. ``stopped``: why it ended before its end, "" if it did not; ``status``: the exit status of
    that."""

    version: str
    scenario: Mapping[str, str]
    started: str
    key: str
    objectives: Sequence[str]
    left_out: Sequence[str]
    steps: Sequence[Step]
    capacity: Capacity
    whole: bool = False
    figure: str = ""
    best: Peak | None = None
    stopped: str = ""
    status: ExitStatus = ExitStatus.PASS
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def requests(self) -> int:
        """Of all steps."""
        return sum(step.requests for step in self.steps)

    @property
    def validities(self) -> Mapping[str, int]:
        """Level -> how many steps were that, best first; levels of none are left out."""
        counted = Counter(step.validity for step in self.steps)
        return {level.value: counted[level.value] for level in Level if counted[level.value]}

    @property
    def doubts(self) -> Mapping[str, int]:
        """Why steps were not VALID -> how many of them, the most frequent first. One reason told with other figures
        counts as another."""
        return dict(Counter(why for step in self.steps for why in dict.fromkeys(step.reasons)).most_common())

    @cached_property
    def curve(self) -> Sequence[Step]:
        """The steps that were measured validly, by value: throughput and latency over the load."""
        return sorted((step for step in self.steps if step.answer is not Answer.INVALID), key=lambda step: step.value)

    @cached_property
    def knee(self) -> Step | None:
        """The step of the greatest throughput over mean latency."""
        at = knee([(step.completed, step.mean) for step in self.curve if step.mean])
        return None if at is None else [step for step in self.curve if step.mean][at]

    def exit_status(self) -> ExitStatus:
        """0: found, or held as far as was asked; 1: nothing holds; 3: the generator's limit, or nothing measured."""
        if self.stopped:
            return self.status
        if self.best is not None:
            return ExitStatus.FAIL if self.best.value is None else ExitStatus.PASS
        return _STATUSES[self.capacity.ended]


_STATUSES: Final[Mapping[Ended, ExitStatus]] = {
    Ended.NOT: ExitStatus.INVALID,
    Ended.FOUND: ExitStatus.PASS,
    Ended.STEPS: ExitStatus.PASS,
    Ended.LOWEST: ExitStatus.FAIL,
    Ended.HIGHEST: ExitStatus.PASS,
    Ended.GENERATOR: ExitStatus.INVALID,
    Ended.INVALID: ExitStatus.INVALID,
}


def render(found: SearchResult) -> bytes:
    """UTF-8, one top-level key per line."""
    return lines(document(found))


def document(found: SearchResult) -> dict[str, Any]:
    """In SI units, in a fixed order."""
    capacity, knee_ = found.capacity, found.knee
    return {
        "kind": KIND,
        "schema_version": SCHEMA_VERSION,
        "version": found.version,
        "exit_status": int(found.exit_status()),
        "scenario": dict(found.scenario),
        "started": found.started,
        "key": found.key,
        "objectives": list(found.objectives),
        "left_out": list(found.left_out),
        "capacity": _listed(plain(capacity)) | {"ended": capacity.ended.value, "confidence": CONFIDENCE},
        "figure": found.figure,
        "best": None if found.best is None else plain(found.best) | {"ended": found.best.ended.value},
        "knee": None if knee_ is None else knee_.value,
        "stopped": found.stopped,
        "requests": found.requests,
        "validity": {"steps": dict(found.validities), "reasons": dict(found.doubts)},
        "steps": [_step(step) for step in found.steps],
        "environment": dict(sorted(found.environment.items())),
    }


def _step(step: Step) -> dict[str, Any]:
    reading = None if step.reading is None else plain(step.reading)
    return _listed(plain(step)) | {"answer": step.answer.value, "reading": reading}


def _listed(data: dict[str, Any]) -> dict[str, Any]:
    """Pairs as JSON has them."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in data.items()}


def _maybe(kind: str, describes: str = "") -> dict[str, Any]:
    return {"anyOf": [{"type": kind}, {"type": "null"}]} | ({"description": describes} if describes else {})


def _kind(kind: str, describes: str = "") -> dict[str, Any]:
    return {"type": kind} | ({"description": describes} if describes else {})


def _object(members: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": members, "required": list(members)}


def _list(items: dict[str, Any], describes: str = "") -> dict[str, Any]:
    return {"type": "array", "items": items} | ({"description": describes} if describes else {})


_PAIR: Final = {"anyOf": [{"type": "array", "items": {"type": "number"}, "minItems": 2}, {"type": "null"}]}
_CAPACITY: Final = {
    "value": _maybe("number", "The highest value at which all objectives hold; null where it was not bracketed."),
    "interval": _PAIR | {"description": "Where it is, with that confidence."},
    "held": _maybe("number", "The highest value tried at which they surely held."),
    "missed": _maybe("number", "The lowest value tried at which they surely did not."),
    "valid": _maybe("number", "The highest value that was measured validly."),
    "limit": _maybe("number", "The lowest value above it that the generator could not do."),
    "ended": {"enum": [ended.value for ended in Ended], "description": "Why the search was over."},
    "confidence": _kind("number"),
}
_BEST: Final = {
    "value": _maybe("number", "The smallest value that is as good as the best one tried."),
    "figure": _maybe("number", "Its figure; of one that is to be small, negative."),
    "low": _kind("number", "The smallest value that is as good."),
    "high": _kind("number", "The largest one."),
    "ended": {"enum": [ended.value for ended in Ended]},
}
_STEP: Final = {
    "value": _kind("number", "What was tried."),
    "answer": {"enum": [answer.value for answer in Answer]},
    "seconds": _kind("number", "Measured time, warm-up left out."),
    "requests": _kind("integer", "Sent, warm-up included."),
    "validity": _kind("string"),
    "cost": _kind("number", "Dollars, by the scenario's prices."),
    "reasons": _list({"type": "string"}, "Why the figures are not beyond doubt."),
    "rule": _kind("string", "The objective nearest to its bound, or furthest beyond it."),
    "observed": _maybe("number", "Its figure, in SI units."),
    "shown": _kind("string", "The figure for reading."),
    "interval": _PAIR | {"description": "95 % interval of the figure."},
    "reading": {
        "anyOf": [_object({"score": _kind("number"), "error": _kind("number")}), {"type": "null"}],
        "description": "Distance beyond the bound on the scale of the search, and its standard error.",
    },
    "ended": _kind("string", "Why the step ended early."),
    "planned": _kind("number", "Calls/s of the schedule."),
    "completed": _kind("number", "Calls/s that ended."),
    "output": _kind("number", "Output tokens/s."),
    "mean": _kind("number", "Mean latency, s, from the planned time."),
    "p50": _kind("number", "Median latency, s."),
    "p95": _kind("number", "95th percentile of the latency, s."),
    "ttft_p95": _maybe("number", "95th percentile of the time to the first token, s."),
    "errors": _kind("number", "Share of answered calls that failed."),
    "figure": _maybe("number", "What is to be best, in SI units."),
    "figure_shown": _kind("string", "The same for reading."),
    "figure_error": _kind("number", "Its standard error."),
}
SEARCH_SCHEMA: Final[dict[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "urn:llmload:schema:search:1",
    "title": "What a capacity search of llmload found",
    **_object(
        {
            "kind": {"enum": [KIND]},
            "schema_version": _kind("string", "major.minor; minors only add."),
            "version": _kind("string", "Of the llmload that searched."),
            "exit_status": _kind("integer"),
            "scenario": _kind("object"),
            "started": _kind("string", "ISO 8601."),
            "key": _kind("string", "What was searched over."),
            "objectives": _list({"type": "string"}, "What was to hold."),
            "left_out": _list({"type": "string"}, "Objectives that no constant load can be asked for, and why."),
            "capacity": _object(_CAPACITY),
            "figure": _kind("string", "What was to be best; empty where the capacity was searched for."),
            "best": {"anyOf": [_object(_BEST), {"type": "null"}]},
            "knee": _maybe("number", "Value of the step with the greatest throughput over mean latency."),
            "stopped": _kind("string", "Why the search was ended from outside, empty if it was not."),
            "requests": _kind("integer", "Sent in all steps."),
            "validity": _object(
                {
                    "steps": _kind("object", "How many steps were VALID, SUSPECT, INVALID."),
                    "reasons": _kind("object", "Why they were not VALID, and in how many steps."),
                }
            ),
            "steps": _list(_object(_STEP), "In the order they were made."),
            "environment": _kind("object", "Where it ran."),
        }
    ),
}
