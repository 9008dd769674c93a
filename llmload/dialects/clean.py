"""Server text made safe to print, log and group by: it is hostile until it has been through here."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from llmload.safe import clean

__all__ = ["LINE_LIMIT", "clean_line"]

LINE_LIMIT: Final = 300
"""Most characters of server text in one line of ours."""

# ASCII: what is written without spaces ("密钥sk-...无效") ends a word all the same.
_SECRETS: Final = re.compile(r"(?ia)\b(sk-|bearer\s+)(?=[\w.~+/*-]{8})[\w.~+/*=-]+")


def clean_line(text: str, limit: int = LINE_LIMIT) -> str:
    """``text`` as one line of at most ``limit`` characters.

    Terminal escapes go; whatever else doesn't print (C0, C1, DEL, line separators, direction overrides) and runs
    of space become one space; what looks like an API key, which some servers repeat in their errors, is masked.
    """
    return _remembered(text, limit) if len(text) <= LINE_LIMIT else _cleaned(text, limit)


def _cleaned(text: str, limit: int) -> str:
    return clean(_SECRETS.sub(r"\1[hidden]", clean(text, 8 * limit)), limit)


_remembered = lru_cache(maxsize=512)(_cleaned)
"""Model names, content types and finish reasons come again with every answer."""
