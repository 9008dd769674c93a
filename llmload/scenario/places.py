"""Places that a run is told to, as people write them: addresses and URLs, checked, and never shown with a secret.

Each function raises ValueError, whose text says what would be right.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

from llmload.units import parse_duration

__all__ = ["address", "named_parts", "served", "web_url"]

_ADDRESS: Final = re.compile(r"(?:(?P<host>\[[0-9A-Fa-f:.%]+\]|[\w.-]+):)?(?P<port>\d{1,5})")
_LONGEST_LINGER: Final = 3600.0
"""Seconds."""


def address(where: str) -> tuple[str, int]:
    """``HOST:PORT``, or ``PORT`` with "" for the host."""
    found = _ADDRESS.fullmatch(where)
    port = int(found["port"]) if found else -1
    if found is None or port > 65535:
        raise ValueError(f"{where[:80]!r} is no HOST:PORT")
    return (found["host"] or "").strip("[]"), port


def served(where: str) -> tuple[str, int, float | None]:
    """``[HOST:]PORT[?linger=TIME]``: where something is served, and for how many seconds at most after the end."""
    place, mark, query = where.partition("?")
    host, port = address(place)
    if not mark:
        return host, port, None
    name, _, value = query.partition("=")
    if name != "linger":
        raise ValueError(f"there is no {name[:40]!r}; write {place}?linger=30s")
    linger = parse_duration(value)
    if linger > _LONGEST_LINGER:
        raise ValueError(f"linger: {value[:40]!r} is too long; 1h at most")
    return host, port, linger


def web_url(where: str, example: str) -> SplitResult:
    """A URL with a host and without credentials, which would be seen by everyone who lists processes or reads the
    scenario."""
    try:
        url = urlsplit(where)
        _ = url.port
    except ValueError:
        url = urlsplit("")
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ValueError(f"that is no http(s) URL; write it like {example}")
    if url.username or url.password:
        raise ValueError("no password in the URL, where everyone sees it; docs/outputs.md says where")
    return url


def named_parts(where: str, names: tuple[str, ...]) -> tuple[str, list[str]]:
    """A URL whose path ends in parts of these names: what is before them, and the parts."""
    example = f"http://127.0.0.1:8086/{'/'.join(names)}"
    url = web_url(where, example)
    parts = [part for part in url.path.split("/") if part]
    if len(parts) < len(names) or url.query:
        raise ValueError(f"the URL names no {' and '.join(names)}; write it like {example}")
    base = "/".join([f"{url.scheme}://{url.netloc}", *parts[: -len(names)]])
    return base, parts[-len(names) :]
