"""Places that outputs are told of on the command line: addresses and URLs, checked, and never shown with a secret."""

from __future__ import annotations

import os
import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

from llmload.errors import UsageError

__all__ = ["credential", "host_and_port", "web_address"]

_ADDRESS: Final = re.compile(r"(?:(?P<host>\[[0-9A-Fa-f:.%]+\]|[\w.-]+):)?(?P<port>\d{1,5})")


def host_and_port(option: str, where: str, host: str) -> tuple[str, int]:
    """``HOST:PORT`` or ``PORT``, which is then of ``host``; ``option``: what says so. Raises UsageError."""
    found = _ADDRESS.fullmatch(where)
    port = int(found["port"]) if found else -1
    if found is None or port > 65535:
        raise UsageError(f"{option}: {where[:80]!r} is no HOST:PORT")
    return (found["host"] or host).strip("[]"), port


def web_address(kind: str, where: str, example: str) -> SplitResult:
    """A URL with a host and without credentials, which would be seen by everyone who lists processes. Raises
    UsageError."""
    try:
        url = urlsplit(where)
        _ = url.port
    except ValueError:
        url = urlsplit("")
    if url.scheme not in ("http", "https") or not url.hostname:
        raise UsageError(f"--export {kind}: that is no http(s) URL; write it like {example}")
    if url.username or url.password:
        raise UsageError(f"--export {kind}: no password in the URL, where everyone sees it; docs/outputs.md says where")
    return url


def credential(kind: str, name: str) -> str:
    """What a variable of the environment holds, without white space around it; "" if it is not set. Raises UsageError
    where it could not stand in a header: libraries would show it in what they say of that."""
    value = os.environ.get(name, "").strip()
    if not (value.isascii() and value.isprintable()):
        raise UsageError(f"--export {kind}: the variable {name} holds characters that can't be in a header")
    return value
