"""What the fields of a message mean, the same for the events of a stream and for a whole message.

Everything here takes what a server really sends: fields missing, null, of another type, or nonsense.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from llmload.dialects.clean import clean_line
from llmload.dialects.openai.fields import count_of
from llmload.dialects.pieces import Kind, Piece
from llmload.records import Usage

__all__ = ["block_pieces", "counts_of", "delta_piece", "stop_reason", "usage_of"]

_DELTAS: Final[Mapping[str, tuple[str, str]]] = {
    "text_delta": (Kind.TEXT, "text"),
    "thinking_delta": (Kind.REASONING, "thinking"),
    "input_json_delta": (Kind.TOOL_CALL, "partial_json"),
}
"""Types of delta that carry content: what it is, and where it stands."""
_BLOCKS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "text": ((Kind.TEXT, "text"),),
    "thinking": ((Kind.REASONING, "thinking"),),
    "redacted_thinking": ((Kind.REASONING, "data"),),
    "tool_use": ((Kind.TOOL_CALL, "name"),),
    "server_tool_use": ((Kind.TOOL_CALL, "name"),),
    "mcp_tool_use": ((Kind.TOOL_CALL, "name"),),
}
"""The same for blocks, as they begin and as a whole."""
_INPUTS: Final = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
"""Together they are the prompt: the first leaves out what went into the cache or came from it."""


def delta_piece(delta: object, index: int) -> Piece | None:
    """The content of the ``delta`` of a block, None if it has none (a signature, a citation)."""
    kind = delta.get("type") if isinstance(delta, dict) else None
    if not isinstance(delta, dict) or not isinstance(kind, str) or kind not in _DELTAS:
        return None
    what, name = _DELTAS[kind]
    text = delta.get(name)
    return Piece(what, name, text, index) if isinstance(text, str) and text else None


def block_pieces(block: object, index: int) -> list[Piece]:
    """The content of a block."""
    kind = block.get("type") if isinstance(block, dict) else None
    if not isinstance(block, dict) or not isinstance(kind, str):
        return []
    found = [(what, name, block.get(name)) for what, name in _BLOCKS.get(kind, ())]
    return [Piece(what, name, text, index) for what, name, text in found if isinstance(text, str) and text]


def stop_reason(message: object) -> str | None:
    """Why the message ended; None while it has not."""
    reason = message.get("stop_reason") if isinstance(message, dict) else None
    return clean_line(reason, 64) or None if isinstance(reason, str) else None


def counts_of(usage: object, *names: str) -> dict[str, int]:
    """The counts of tokens in a ``usage``; ``names``: those wanted, all if none is named."""
    found = ((name, count_of(usage, name)) for name in names or (*_INPUTS, "output_tokens"))
    return {name: count for name, count in found if count is not None}


def usage_of(counts: Mapping[str, Any]) -> Usage | None:
    """``counts`` in our terms; None where there are none."""
    if not counts:
        return None
    inputs = [counts[name] for name in _INPUTS if name in counts]
    return Usage(
        input=sum(inputs) if inputs else None,
        output=counts.get("output_tokens"),
        cached=counts.get("cache_read_input_tokens"),
    )
