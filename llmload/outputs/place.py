"""Places that outputs are told of on the command line, see ``scenario.places``, and credentials for them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import SplitResult

from llmload.errors import UsageError
from llmload.scenario import places

__all__ = ["credential", "host_and_port", "named_parts", "served", "web_address"]


@contextmanager
def _said_by(option: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None


def host_and_port(option: str, where: str, host: str) -> tuple[str, int]:
    """``HOST:PORT`` or ``PORT``, which is then of ``host``; ``option``: what says so. Raises UsageError."""
    with _said_by(option):
        named, port = places.address(where)
    return named or host, port


def served(option: str, where: str) -> tuple[str, int, float | None]:
    """``[HOST:]PORT[?linger=TIME]``: host or "", port, seconds or None; ``option``: what says so. Raises UsageError."""
    with _said_by(option):
        return places.served(where)


def web_address(kind: str, where: str, example: str, place: str = "") -> SplitResult:
    """A URL with a host and without credentials. ``place``: where it is written, if not at the export. Raises
    UsageError."""
    with _said_by(place or f"--export {kind}"):
        return places.web_url(where, example)


def named_parts(kind: str, where: str, names: tuple[str, ...]) -> tuple[str, list[str]]:
    """A URL whose path ends in parts of these names: what is before them, and the parts. Raises UsageError."""
    with _said_by(f"--export {kind}"):
        return places.named_parts(where, names)


def credential(kind: str, name: str) -> str:
    """What a variable of the environment holds, without white space around it; "" if it is not set. Raises UsageError
    where it could not stand in a header: libraries would show it in what they say of that."""
    value = os.environ.get(name, "").strip()
    if not (value.isascii() and value.isprintable()):
        raise UsageError(f"--export {kind}: the variable {name} holds characters that can't be in a header")
    return value
