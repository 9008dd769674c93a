"""What is compared of two runs: figures, named as in objectives (``latency.p95``, ``errors.rate``)."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from llmload.metrics.catalogue import METRICS, Unit, format_value, scale
from llmload.units import format_rate, format_share, parse_share

__all__ = ["DEFAULT_EFFECTS", "FIGURES", "RATES", "SHARES", "Figure", "known_figures", "parse_effects", "parse_figure"]

_PERCENTILE: Final = re.compile(r"p(\d{1,2}(?:\.\d{1,4})?)")

SHARES: Final[Mapping[str, Literal["lower", "higher"]]] = {"errors.rate": "lower", "success.rate": "higher"}
"""Figures that are shares of the calls, compared by their difference, and which way is better."""
RATES: Final[Mapping[str, tuple[str, ...]]] = {
    "goodput.rate": ("goodput",),
    "completed.rate": ("completed",),
    "throughput.output": ("output_tokens",),
    "throughput.input": ("input_tokens",),
}
"""Figures per second, and what they add up: fields of ``Series``."""


@dataclass(frozen=True, slots=True)
class Figure:
    """``metric``: of the catalogue, or the first half of a share's or a rate's name; ``stat``: mean or a percentile,
    or the other half."""

    metric: str
    stat: str

    def __str__(self) -> str:
        return f"{self.metric}.{self.stat}"

    @property
    def percentile(self) -> float | None:
        """50.0 for p50; None where it is no percentile."""
        match = _PERCENTILE.fullmatch(self.stat)
        return float(match[1]) if match else None

    @property
    def share(self) -> bool:
        """Whether it is a share, which is compared by difference and not by ratio."""
        return str(self) in SHARES

    @property
    def better(self) -> Literal["lower", "higher"]:
        """Which way is better; for what is neither (tokens of a prompt), fewer."""
        if str(self) in RATES:
            return "higher"
        if self.share:
            return SHARES[str(self)]
        return "higher" if METRICS[self.metric].better == "higher" else "lower"

    @property
    def unit(self) -> str:
        """What values are in: seconds, tokens, tokens/s, dollars, per second; "" for shares."""
        if str(self) in RATES:
            return "/s"
        return "" if self.share else _UNITS[METRICS[self.metric].unit]

    @property
    def factor(self) -> float:
        """What a histogram's value is to be multiplied with."""
        return scale(METRICS[self.metric]) if self.metric in METRICS else 1.0

    def show(self, value: float) -> str:
        """For reading, with its unit."""
        if str(self) in RATES:
            return format_rate(value)
        return format_share(value) if self.share else format_value(METRICS[self.metric], value / self.factor)


_UNITS: Final = {
    Unit.TIME: "s", Unit.TOKENS: "tokens", Unit.COUNT: "", Unit.SPEED: "tokens/s", Unit.MONEY: "$", Unit.BYTES: "B",
}  # fmt: skip

_TIMES: Final = ("mean", "p50", "p95", "p99")

FIGURES: Final[tuple[Figure, ...]] = (
    *(Figure("ttft", stat) for stat in _TIMES),
    *(Figure("latency", stat) for stat in _TIMES),
    *(Figure("tpot", stat) for stat in ("mean", "p95")),
    *(Figure("itl", stat) for stat in ("mean", "p99")),
    Figure("errors", "rate"),
    Figure("goodput", "rate"),
    Figure("throughput", "output"),
)
"""What is compared where nobody says otherwise; of each class that has such values."""

DEFAULT_EFFECTS: Final[Mapping[str, float]] = {"": 0.1, "errors.rate": 0.01, "success.rate": 0.01}
"""The smallest change that matters: a tenth of a figure; of shares, one call in a hundred."""


def known_figures() -> list[str]:
    """What can be compared: every metric with a mean and percentiles, shares and rates."""
    return [*(f"{name}.mean" for name in METRICS), *(f"{name}.p95" for name in METRICS), *SHARES, *RATES]


def parse_figure(text: str) -> Figure:
    """ValueError says what there is."""
    metric, _, stat = text.strip().partition(".")
    found = Figure(metric, stat)
    if metric in METRICS and (stat == "mean" or found.percentile):
        return found
    if str(found) in SHARES or str(found) in RATES:
        return found
    near = difflib.get_close_matches(text.strip(), known_figures(), 1)
    hint = f"; did you mean {near[0]}?" if near else "; write it like latency.mean, ttft.p95 or errors.rate"
    raise ValueError(f"there is no figure {text.strip()[:64]!r} to compare{hint}")


def parse_effects(given: Iterable[str]) -> dict[str, float]:
    """ "20%" is for every figure ("" in the answer), "latency.p95=30%" for one. ValueError says what would be right."""
    effects = {}
    for text in given:
        name, _, size = text.rpartition("=")
        effects[str(parse_figure(name)) if name else ""] = parse_share(size)
    return effects
