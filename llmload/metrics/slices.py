"""What was measured of the calls that have something in common."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from llmload.metrics.catalogue import METRICS
from llmload.metrics.histogram import Histogram
from llmload.metrics.reading import PICO
from llmload.records import Outcome

__all__ = ["NEVER_ENDED", "POPULATIONS", "CellKey", "Slice"]

NEVER_ENDED: Final = frozenset({Outcome.DROPPED, Outcome.GENERATOR_ERROR, Outcome.UNFINISHED})
"""Outcomes of calls that don't count as completed."""
POPULATIONS: Final = ("good", "failed", "censored")
"""The three sets of histograms every call belongs to one of."""


class CellKey(NamedTuple):
    """The finest cut: all that slices are made of. ``tags`` are the scenario's ``slice_by`` tags only."""

    cls: str
    target: str
    model: str
    phase: str
    tags: tuple[tuple[str, str], ...] = ()

    def value(self, dimension: str) -> str:
        """Its value of "class", "target", "model", "phase" or a tag; "" where it has none."""
        return getattr(self, _FIELDS[dimension]) if dimension in _FIELDS else dict(self.tags).get(dimension, "")


_FIELDS: Final = {"class": "cls", "target": "target", "model": "model", "phase": "phase"}


@dataclass(slots=True)
class Slice:
    """Counts and histograms of a set of calls; all of it adds up.

    ``good``: histograms (metric name -> Histogram) of calls that went well; ``failed``: of those the target
    failed, where ``latency`` is the time until they did; ``censored``: of those that were dropped, cancelled
    or still running at the end, where ``latency`` is their age then: the true value is larger. ``goodput``:
    good and within every per-request objective. Tokens are those of good calls, ``cost_pico`` (picodollars) is
    every call's. ``streams`` are the calls that sent content in chunks; ``stalls`` counts their gaps beyond the
    bound, ``stall_ns`` adds them up, and ``stalled_calls`` had at least one. ``attempts``: those that another one
    followed, by outcome; they are no calls of their own, but their bytes and cost are counted.
    """

    calls: int = 0
    outcomes: dict[Outcome, int] = field(default_factory=dict)
    good: dict[str, Histogram] = field(default_factory=dict)
    failed: dict[str, Histogram] = field(default_factory=dict)
    censored: dict[str, Histogram] = field(default_factory=dict)
    goodput: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    token_sources: dict[str, int] = field(default_factory=dict)
    cost_pico: int = 0
    streams: int = 0
    stalls: int = 0
    stall_ns: int = 0
    stalled_calls: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    queued: int = 0
    reused: int = 0
    attempts: dict[Outcome, int] = field(default_factory=dict)

    def merge(self, other: Slice) -> None:
        """Add another slice's calls."""
        for name in _NUMBERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for outcome, count in other.outcomes.items():
            self.outcomes[outcome] = self.outcomes.get(outcome, 0) + count
        for source, count in other.token_sources.items():
            self.token_sources[source] = self.token_sources.get(source, 0) + count
        for outcome, count in other.attempts.items():
            self.attempts[outcome] = self.attempts.get(outcome, 0) + count
        for population in POPULATIONS:
            mine = getattr(self, population)
            for name, histogram in getattr(other, population).items():
                if name not in mine:
                    mine[name] = Histogram(histogram.buckets)
                mine[name].merge(histogram)

    def histogram(self, metric: str) -> Histogram:
        """The metric's values: of good calls, or of every call where the metric is about the generator."""
        merged = Histogram()
        wanted = POPULATIONS if METRICS[metric].of == "all" else POPULATIONS[:1]
        found: list[Histogram] = [getattr(self, name)[metric] for name in wanted if metric in getattr(self, name)]
        if len(found) == 1:
            return found[0]
        for histogram in found:
            merged.merge(histogram)
        return merged

    def count(self, outcomes: Iterable[Outcome]) -> int:
        """How many calls ended in one of these."""
        return sum(self.outcomes.get(outcome, 0) for outcome in outcomes)

    @property
    def ok(self) -> int:
        """Calls that got what they should have."""
        return sum(count for outcome, count in self.outcomes.items() if outcome.good)

    @property
    def errors(self) -> int:
        """Calls the target failed."""
        return sum(count for outcome, count in self.outcomes.items() if outcome.error)

    @property
    def error_rate(self) -> float:
        """errors / (good + errors); 0.0 without either."""
        judged = self.ok + self.errors
        return self.errors / judged if judged else 0.0

    @property
    def completed(self) -> int:
        """Calls that ran to an end, good or bad."""
        return sum(count for outcome, count in self.outcomes.items() if outcome not in NEVER_ENDED)

    @property
    def unfinished(self) -> int:
        """Calls still running when the run ended."""
        return self.outcomes.get(Outcome.UNFINISHED, 0)

    @property
    def dropped(self) -> int:
        """Arrivals never sent because a cap was reached."""
        return self.outcomes.get(Outcome.DROPPED, 0)

    @property
    def further_attempts(self) -> int:
        """Attempts beyond the first of each call."""
        return sum(self.attempts.values())

    @property
    def cost(self) -> float:
        """US dollars."""
        return self.cost_pico / PICO

    @property
    def stalled_share(self) -> float:
        """The share of streams that stalled; 0.0 without streams."""
        return self.stalled_calls / self.streams if self.streams else 0.0

    def to_json(self) -> dict[str, Any]:
        """Numbers, then histograms in catalogue order."""
        numbers = {name: getattr(self, name) for name in _NUMBERS}
        outcomes, attempts = _by_outcome(self.outcomes), _by_outcome(self.attempts)
        return {
            **numbers,
            "outcomes": outcomes,
            **({"attempts": attempts} if attempts else {}),
            "token_sources": dict(sorted(self.token_sources.items())),
            **{population: _histograms(getattr(self, population)) for population in POPULATIONS},
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Slice:
        """The inverse of ``to_json``; KeyError or ValueError on anything else."""
        made = cls()
        for name in _NUMBERS:
            setattr(made, name, int(data[name]))
        made.outcomes = {Outcome(name): int(count) for name, count in data["outcomes"].items()}
        made.attempts = {Outcome(name): int(count) for name, count in data.get("attempts", {}).items()}
        made.token_sources = {str(name): int(count) for name, count in data["token_sources"].items()}
        for population in POPULATIONS:
            setattr(made, population, {name: Histogram.from_json(have) for name, have in data[population].items()})
        return made


def _by_outcome(counts: dict[Outcome, int]) -> dict[str, int]:
    return {str(outcome): counts[outcome] for outcome in Outcome if outcome in counts}


def _histograms(have: dict[str, Histogram]) -> dict[str, Any]:
    return {name: have[name].to_json() for name in METRICS if name in have}


_NUMBERS: Final = (
    "calls", "goodput", "input_tokens", "output_tokens", "cost_pico", "streams", "stalls", "stall_ns", "stalled_calls",
    "bytes_in", "bytes_out", "queued", "reused",
)  # fmt: skip
