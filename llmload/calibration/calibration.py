"""A calibration: loads that were tried, what they cost, how far from the truth their figures were. Pure.

Between two loads that were tried, deviations are taken to change evenly with the share of a worker's ceiling. Below the
lowest they are those of the lowest; beyond the highest nothing is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from itertools import pairwise
from typing import Any, Final, Literal

from llmload.calibration.cost import Cost
from llmload.metrics.catalogue import METRICS
from llmload.metrics.precision import Capacity, Deviation, Pace

__all__ = ["BOUND", "KIND", "SCHEMA_VERSION", "Calibration", "Kind", "Noise", "Step"]

KIND: Final = "llmload-calibration"
SCHEMA_VERSION: Final = 1
BOUND: Final = 0.005
"""Seconds: a load is measured precisely while 99 % of its times are no further than this from the truth."""

_MOST_OTHERS: Final = 0.10
_MOST_STEAL: Final = 0.02

Kind = Literal["stream", "whole"]


@dataclass(frozen=True, slots=True)
class Noise:
    """What else the machine did meanwhile, as shares of all its cores."""

    others: float = 0.0
    steal: float = 0.0

    @property
    def disturbing(self) -> bool:
        """Enough to make figures worse than they would be."""
        return self.others > _MOST_OTHERS or self.steal > _MOST_STEAL


@dataclass(frozen=True, slots=True)
class Step:
    """One load that was tried: ``calls`` of a ``kind`` and ``events`` per second as they came, planned at ``planned``.

    ``kind``: "stream", or "whole" for answers that come in one piece. ``samples``: calls compared with the truth.
    """

    kind: Kind
    planned: float
    calls: float
    events: float
    samples: int
    metrics: Mapping[str, Deviation]
    noise: Noise = Noise()

    @property
    def pace(self) -> Pace:
        """What there was to measure."""
        return Pace(self.calls, self.events)

    @property
    def precise(self) -> bool:
        """Whether every metric's deviation stayed within BOUND, at p99."""
        return all(deviation.p99 <= BOUND for deviation in self.metrics.values())


@dataclass(frozen=True, slots=True)
class Calibration:
    """``made``: when, ISO 8601. ``machine``: what it holds for (``store.fingerprint``). ``quick``: shorter, coarser.

    ``notes``: what else its readers should know, such as why no higher load was tried.
    """

    made: str
    machine: Mapping[str, str]
    cost: Cost
    steps: tuple[Step, ...]
    quick: bool = False
    noise: Noise = field(default_factory=Noise)
    notes: tuple[str, ...] = ()

    @property
    def capacity(self) -> Capacity:
        """What one worker can measure on this machine."""
        return self.cost.capacity

    @property
    def disturbed(self) -> bool:
        """Other work on the machine made it worse than it need be."""
        return self.noise.disturbing or any(step.noise.disturbing for step in self.steps)

    def of(self, kind: Kind) -> list[Step]:
        """The loads of a kind, lowest first."""
        return sorted((step for step in self.steps if step.kind == kind), key=self.share)

    def share(self, step: Step) -> float:
        """How much of a worker's ceiling a load was; one that could not be kept up, how much it would have been."""
        return self.capacity.share(step.pace) * max(1.0, step.planned / step.calls if step.calls else 1.0)

    def precise_up_to(self, kind: Kind) -> Step | None:
        """The highest load at which it and all below it were measured within BOUND; None if the lowest was not."""
        last = None
        for step in self.of(kind):
            if not step.precise:
                break
            last = step
        return last

    def deviations(self, kind: Kind, share: float) -> tuple[Mapping[str, Deviation], bool]:
        """By metric, at ``share`` of the ceiling; True when that is beyond what was tried."""
        steps = self.of(kind)
        if not steps:
            return {}, False
        if share <= self.share(steps[0]):
            return steps[0].metrics, False
        for below, above in pairwise(steps):
            first, last = self.share(below), self.share(above)
            if first <= share <= last and last > first:
                return dict(_between(below.metrics, above.metrics, (share - first) / (last - first))), False
        return steps[-1].metrics, share > self.share(steps[-1])

    def to_json(self) -> dict[str, Any]:
        """A document of plain values, and the ceiling for those who only want that."""
        return {
            "kind": KIND,
            "schema_version": SCHEMA_VERSION,
            "made": self.made,
            "quick": self.quick,
            "disturbed": self.disturbed,
            "machine": dict(self.machine),
            "ceiling": asdict(self.capacity) | {"streams_per_second": self.capacity.streams_per_second},
            "cost": asdict(self.cost),
            "noise": asdict(self.noise),
            "notes": list(self.notes),
            "steps": [asdict(step) | {"share": self.share(step), "precise": step.precise} for step in self.steps],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Calibration:
        """The inverse of ``to_json``; KeyError, TypeError or ValueError on anything else."""
        cost: Cost = _numbers(Cost, data["cost"])
        if min(cost.call, cost.event) <= 0.0:
            raise ValueError("a cost is not above 0")
        return cls(
            made=str(data["made"]),
            machine={str(name): str(value) for name, value in data["machine"].items()},
            cost=cost,
            steps=tuple(_step(step) for step in data["steps"]),
            quick=bool(data["quick"]),
            noise=_numbers(Noise, data["noise"]),
            notes=tuple(str(note) for note in data["notes"]),
        )


def _between(
    below: Mapping[str, Deviation], above: Mapping[str, Deviation], way: float
) -> Iterator[tuple[str, Deviation]]:
    for metric in below.keys() & above.keys():
        one, other = asdict(below[metric]), asdict(above[metric])
        yield metric, Deviation(**{name: one[name] + way * (other[name] - one[name]) for name in one})


def _numbers(cls: type[Any], data: Mapping[str, Any]) -> Any:
    values = {each.name: float(data[each.name]) for each in fields(cls)}
    if any(value != value or value in (float("inf"), float("-inf")) for value in values.values()):
        raise ValueError(f"{cls.__name__} has a figure that is none")
    return cls(**values)


def _step(data: Mapping[str, Any]) -> Step:
    kinds: Sequence[Kind] = ("stream", "whole")
    kind = kinds[kinds.index(data["kind"])]
    metrics = {METRICS[name].name: _numbers(Deviation, deviation) for name, deviation in data["metrics"].items()}
    planned, calls, events = (float(data[name]) for name in ("planned", "calls", "events"))
    return Step(kind, planned, calls, events, int(data["samples"]), metrics, _numbers(Noise, data["noise"]))
