"""How figures that objectives are about are written, read out, and read from what was measured."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from llmload import units
from llmload.metrics.catalogue import METRICS, Unit

if TYPE_CHECKING:
    from llmload.verdict.view import View

__all__ = ["Found", "Kind", "Stat", "kind_of_metric", "parse_value"]


class Kind(StrEnum):
    """How the bound of an objective is written, and how its value is read out."""

    DURATION = "duration"
    SHARE = "share"
    RATE = "rate"
    COUNT = "count"
    TOKENS = "tokens"
    SPEED = "tokens per second"
    MONEY = "dollars"
    BYTES = "bytes"
    RATIO = "ratio"
    """Of one figure to another: a number, or in percent."""
    PROBABILITY = "probability"
    GROWTH = "growth"
    """By which share something grows, in percent; negative where it falls."""
    USE = "use"
    """Share of what there is to use, in percent."""

    def show(self, value: float) -> str:
        """For reading, with its unit."""
        return _FORMATS[self](value)


def _format_number(value: float) -> str:
    return units.format_count(value) if value >= 100 or value == int(value) else f"{value:.3g}"


def _format_money(value: float) -> str:
    return f"${value:,.2f}" if value == 0 or value >= 1 else f"${value:.3g}"


_FORMATS: Final[Mapping[Kind, Callable[[float], str]]] = {
    Kind.DURATION: units.format_seconds,
    Kind.SHARE: units.format_share,
    Kind.RATE: units.format_rate,
    Kind.COUNT: _format_number,
    Kind.TOKENS: _format_number,
    Kind.SPEED: lambda value: f"{_format_number(value)} tok/s",
    Kind.MONEY: _format_money,
    Kind.BYTES: units.format_bytes,
    Kind.RATIO: lambda value: f"{value:.3g}x",
    Kind.PROBABILITY: lambda value: f"{value:.3g}",
    Kind.USE: lambda value: units.format_share(round(value, 3)),
    Kind.GROWTH: lambda value: f"{value:+.1%}" if abs(value) < 9.995 else f"{1 + value:.0f}x",
}

_NUMBER: Final = re.compile(r"\d+(?:[_,]\d{3})*(?:\.\d+)?|\.\d+")


def _number(what: str, example: str, prefix: str = "", suffix: str = "") -> Callable[[str], float]:
    """A parser of plain numbers that may wear a prefix or suffix (regular expressions)."""
    pattern = re.compile(rf"(?:{prefix})?\s*({_NUMBER.pattern})\s*(?:{suffix})?")

    def parse(text: str) -> float:
        match = pattern.fullmatch(text.strip())
        if match is None:
            raise ValueError(f'{text.strip()!r} is not {what}; write it like "{example}"')
        return float(match[1].replace(",", "").replace("_", ""))

    return parse


_PARSERS: Final[Mapping[Kind, Callable[[str], float]]] = {
    Kind.DURATION: units.parse_duration,
    Kind.SHARE: units.parse_share,
    Kind.RATE: units.parse_rate,
    Kind.COUNT: _number("a number", "100"),
    Kind.TOKENS: _number("a number of tokens", "150", suffix="tok|tokens"),
    Kind.SPEED: _number("a number of tokens per second", "50", suffix=r"/s|(?:tok|tokens)\s*/\s*s"),
    Kind.MONEY: _number("an amount of dollars", "$1.50", prefix=r"\$", suffix="USD"),
    Kind.BYTES: lambda text: float(units.parse_bytes(text)),
    Kind.RATIO: lambda text: _number("a ratio", "1.2", suffix="x|%")(text) / (100 if text.strip()[-1:] == "%" else 1),
    Kind.PROBABILITY: units.parse_share,
    Kind.USE: units.parse_share,
    Kind.GROWTH: lambda text: _number("a growth", "10%", suffix="%")(text) / (100 if text.strip()[-1:] == "%" else 1),
}


def parse_value(kind: Kind, text: str) -> float:
    """The bound in SI units; ValueError says how to write one of this kind."""
    return _PARSERS[kind](text)


@dataclass(frozen=True, slots=True)
class Found:
    """What an analysis found: a value with what backs it, its 95 % interval and a note in words. ``larger``: the true
    value is larger, how much is not known (it was cut off by the end of the run)."""

    value: float
    samples: int = 0
    interval: tuple[float, float] | None = None
    note: str = ""
    larger: bool = False


@dataclass(frozen=True, slots=True)
class Stat:
    """One statistic of a metric that has no histogram.

    ``read`` gives (value, samples) or (hits, out of) for shares; ``value`` is None where there is nothing
    to say. ``keys``: the filters it can be cut by; None means any. ``find``: set where an analysis of the whole
    run finds it, which is asked at the end of the run only; ``needs``: filters it can't do without. ``scheduled``: a
    time that is held against the schedule: its bound is scaled with it. ``lacks``: what it wants where it has no data.
    ``interval``: of 95 %, where it has one of its own; ``bracket``: where it lies with our own part taken off;
    ``enough``: whether there are values enough to say it.
    ``signed``: it may be less than nothing. ``note``: what to know of the figure; ``why``: why there is none; in words.
    """

    kind: Kind
    read: Callable[[View], tuple[float | None, int]]
    help: str
    keys: frozenset[str] | None = None
    windows: bool = True
    find: Callable[[View], Found | None] | None = None
    needs: tuple[str, ...] = ()
    scheduled: bool = False
    lacks: str = ""
    interval: Callable[[View], tuple[float, float] | None] = lambda view: None
    bracket: Callable[[View], tuple[float, float] | None] = lambda view: None
    enough: Callable[[View], bool] = lambda view: True
    signed: bool = False
    note: Callable[[View], str] = lambda view: ""
    why: Callable[[View], str] | None = None


_KIND_OF_UNIT: Final[Mapping[Unit, Kind]] = {
    Unit.TIME: Kind.DURATION,
    Unit.TOKENS: Kind.TOKENS,
    Unit.COUNT: Kind.COUNT,
    Unit.SPEED: Kind.SPEED,
    Unit.MONEY: Kind.MONEY,
    Unit.BYTES: Kind.BYTES,
}


def kind_of_metric(metric: str) -> Kind:
    """How values of a metric of the catalogue are written."""
    return _KIND_OF_UNIT[METRICS[metric].unit]
