"""The histories of scenarios: what their runs measured, one after the other, and at which run a level changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import numpy as np

from llmload.analysis.changes import Change
from llmload.analysis.compare import Measure
from llmload.analysis.figure import Figure
from llmload.analysis.history import Line, line_of, value_of
from llmload.reports.result import Result
from llmload.safe import clean
from llmload.verdict.validity import Level

__all__ = ["History", "Run", "histories"]

_LONGEST: Final = 60
_MOST_TOLD: Final = 6


@dataclass(frozen=True, slots=True)
class Run:
    """What a history keeps of one result. ``name``: the scenario's; ``scenario``: with its size and environment.
    ``doubt``: why it is not counted ("INVALID", "interrupted" ...), else "". ``facts``: what may explain a change:
    versions, environment, seeds, tags. ``values``: by figure."""

    file: str
    name: str
    scenario: str
    started: str
    verdict: str
    doubt: str
    facts: Mapping[str, str]
    values: Mapping[str, float] = field(default_factory=dict)
    classes: tuple[str, ...] = ()

    @classmethod
    def of(cls, file: str, result: Result, figures: Iterable[Figure], request_class: str | None = None) -> Run:
        """``request_class``: whose figures, None for all calls."""
        values = {str(figure): value_of(result.summary, figure, request_class) for figure in figures}
        verdict = result.verdict.decision.value
        classes = tuple(sorted({clean(key.cls, _LONGEST) for key in result.summary.cells}))
        return cls(
            file, result.scenario.name, _title(result), result.started, verdict, _doubt(result), _facts(result), values,
            classes,
        )  # fmt: skip

    @property
    def label(self) -> str:
        """The file's name, fit to be shown."""
        return clean(self.file, _LONGEST)

    @property
    def day(self) -> str:
        """When it started, as people write it."""
        return clean(self.started, 40)[:16].replace("T", " ")

    @property
    def moment(self) -> float:
        """When it started, in seconds since 1970; what doesn't say when comes first."""
        try:
            when = datetime.fromisoformat(self.started)
            return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError, OSError):
            return 0.0


@dataclass(frozen=True)
class History:
    """The runs of one scenario at one size in one environment, oldest first, and a line for each figure that has any
    values. ``left_out``: those that are not counted."""

    scenario: str
    runs: tuple[Run, ...]
    lines: tuple[Line, ...]
    left_out: tuple[Run, ...] = ()

    @property
    def worsened(self) -> tuple[Line, ...]:
        """The figures whose present level is worse than the one before."""
        return tuple(line for line in self.lines if line.worsened)

    def changes(self) -> Iterator[tuple[Line, Change, Run]]:
        """Every change with the first run at the new level, the latest first."""
        found = [(line, change) for line in self.lines for change in line.changes]
        for line, change in sorted(found, key=lambda pair: -pair[1].at):
            yield line, change, self.runs[change.at]

    def differences(self, at: int) -> list[str]:
        """What else was not the same at the run ``at`` as at the one before: "llmload 0.1.0 -> 0.2.0"."""
        if at < 1:
            return []
        before, after = self.runs[at - 1].facts, self.runs[at].facts
        names = [name for name in dict.fromkeys([*before, *after]) if before.get(name, "") != after.get(name, "")]
        return [_differs(name, before.get(name, ""), after.get(name, "")) for name in names[:_MOST_TOLD]]


def histories(
    runs: Sequence[Run], measure: Measure, everything: bool = False, last: int | None = None
) -> list[History]:
    """One for each scenario, by name. ``everything``: count what can't be relied on, too; ``last``: so many runs of
    each at most, the latest."""
    scenarios = sorted({run.scenario for run in runs})
    return [
        _history(name, [run for run in runs if run.scenario == name], measure, everything, last) for name in scenarios
    ]


def _history(name: str, runs: Sequence[Run], measure: Measure, everything: bool, last: int | None) -> History:
    ordered = sorted(runs, key=lambda run: (run.moment, run.file))
    counted = tuple(run for run in ordered if everything or not run.doubt)
    counted = counted[-last:] if last else counted
    since = counted[0].moment if counted and last else float("-inf")
    left_out = tuple(run for run in ordered if run.doubt and not everything and run.moment >= since)
    lines = [
        line_of(figure, np.array([run.values[str(figure)] for run in counted], float), measure)
        for figure in measure.figures
    ]
    return History(name, counted, tuple(line for line in lines if len(line.known)), left_out)


def _title(result: Result) -> str:
    """Demonstrations and environments are scenarios of their own: they are other loads on other targets."""
    scenario = result.scenario
    more = [clean(scenario.environment, 30), "demonstration" if scenario.demo else ""]
    said = ", ".join(filter(None, more))
    return clean(scenario.name, _LONGEST) + (f" ({said})" if said else "")


def _doubt(result: Result) -> str:
    if result.last_heard:
        return "did not end"
    if result.validity.level is Level.INVALID:
        return "INVALID"
    if result.interrupted or result.aborted:
        return "interrupted" if result.interrupted else "aborted"
    return ""


def _facts(result: Result) -> dict[str, str]:
    scenario = result.scenario
    return {
        "llmload": result.version,
        "scenario": scenario.fingerprint,
        **{f"tag {name}": value for name, value in scenario.tags.items()},
        **{f"seed of {name}": str(value) for name, value in scenario.seeds.items()},
        "workers": str(result.workers),
        **result.environment,
    }


def _differs(name: str, before: str, after: str) -> str:
    if name == "scenario":
        return "the scenario was another"
    return f"{clean(name, 40)} {clean(before, 40) or '(none)'} -> {clean(after, 40) or '(none)'}"
