"""Text that others wrote (servers, result files), made fit for a terminal."""

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
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Controls, format characters (bidirectional overrides, zero width), surrogates, unassigned, separators."""


_LONGEST: Final = 1 << 16
"""No more than this is even looked at."""


def clean(text: str, limit: int = 300) -> str:
    """``text`` on one line of at most ``limit`` characters: escape sequences, control and invisible characters
    removed, runs of white space (newlines too) made one space, what was cut marked with "…"."""
    bare = _ESCAPES.sub(" ", text[:_LONGEST])
    seen = " ".join("".join(char for char in bare if char.isspace() or _visible(char)).split())
    if len(seen) > limit or len(text) > _LONGEST:
        return seen[: limit - 1].rstrip() + "…"
    return seen


def _visible(char: str) -> bool:
    return unicodedata.category(char) not in _INVISIBLE
