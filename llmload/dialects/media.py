"""Content types: what a response body is by its own word."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from llmload.dialects.clean import clean_line

__all__ = ["body_kind"]

_BY_TYPE: Final[tuple[tuple[str, bool], ...]] = (
    ("text/event-stream", True),
    ("ndjson", True),
    ("jsonl", True),
    ("json", False),
    ("text/html", False),
)
"""(part of a content type, whether it is a stream); what is not listed says nothing, so what was asked for counts."""


@lru_cache(maxsize=64)
def body_kind(content_type: str, asked: bool) -> tuple[str, bool]:
    """The type as it is noted, and whether the body is a stream; ``asked``: whether one was asked for."""
    noted = clean_line(content_type.partition(";")[0].lower(), 100)
    return noted, next((stream for part, stream in _BY_TYPE if part in noted), asked)
