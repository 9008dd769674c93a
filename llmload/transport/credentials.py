"""Keys: fetched where the scenario says they are, sent in a header, and never shown."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from llmload.errors import UsageError
from llmload.scenario.plan import Auth

__all__ = ["Secrets", "auth_header"]

_COMMAND_SECONDS = 60.0
_SHORTEST_SECRET = 6
"""Shorter keys are not searched for in texts: replacing every "abc" would damage messages and hide nothing."""


def auth_header(auth: Auth, environ: Mapping[str, str] = os.environ) -> tuple[str, str] | None:
    """The header that carries the key, or None when the target needs none.

    Raises UsageError that names where the key was looked for (never the key).
    """
    if auth.kind == "none":
        return None
    key = _FETCH[auth.kind](auth, environ).strip()
    if not key:
        raise UsageError(f"the API key from {_where(auth)} is empty")
    if any(ord(character) < 32 or ord(character) > 126 for character in key):
        raise UsageError(f"the API key from {_where(auth)} holds characters that can't go into a header")
    return auth.header, auth.prefix + key


def _where(auth: Auth) -> str:
    return {"env": f"${auth.source}", "file": auth.source, "command": f"command {auth.command[:1]}"}[auth.kind]


def _from_env(auth: Auth, environ: Mapping[str, str]) -> str:
    if auth.source not in environ:
        raise UsageError(f"the API key is to come from ${auth.source}, which is not set")
    return environ[auth.source]


def _from_file(auth: Auth, _environ: Mapping[str, str]) -> str:
    try:
        return Path(auth.source).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the API key can't be read from {auth.source}: {error}") from error


def _from_command(auth: Auth, _environ: Mapping[str, str]) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - the user's own command, from the user's own scenario, without a shell
            list(auth.command), capture_output=True, text=True, timeout=_COMMAND_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise UsageError(f"the command that prints the API key failed: {type(error).__name__}") from error
    return done.stdout


_FETCH = {"env": _from_env, "file": _from_file, "command": _from_command}


class Secrets:
    """The secrets of a run, to be struck out of any text that leaves the process."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values = sorted({value for value in values if len(value) >= _SHORTEST_SECRET}, key=len, reverse=True)

    def redact(self, text: str) -> str:
        """``text`` with each secret replaced by ``***``, also one of which only the beginning was kept at its end."""
        for value in self._values:
            if value in text:
                text = text.replace(value, "***")
            elif value[:_SHORTEST_SECRET] in text[-len(value) :]:
                text = _without_beginning(text, value)
        return text


def _without_beginning(text: str, value: str) -> str:
    body = text.removesuffix("…")
    for length in range(min(len(value), len(body)), _SHORTEST_SECRET - 1, -1):
        if body.endswith(value[:length]):
            return body[:-length] + "***" + text[len(body) :]
    return text
