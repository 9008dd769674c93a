"""Per-request objectives: ``ttft = "500ms"`` as a number in the metric's own unit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from llmload.clock import NS
from llmload.metrics.catalogue import METRICS, Metric, Unit
from llmload.scenario.suggest import choice
from llmload.units import parse_duration

__all__ = ["parse_bound"]

_GAPS: Final = "itl"
"""The one metric of gaps that a single request can be held to: its longest gap."""


def _nanoseconds(bound: str | int) -> int:
    if not isinstance(bound, str):
        raise ValueError(f'needs its unit; write "{bound}ms" or "{bound}s"')
    return round(parse_duration(bound) * NS)


def _milli_tokens(bound: str | int) -> int:
    text = str(bound).removesuffix("/s").strip()
    if not text.isdecimal() or len(text) > 9:
        raise ValueError("must be a whole number of tokens per second")
    return int(text) * 1000


_READERS: Final[Mapping[Unit, Callable[[str | int], int]]] = {Unit.TIME: _nanoseconds, Unit.SPEED: _milli_tokens}


def parse_bound(metric: str, bound: str | int) -> int:
    """The bound in the unit in which a call's own metric is given: ns, thousandths of a token per second.

    Raises ValueError for a metric that single requests don't have, and for a bound that isn't one.
    """
    known = [name for name, row in METRICS.items() if _holds_for_one(row)]
    if metric not in known:
        raise ValueError(f"no single request can be held to {metric[:64]!r}; {choice(metric, known)}")
    value = _READERS[METRICS[metric].unit](bound)
    if not 0 < value < 2**62:
        raise ValueError("must be more than 0 and within reason")
    return value


def _holds_for_one(row: Metric) -> bool:
    single = row.value is not None or row.name == _GAPS
    return single and row.of == "good" and row.better != "neither" and row.unit in _READERS
