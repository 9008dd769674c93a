"""Pieces of Markdown made of text that others wrote: no such text can be taken for markup, a link or a mention.

Theory of operation. In a code span nothing is markup (CommonMark 0.31, section 6.1), so names and samples stand in one.
In prose, characters that could begin markup are escaped (section 2.4), and "&" and "<" are entities. Hosts look for
mentions, issues and bare addresses after all that, in the text itself: a zero-width space takes these apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from llmload.safe import clean

__all__ = ["code", "prose", "table"]

_ZERO_WIDTH: Final = "\u200b"
_MARKUP: Final = re.compile(r"([\\`*_\[\]>|~$])")
_LINKED: Final = re.compile(r"(?<=[@#])(?=\S)|(?<=:)(?=//)|(?<=\bwww)(?=\.)|(?<=\bGH)(?=-)", re.IGNORECASE)
_TICKS: Final = re.compile(r"`+")


def prose(text: str, limit: int = 300) -> str:
    """One line of text that means what it says."""
    escaped = _MARKUP.sub(r"\\\1", clean(text, limit)).replace("&", "&amp;").replace("<", "&lt;")
    return _LINKED.sub(_ZERO_WIDTH, escaped.replace("#", "\\#"))


def code(text: str, limit: int = 120) -> str:
    """A code span that fits into a cell of a table; nothing for an empty text."""
    cleaned = clean(text, limit)
    if not cleaned:
        return ""
    fence = "`" * (max((len(ticks) for ticks in _TICKS.findall(cleaned)), default=0) + 1)
    pad = " " if cleaned.startswith("`") or cleaned.endswith("`") else ""
    # GFM cuts a row into cells before it looks for code spans: it takes the backslash before a bar away, but not one
    # that follows a backslash.
    inside = cleaned.replace("\\|", f"\\{_ZERO_WIDTH}|").replace("|", "\\|")
    return f"{fence}{pad}{inside}{pad}{fence}"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], texts: int = 1) -> Iterator[str]:
    """A table whose first ``texts`` columns are text and the others figures. Cells are Markdown already."""
    yield f"| {' | '.join(columns)} |"
    yield f"|{' :--- |' * texts}{' ---: |' * (len(columns) - texts)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)
