"""Saved results against each other: what is different about the runs, and what that did to their figures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice
from typing import Any, Final

from llmload.analysis.compare import Measure, Row, compare, measured
from llmload.analysis.difference import Change
from llmload.analysis.environments import differences
from llmload.analysis.figure import RATES, Figure
from llmload.analysis.parity import Parity, over_time, parity
from llmload.analysis.side import LEAST_WINDOWS, Side
from llmload.errors import ExitStatus
from llmload.reports.environment import of_result, told
from llmload.reports.ping import way_changes
from llmload.reports.result import Result
from llmload.safe import clean
from llmload.units import counted
from llmload.verdict.validity import Level

__all__ = ["Against", "Comparison", "Outcome", "Party", "compare_results", "lacking"]

_MOST_KEYS: Final = 6
"""Of a scenario that are named where they differ."""
_LONGEST: Final = 40
"""Characters of a name or a value that are shown."""
_OF_THE_TARGET: Final = ("targets", "sim")
"""Tables of a scenario that say who is asked, not what."""
_OF_NO_MATTER: Final = ("name", "description", "objectives", "compare", "environments", "tags", "budget")
"""Keys of a scenario that change nothing about the requests."""
_OF_RATES: Final = f" (a rate takes {LEAST_WINDOWS} measured seconds with two calls in each)"


class Outcome(StrEnum):
    """What a comparison comes to."""

    WORSE = "worse"
    """Some figure of some side got worse, beyond doubt."""
    NOTHING = "nothing to compare"
    """Some side has no figure in common with the first."""
    UNCLEAR = "can't say"
    """Of some side not one figure could be decided."""
    FINE = "no regression found"
    """None of the figures that could be decided got worse, and of every side some could."""


_STATUSES: Final = {
    Outcome.WORSE: ExitStatus.FAIL, Outcome.NOTHING: ExitStatus.USAGE, Outcome.UNCLEAR: ExitStatus.INVALID,
    Outcome.FINE: ExitStatus.PASS,
}  # fmt: skip


@dataclass(frozen=True)
class Party:
    """One side: a name, and the results of its runs."""

    name: str
    results: tuple[Result, ...]

    @property
    def label(self) -> str:
        """The name, fit to be shown."""
        return clean(self.name, _LONGEST)

    @property
    def invalid(self) -> int:
        """How many of the runs prove nothing."""
        return sum(result.validity.level is Level.INVALID or bool(result.last_heard) for result in self.results)


@dataclass(frozen=True)
class Against:
    """One side against the first. ``warnings``: why the two should not be compared, or not be believed;
    ``differences``: what else is not the same."""

    party: Party
    warnings: tuple[str, ...]
    differences: tuple[str, ...]
    rows: tuple[Row, ...]
    parity: Parity | None = None

    @property
    def worse(self) -> tuple[Row, ...]:
        """What got worse, beyond doubt and by as much as matters."""
        return tuple(row for row in self.rows if row.difference.change is Change.WORSE)

    @property
    def decided(self) -> tuple[Row, ...]:
        """The figures that something can be said of."""
        return tuple(row for row in self.rows if row.difference.change is not Change.UNCLEAR)


@dataclass(frozen=True)
class Comparison:
    """Every other side against the first."""

    first: Party
    others: tuple[Against, ...]
    measure: Measure

    @property
    def regressed(self) -> bool:
        """Whether anything got worse anywhere."""
        return any(other.worse for other in self.others)

    @property
    def outcome(self) -> Outcome:
        """What all of it comes to: the gravest that is known, then what is missing."""
        if self.regressed:
            return Outcome.WORSE
        if not all(other.rows for other in self.others):
            return Outcome.NOTHING
        return Outcome.FINE if all(other.decided for other in self.others) else Outcome.UNCLEAR

    @property
    def status(self) -> ExitStatus:
        """What a process that was to find regressions ends with."""
        return _STATUSES[self.outcome]

    def wanting(self) -> list[str]:
        """Which figures of the measure can't be compared with some side, and why, in sentences."""
        return [said for other in self.others for said in _wanting(self.first, other, self.measure.figures)]


def compare_results(parties: Sequence[Party], measure: Measure) -> Comparison:
    """Compare each with the first. At least two."""
    first = parties[0]
    side = Side([result.summary for result in first.results])
    return Comparison(first, tuple(_against(first, side, party, measure) for party in parties[1:]), measure)


def lacking(party: Party, figures: Sequence[Figure]) -> list[Figure]:
    """The figures of which a side has nothing that could be compared, in any class."""
    side = Side([result.summary for result in party.results])
    return [figure for figure in figures if not any(measured(side, figure, cls) for cls in side.classes())]


def _wanting(first: Party, other: Against, figures: Sequence[Figure]) -> Iterator[str]:
    parties = (first, other.party)
    classes = [sorted({key.cls for run in party.results for key in run.summary.cells}) for party in parties]
    if set(classes[0]).isdisjoint(classes[1]):
        have = (f"{party.label} has {_names(found)}" for party, found in zip(parties, classes, strict=True))
        yield f"no request class in common: {', '.join(have)}"
        return
    compared = {row.figure for row in other.rows}
    absent = [figure for figure in figures if figure not in compared]
    without = [(party.label, lacking(party, absent)) for party in parties]
    for figure in absent:
        names = [label for label, found in without if figure in found]
        where = f"none in {' and '.join(names)}" if names else "in no class of both"
        yield f"{figure}: {where}{_OF_RATES if str(figure) in RATES else ''}"


def _names(classes: Iterable[str]) -> str:
    return ", ".join(clean(cls, _LONGEST) for cls in islice(classes, _MOST_KEYS)) or "no calls"


def _against(first: Party, side: Side, party: Party, measure: Measure) -> Against:
    other = Side([result.summary for result in party.results])
    rows = compare(side, other, measure)
    unlike = tuple(_unlike(first, party))
    doubts = tuple(_doubts(first, party))
    if doubts:
        rows = tuple(_withheld(row) for row in rows)
    alike = first.results[0].load == party.results[0].load and not unlike
    moving = over_time(side.runs[0], other.runs[0]) if alike else None
    return Against(party, doubts + unlike, tuple(_differences(first, party)), rows, parity(rows, moving))


def _withheld(row: Row) -> Row:
    """Runs that prove nothing accuse nobody, and acquit nobody."""
    return replace(row, difference=replace(row.difference, change=Change.UNCLEAR, needed=0.0))


def _doubts(*parties: Party) -> Iterator[str]:
    for party in parties:
        if party.invalid:
            which = f"{party.invalid} of its {len(party.results)} runs are" if len(party.results) > 1 else "its run is"
            yield f"{party.label}: {which} INVALID, so nothing can be concluded from its figures"


def _unlike(first: Party, other: Party) -> Iterator[str]:
    """What makes them different experiments."""
    a, b = first.results[0], other.results[0]
    if a.scenario.name != b.scenario.name:
        names = f"{clean(a.scenario.name, 60)} against {clean(b.scenario.name, 60)}"
        yield f"different scenarios: {names}; what differs may be the load, not the target"
    if a.scenario.demo != b.scenario.demo:
        yield "one ran at demonstration size, the other at full size"
    changed = [text for key, text in _changes(a, b) if key not in _OF_THE_TARGET]
    if changed:
        yield f"the scenario changed: {_listed(changed)}"
    for party in (first, other):
        if len({result.scenario.fingerprint for result in party.results}) > 1:
            yield f"{party.label}: its runs are not of one and the same scenario"
    for party in (first, other):
        stopped = sum(bool(result.interrupted or result.aborted) for result in party.results)
        if stopped:
            yield f"{party.label}: {counted(stopped, 'run')} ended early"


def _differences(first: Party, other: Party) -> Iterator[str]:
    a, b = first.results[0], other.results[0]
    pairs: list[tuple[str, object, object]] = [
        ("environment", a.scenario.environment, b.scenario.environment),
        *((f"seed of {name}", a.scenario.seeds.get(name), b.scenario.seeds.get(name)) for name in a.scenario.seeds),
        ("runs", len(first.results), len(other.results)),
        ("workers", a.workers, b.workers),
    ]  # fmt: skip
    for name, one, two in pairs:
        if one != two:
            yield f"{name}: {_value(one)} against {_value(two)}"
    yield from told(differences(of_result(a), of_result(b)), first.label, other.label)
    yield from way_changes(first.results, other.results)
    changed = [text for key, text in _changes(a, b) if key in _OF_THE_TARGET]
    if changed:
        yield f"target: {_listed(changed)}"


def _changes(a: Result, b: Result) -> Iterator[tuple[str, str]]:
    """(table, what changed) of every key of the scenario, as both were resolved."""
    one, two = (dict(_flat(result.scenario.source)) for result in (a, b))
    for key in sorted({**one, **two}):
        table = key.partition(".")[0]
        if one.get(key) != two.get(key) and table not in _OF_NO_MATTER:
            yield table, f"{clean(key, 80)} {_value(one.get(key))} against {_value(two.get(key))}"


def _flat(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, part in value.items():
        if isinstance(part, Mapping):
            yield from _flat(part, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", part


def _value(value: object) -> str:
    return "nothing" if value is None or value == "" else clean(str(value), _LONGEST)


def _listed(parts: Sequence[str]) -> str:
    shown = "; ".join(islice(parts, _MOST_KEYS))
    return shown if len(parts) <= _MOST_KEYS else f"{shown}; and {len(parts) - _MOST_KEYS} more"
