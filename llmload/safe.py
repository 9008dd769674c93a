"""Text that others wrote (servers, result files), made fit for a terminal, a log and a report: it is hostile until it
has been through here."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

__all__ = ["clean"]

_ESCAPES: Final = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # CSI: colours, cursor, modes
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # OSC, DCS and their like
    r"|\x1b[ -/]*[0-~]?"
)
_LONGEST: Final = 1 << 16
"""No more than this is even looked at."""


def clean(text: str, limit: int = 300) -> str:
    """``text`` on one line of at most ``limit`` characters: no escape sequences, control characters or bidirectional
    marks; runs of white space (newlines too) are one space; what was cut is marked with "…"."""
    if len(text) <= limit and text.isprintable():
        return " ".join(text.split())
    bare = _ESCAPES.sub(" ", text[:_LONGEST])
    seen = " ".join("".join(map(_shown, bare)).split())
    if len(seen) > limit or len(text) > _LONGEST:
        return seen[: limit - 1].rstrip() + "…"
    return seen


def _shown(char: str) -> str:
    """The character; a space for one that separates or controls, nothing for one that only changes how others look."""
    if char.isprintable():
        return char
    return "" if unicodedata.category(char) == "Cf" else " "
