"""Call -> request bytes; response bytes -> Answer. One file or folder per wire format. Pure.

A new dialect is a class that fulfils ``Dialect``, its ``DialectKind`` in ``DIALECTS`` and samples of what its servers
send.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from llmload.dialects import (
    anthropic,
    azure_openai,
    bedrock,
    cohere,
    gemini,
    http,
    ollama,
    openai,
    openai_realtime,
    openai_responses,
    websocket,
)
from llmload.dialects.base import Dialect, DialectKind, Reader
from llmload.dialects.outcome import classify
from llmload.errors import UsageError

__all__ = ["DIALECTS", "Dialect", "DialectKind", "Reader", "classify", "dialect"]

_KINDS: Final = (
    openai.KIND,
    openai_responses.KIND,
    openai_realtime.KIND,
    azure_openai.KIND,
    anthropic.KIND,
    gemini.KIND,
    gemini.VERTEX,
    bedrock.KIND,
    cohere.KIND,
    ollama.KIND,
    http.KIND,
    websocket.KIND,
)

DIALECTS: Final[Mapping[str, DialectKind]] = {kind.name: kind for kind in _KINDS}


def dialect(name: str, options: Mapping[str, str] = MappingProxyType({})) -> Dialect:
    """The dialect of that name, as a target with these options speaks it.

    UsageError: there is none; the message says which there are.
    """
    found = DIALECTS.get(name)
    if found is None:
        near = difflib.get_close_matches(name.lower(), DIALECTS, n=1)
        guess = f"did you mean {near[0]!r}? " if near else ""
        raise UsageError(f"unknown dialect {name!r}: {guess}known: {', '.join(sorted(DIALECTS))}")
    return found.make(options)
