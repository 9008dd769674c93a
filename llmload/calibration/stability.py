"""Whether a machine can be trusted now: a small load measured several times must come out exact, and alike. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

from llmload.calibration.calibration import BOUND, Step
from llmload.metrics.catalogue import METRICS
from llmload.units import format_rate, format_seconds, format_share

__all__ = ["AGREEMENT", "KIND", "SCHEMA_VERSION", "Stability"]

KIND: Final = "llmload-stability"
SCHEMA_VERSION: Final = 1
AGREEMENT: Final = 0.001
"""Seconds: repetitions agree while the medians they report lie no further apart than this."""
_SENT: Final = 0.9
_QUIET: Final = "stop what else runs on this machine, or run where nothing else does"


@dataclass(frozen=True, slots=True)
class Stability:
    """The same small load, measured ``steps`` times, each held against what the simulator really sent."""

    steps: tuple[Step, ...]

    @property
    def stable(self) -> bool:
        """Nothing was found against it."""
        return not self.problems

    @property
    def problems(self) -> tuple[tuple[str, str], ...]:
        """What was found, and what would help."""
        return tuple(self._found())

    def spread(self, metric: str) -> float:
        """How far apart the repetitions' medians lie, said minus true, in seconds."""
        medians = [step.metrics[metric].shift_p50 for step in self.steps if metric in step.metrics]
        return max(medians) - min(medians) if medians else 0.0

    def _found(self) -> Iterator[tuple[str, str]]:
        for number, step in enumerate(self.steps, 1):
            yield from self._of_one(f"load {number} of {len(self.steps)}", step)
        for metric in self.steps[0].metrics if self.steps else ():
            if self.spread(metric) > AGREEMENT:
                apart = f"the medians of {METRICS[metric].title} lie {format_seconds(self.spread(metric))} apart"
                yield f"the same load does not come out the same: {apart}", _QUIET

    @staticmethod
    def _of_one(name: str, step: Step) -> Iterator[tuple[str, str]]:
        if step.noise.disturbing:
            others, steal = format_share(step.noise.others), format_share(step.noise.steal)
            yield f"{name}: others used {others} of this machine, the hypervisor took {steal}", _QUIET
        if step.calls < _SENT * step.planned:
            yield f"{name}: {format_rate(step.calls)} were sent of {format_rate(step.planned)}", _QUIET
        for metric, deviation in step.metrics.items():
            if deviation.p99 > BOUND:
                off = f"{METRICS[metric].title} was off by up to {format_seconds(deviation.p99)} (p99)"
                yield f"{name}: {off}, more than {format_seconds(BOUND)}", _QUIET

    def to_json(self) -> dict[str, Any]:
        """Plain values; times in seconds."""
        problems = [{"text": text, "remedy": remedy} for text, remedy in self.problems]
        return {
            "kind": KIND, "schema_version": SCHEMA_VERSION, "stable": self.stable, "problems": problems,
            "spread": {metric: self.spread(metric) for metric in (self.steps[0].metrics if self.steps else ())},
            "loads": [asdict(step) for step in self.steps],
        }  # fmt: skip
