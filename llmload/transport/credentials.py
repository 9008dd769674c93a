"""Keys: fetched where the scenario says they are, and never shown.

``fetch`` blocks and is for before the run; ``renew`` is for during it. Both read the same sources: an environment
variable, a file, a command, or a cloud's library in a process of its own (``llmload.transport.lookup``).
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llmload.errors import UsageError
from llmload.safe import clean
from llmload.scenario.plan import Auth
from llmload.transport.sigv4 import AwsKey

__all__ = ["Key", "Secrets", "fetch", "renew", "where_from"]

_COMMAND_SECONDS = 60.0
_SHORTEST_SECRET = 6
"""Shorter keys are not searched for in texts: replacing every "abc" would damage messages and hide nothing."""
_LOOKED_UP = frozenset({"google", "aws"})


@dataclass(frozen=True, slots=True)
class Key:
    """What was found: a key to be sent in a header, or one to sign with; good for ``lifetime`` s (0: for the run)."""

    value: str = field(default="", repr=False)
    aws: AwsKey | None = field(default=None, repr=False)
    lifetime: float = 0.0

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be shown."""
        return (self.value,) if self.aws is None else (self.aws.secret, self.aws.session, self.aws.access)


def fetch(auth: Auth, environ: Mapping[str, str] = os.environ) -> Key:
    """The key that ``auth`` describes. Blocks.

    Raises UsageError that names where the key was looked for (never the key).
    """
    if auth.kind in ("none", "named"):
        return Key(auth.source)
    if line := _command(auth):
        try:
            done = subprocess.run(  # noqa: S603 - the user's own command, from the user's own scenario, without a shell
                line, capture_output=True, timeout=_COMMAND_SECONDS, check=False, env=_environment(auth)
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise _failed(auth, type(error).__name__) from error
        return _printed(auth, done.returncode, done.stdout)
    return Key(_checked(auth, _from_env(auth, environ) if auth.kind == "env" else _from_file(auth)))


async def renew(auth: Auth) -> Key:
    """As ``fetch``, for a key whose lifetime ends; nothing else waits for it. Raises UsageError."""
    try:
        process = await asyncio.create_subprocess_exec(
            *_command(auth), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=_environment(auth),
        )  # fmt: skip
    except OSError as error:
        raise _failed(auth, type(error).__name__) from error
    try:
        async with asyncio.timeout(_COMMAND_SECONDS):
            printed, _ = await process.communicate()
    except TimeoutError as error:
        raise _failed(auth, "TimeoutExpired") from error
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return _printed(auth, process.returncode or 0, printed)


def _command(auth: Auth) -> list[str]:
    """The command that prints the key; empty where none does."""
    if auth.kind not in _LOOKED_UP:
        return list(auth.command)
    asked = [auth.profile] if auth.kind == "aws" and auth.profile else []
    return [sys.executable, "-P", "-m", "llmload.transport.lookup", auth.kind, *asked]


def _environment(auth: Auth) -> dict[str, str] | None:
    """Our own processes find what we find, wherever they are started; the user's command gets what we were given."""
    if auth.kind not in _LOOKED_UP:
        return None
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def _printed(auth: Auth, status: int, printed: bytes) -> Key:
    if auth.kind in _LOOKED_UP:
        return _found(auth, printed)
    if status:
        raise _failed(auth, "CalledProcessError")
    return Key(_checked(auth, printed.decode("utf-8", "replace")), lifetime=auth.lifetime)


def _found(auth: Auth, printed: bytes) -> Key:
    """What ``lookup`` said."""
    try:
        said: dict[str, Any] = json.loads(printed)
    except ValueError as error:
        raise UsageError(f"{where_from(auth)} could not be looked up") from error
    if "error" in said:
        raise UsageError(f"{where_from(auth)} could not be had: {clean(str(said['error']), 300)}")
    if auth.kind == "aws":
        parts = [_checked(auth, said[name]) if said[name] else "" for name in ("access", "secret", "session")]
        return Key(aws=AwsKey(*parts), lifetime=said["lifetime"])
    return Key(_checked(auth, said["token"]), lifetime=said["lifetime"])


def _failed(auth: Auth, why: str) -> UsageError:
    return UsageError(f"the command that prints the API key ({clean(_command(auth)[0], 100)}) failed: {why}")


def _checked(auth: Auth, text: str) -> str:
    key = text.strip()
    if not key:
        raise UsageError(f"the API key from {where_from(auth)} is empty")
    if any(ord(character) < 32 or ord(character) > 126 for character in key):
        raise UsageError(f"the API key from {where_from(auth)} holds characters that can't go into a header")
    return key


def where_from(auth: Auth) -> str:
    """Where a key is looked for, in words; nothing of the key."""
    return {
        "env": f"${auth.source}",
        "file": auth.source,
        "command": f"command {auth.command[:1]}",
        "google": "Google's application default credentials",
        "aws": f"AWS credentials{f' of profile {auth.profile!r}' if auth.profile else ''}",
    }[auth.kind]


def _from_env(auth: Auth, environ: Mapping[str, str]) -> str:
    if auth.source not in environ:
        raise UsageError(f"the API key is to come from ${auth.source}, which is not set")
    return environ[auth.source]


def _from_file(auth: Auth) -> str:
    try:
        return Path(auth.source).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the API key can't be read from {auth.source}: {error}") from error


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
