"""How a report for people may look: how wide, with colours or not, with signs beyond ASCII or not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TextIO

__all__ = ["ASCII_SIGNS", "Style", "style_for"]

_NARROWEST: Final = 60
_WIDEST: Final = 140
_PLAIN_WIDTH: Final = 80

ASCII_SIGNS: Final = str.maketrans("–·…µ×≥", "--~ux>")
"""What stands in for our own signs where the encoding is not Unicode, one column each."""


@dataclass(frozen=True, slots=True)
class Style:
    """``width`` in columns; ``height`` in lines, of a terminal, 0 where there is none."""

    width: int = _PLAIN_WIDTH
    color: bool = False
    unicode: bool = True
    height: int = 0


def style_for(stream: TextIO | None, width: int = 0, environ: Mapping[str, str] | None = None) -> Style:
    """The style that suits ``stream`` (None: a file): colours on a terminal only and never with NO_COLOR set, the
    terminal's width unless ``width`` says otherwise, signs as the stream's encoding allows."""
    env = os.environ if environ is None else environ
    terminal = stream is not None and stream.isatty()
    color = terminal and not env.get("NO_COLOR") and env.get("TERM") != "dumb"
    columns, rows = shutil.get_terminal_size((_PLAIN_WIDTH, 24)) if terminal else (_PLAIN_WIDTH, 0)
    return Style(width or max(_NARROWEST, min(columns, _WIDEST)), color, stream is None or _unicode(stream), rows)


def _unicode(stream: TextIO) -> bool:
    try:
        "✓✗–·…µ×≥".encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
