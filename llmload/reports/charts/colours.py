"""What every colour of a chart means. A meaning has the same colour in every chart, on light and on dark paper.

Green is what went well, as on the dashboard; grey is what was planned or is ours, blue what was done. The colours of
one chart stay apart for people who don't see red or green; tests measure it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

__all__ = ["DARK", "HEAT", "LIGHT", "ON_PAGE", "SERIES", "Colours"]

Colours = Mapping[str, str]
"""Meaning -> colour, as SVG has it."""

LIGHT: Final[Colours] = MappingProxyType({
    "ink": "#1c2430", "dim": "#5a6472", "grid": "#e2e6ec", "paper": "#ffffff",
    "band": "#f1f4f8", "unmeasured": "#dfe4ea", "bound": "#8a1c1c",
    "planned": "#9aa3af", "sent": "#0b75b7", "completed": "#30323a", "goodput": "#0a8f63", "in-flight": "#6b5ca5",
    "tokens": "#8a6100",
    "p50": "#4f9bd9", "p95": "#7a4ba0", "p99": "#c2185b",
    "ttft": "#00838f", "latency": "#4527a0", "itl": "#b26a00",
    "ok": "#5bb795", "rate-limited": "#e8a200", "refused": "#8c7a3a", "server-error": "#8f1d0c", "timeout": "#5e1463",
    "unreachable": "#3f3ad0", "broken": "#e056c4", "ours": "#5b6273",
    "series-1": "#0b6fd0", "series-2": "#b5531a", "series-3": "#12a37c", "series-4": "#953693", "series-5": "#4a4a10",
    "series-6": "#56b4e9", "series-7": "#5d4037", "series-8": "#78828e",
    "heat-1": "#c4dff0", "heat-2": "#9fcae5", "heat-3": "#73b2d8", "heat-4": "#4190c3", "heat-5": "#1f6ba8",
    "heat-6": "#10477d", "heat-7": "#062a52",
})  # fmt: skip
DARK: Final[Colours] = MappingProxyType({
    "ink": "#e6eaf0", "dim": "#9aa5b4", "grid": "#303947", "paper": "#12171e",
    "band": "#1a212b", "unmeasured": "#2b3441", "bound": "#ff9b8f",
    "planned": "#6d7785", "sent": "#46b0f0", "completed": "#d9dde3", "goodput": "#2fcf98", "in-flight": "#a99be8",
    "tokens": "#e0b040",
    "p50": "#5aa9e6", "p95": "#d9b8ff", "p99": "#ff5c8a",
    "ttft": "#3fc5d2", "latency": "#a48cf2", "itl": "#f0a63c",
    "ok": "#2c7f63", "rate-limited": "#ffc53d", "refused": "#b89b6a", "server-error": "#f0401c", "timeout": "#b98de0",
    "unreachable": "#3f7df5", "broken": "#ffb3d4", "ours": "#56657c",
    "series-1": "#46b0f0", "series-2": "#f5905c", "series-3": "#2fcf98", "series-4": "#e07acb", "series-5": "#e3c04a",
    "series-6": "#9bd6f7", "series-7": "#b08d80", "series-8": "#9aa5b4",
    "heat-1": "#16304a", "heat-2": "#1c4770", "heat-3": "#246299", "heat-4": "#3181c0", "heat-5": "#57a3dc",
    "heat-6": "#93c8ef", "heat-7": "#dcf0ff",
})  # fmt: skip
ON_PAGE: Final[Colours] = MappingProxyType({meaning: f"var(--{meaning})" for meaning in LIGHT})
"""For a page that sets these properties, to one or the other as its reader likes it."""

SERIES: Final = tuple(name for name in LIGHT if name.startswith("series-"))
"""Colours that mean nothing but one of several results."""
HEAT: Final = tuple(name for name in LIGHT if name.startswith("heat-"))
"""From few to many."""
