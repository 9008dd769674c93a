"""Call -> request bytes; response bytes -> Answer. One file or folder per wire format. Pure.

A new dialect is a class that fulfils ``Dialect``, a line in ``DIALECTS`` and samples of what its servers send.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Final

from llmload.dialects.base import Dialect, Reader
from llmload.dialects.openai import OpenAi
from llmload.dialects.outcome import classify
from llmload.errors import UsageError

__all__ = ["DIALECTS", "Dialect", "Reader", "classify", "dialect"]

DIALECTS: Final[Mapping[str, Dialect]] = {"openai": OpenAi()}


def dialect(name: str) -> Dialect:
    """The dialect of that name. UsageError: there is none; the message says which there are."""
    found = DIALECTS.get(name)
    if found is None:
        near = difflib.get_close_matches(name.lower(), DIALECTS, n=1)
        guess = f"did you mean {near[0]!r}? " if near else ""
        raise UsageError(f"unknown dialect {name!r}: {guess}known: {', '.join(sorted(DIALECTS))}")
    return found
