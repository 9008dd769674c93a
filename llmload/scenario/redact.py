"""What must not leave a scenario: credentials in headers, parameters, URLs, and values that came from
environment variables named like credentials."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection
from typing import Any, Final

from llmload.errors import Problem

__all__ = ["MASK", "MIN_SECRET", "names_credential", "redact_problem", "redacted"]

MASK: Final = "***"
MIN_SECRET: Final = 4
"""Characters; masking shorter values would mask half of the scenario."""

_CREDENTIAL: Final = re.compile(
    r"(api|access|auth|secret|private|subscription)[-_.]?key|token$|secret|passw|pwd|authorization"
    r"|credential|cookie|signature|bearer|^key$",
    re.IGNORECASE,
)
_KEY: Final = re.compile(r"[-_.]key$", re.IGNORECASE)
_USERINFO: Final = re.compile(r"(?<=://)[^/@\s]+(?=@)")


def names_credential(name: str) -> bool:
    """Whether a header or an environment variable of this name probably holds a credential."""
    return bool(_CREDENTIAL.search(name) or _KEY.search(name))


def redacted(value: Any, secrets: Collection[str], inside: str = "", key: str = "") -> Any:
    """``value`` with credentials masked. ``inside`` is the table it is in, ``key`` its own name."""
    if isinstance(value, dict) and inside == "sim" and key == "keys":
        return {f"{MASK}{number}": item for number, item in enumerate(value.values(), 1)}
    if isinstance(value, dict):
        return {name: redacted(item, secrets, inside=key, key=name) for name, item in value.items()}
    if isinstance(value, list):
        return [redacted(item, secrets, inside, key) for item in value]
    if not isinstance(value, str):
        return value
    hides = names_credential if inside == "headers" else _CREDENTIAL.search if inside == "params" else None
    return MASK if hides and hides(key) else _masked(_USERINFO.sub(MASK, value), secrets)


def redact_problem(problem: Problem, secrets: Collection[str]) -> Problem:
    """The problem without any secret that its text may quote."""
    if not secrets:
        return problem
    return dataclasses.replace(problem, what=_masked(problem.what, secrets), hint=_masked(problem.hint, secrets))


def _masked(text: str, secrets: Collection[str]) -> str:
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text
