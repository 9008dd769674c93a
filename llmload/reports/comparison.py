"""Saved results against each other: what is different about the runs, and what that did to their figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final

from llmload.analysis.compare import Measure, Row, compare
from llmload.analysis.difference import Change
from llmload.analysis.parity import Parity, over_time, parity
from llmload.analysis.side import Side
from llmload.reports.result import Result
from llmload.safe import clean
from llmload.units import counted
from llmload.verdict.validity import Level

__all__ = ["Against", "Comparison", "Party", "compare_results"]

_MOST_KEYS: Final = 6
"""Of a scenario that are named where they differ."""
_LONGEST: Final = 40
"""Characters of a name or a value that are shown."""
_OF_THE_TARGET: Final = ("targets", "sim")
"""Tables of a scenario that say who is asked, not what."""
_OF_NO_MATTER: Final = ("name", "description", "objectives", "compare", "environments", "tags", "budget")
"""Keys of a scenario that change nothing about the requests."""


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


def compare_results(parties: Sequence[Party], measure: Measure) -> Comparison:
    """Compare each with the first. At least two."""
    first = parties[0]
    side = Side([result.summary for result in first.results])
    return Comparison(first, tuple(_against(first, side, party, measure) for party in parties[1:]), measure)


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
        ("llmload", a.version, b.version),
        *((f"seed of {name}", a.scenario.seeds.get(name), b.scenario.seeds.get(name)) for name in a.scenario.seeds),
        ("runs", len(first.results), len(other.results)),
        ("workers", a.workers, b.workers),
        *((name, a.environment.get(name), b.environment.get(name)) for name in {**a.environment, **b.environment}),
    ]  # fmt: skip
    for name, one, two in pairs:
        if one != two:
            yield f"{name}: {_value(one)} against {_value(two)}"
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
