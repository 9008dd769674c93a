"""Quantities as people write them: "1h30m", "50/s", "64KiB", "0.5%", and back again.

Every ``parse_*`` raises ``ValueError`` whose message says what would have been right.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = [
    "counted",
    "format_bytes",
    "format_count",
    "format_ns",
    "format_rate",
    "format_seconds",
    "format_share",
    "parse_bytes",
    "parse_duration",
    "parse_rate",
    "parse_share",
]

_SECONDS: Final = {
    "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0,
}  # fmt: skip
_PER: Final = {"s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES: Final = {
    "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30,
}  # fmt: skip
_NUMBER: Final = r"(?:\d+(?:\.\d+)?|\.\d+)"
_DURATION_PART: Final = re.compile(rf"({_NUMBER})\s*(ns|us|µs|ms|min|s|m|h|d)\s*")
_RATE: Final = re.compile(rf"({_NUMBER})\s*(?:/\s*({_NUMBER})?\s*(sec|s|min|m|h|d)|rps|rpm)?$")
_SIZE: Final = re.compile(rf"({_NUMBER})\s*([a-zA-Z]*)$")
_SHARE: Final = re.compile(rf"({_NUMBER})\s*(%?)$")

DURATION_PATTERN: Final = rf"^\s*({_NUMBER}\s*(ns|us|µs|ms|min|s|m|h|d)\s*)+$"
RATE_PATTERN: Final = rf"^\s*{_NUMBER}\s*(/\s*({_NUMBER})?\s*(sec|s|min|m|h|d)|rps|rpm)\s*$"


def parse_duration(text: str) -> float:
    """Seconds in "250ms", "30s", "1h30m", "2d"; a bare number is refused but for 0."""
    stripped = text.strip()
    if stripped == "0":
        return 0.0
    total, position = 0.0, 0
    while position < len(stripped):
        part = _DURATION_PART.match(stripped, position)
        if part is None:
            raise ValueError(f'{text!r} is not a duration; write it like "30s", "250ms" or "1h30m"')
        total += float(part[1]) * _SECONDS[part[2]]
        position = part.end()
    if position == 0:
        raise ValueError('an empty duration; write it like "30s", "250ms" or "1h30m"')
    return total


def parse_rate(text: str) -> float:
    """Requests per second in "50/s", "1000/min", "3/10s", "50 rps"."""
    stripped = text.strip()
    match = _RATE.match(stripped)
    if match is None or match[0][-1].isdigit():
        raise ValueError(f'{text!r} is not a rate; write it like "50/s", "1000/min" or "3/10s"')
    if stripped.endswith("rpm"):
        return float(match[1]) / 60.0
    every = float(match[2] or 1.0) * _PER[match[3] or "s"]
    if every == 0:
        raise ValueError(f"{text!r} divides by zero time")
    return float(match[1]) / every


def parse_bytes(text: str) -> int:
    """Bytes in "64KiB", "10 MB", "512"."""
    match = _SIZE.match(text.strip())
    unit = (match[2] or "b").lower() if match else ""
    if match is None or unit not in _BYTES:
        raise ValueError(f'{text!r} is not a size; write it like "64KiB" or "10MB"')
    return round(float(match[1]) * _BYTES[unit])


def parse_share(text: str) -> float:
    """A fraction of one: "0.5%" is 0.005, "0.2" is 0.2; at most 1."""
    match = _SHARE.match(text.strip())
    if match is None:
        raise ValueError(f'{text!r} is not a share; write it like "5%" or "0.05"')
    share = float(match[1]) / (100.0 if match[2] else 1.0)
    if share > 1.0:
        raise ValueError(f"{text!r} is more than all; write {_meant(text.strip())} or a number up to 1")
    return share


def _meant(text: str) -> str:
    """What somebody may have meant with a share of more than one."""
    return '"100%" at most' if text.endswith("%") or float(text) > 100 else f'"{text}%"'


def _significant(value: float, digits: int = 3) -> str:
    """Three significant digits, never in exponent form."""
    if value == 0:
        return "0"
    magnitude = len(str(int(abs(value)))) if abs(value) >= 1 else 0
    if magnitude == 0:
        return f"{value:.{digits}g}" if abs(value) >= 1e-4 else f"{value:.1e}"
    return f"{value:.{max(0, digits - magnitude)}f}"


def format_ns(ns: float) -> str:
    """A duration for reading: "87 µs", "12.3 ms", "4.56 s", "3 m 20 s"."""
    return format_seconds(ns / 1e9)


def format_seconds(seconds: float) -> str:
    """As ``format_ns``, from seconds."""
    if seconds < 0:
        return "-" + format_seconds(-seconds)
    if seconds == 0:
        return "0 s"
    if seconds < 0.999_5e-3:
        return f"{_significant(seconds * 1e6)} µs"
    if seconds < 0.999_5:
        return f"{_significant(seconds * 1e3)} ms"
    if seconds < 120:
        return f"{_significant(seconds)} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} m {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} m"


def format_rate(per_second: float) -> str:
    """ "48.2/s"; rates under 0.1/s are shown per minute."""
    if 0 < per_second < 0.1:
        return f"{_significant(per_second * 60)}/min"
    return f"{_significant(per_second)}/s"


def format_share(share: float) -> str:
    """ "12.3%"; never rounds a non-zero share to 0% nor an incomplete one to 100%."""
    percent = share * 100
    if 0 < percent < 0.01:
        return "<0.01%"
    if 99.99 < percent < 100:
        return ">99.99%"
    return f"{percent:.2f}".rstrip("0").rstrip(".") + "%"


def format_count(number: float) -> str:
    """ "987", "12,345", "1.23M"."""
    if number < 1_000_000:
        return f"{round(number):,}"
    return f"{_significant(number / 1e6)}M"


def counted(number: int, noun: str) -> str:
    """ "1 call", "12,345 calls"."""
    return f"{format_count(number)} {noun}{'' if number == 1 else 's'}"


def format_bytes(size: float) -> str:
    """ "512 B", "64 KiB", "1.5 GiB"."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            break
        size /= 1024
    return f"{_significant(size)} {unit}"
