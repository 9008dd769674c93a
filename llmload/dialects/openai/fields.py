"""What the fields of an OpenAI answer mean, the same for a chunk of a stream and for a whole document.

Everything here takes what a server really sends: fields missing, null, of another type, or nonsense.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from llmload.dialects.clean import clean_line
from llmload.dialects.pieces import Kind, Piece
from llmload.records import Answer, Usage

__all__ = ["Kind", "Piece", "choices_of", "count_of", "finish_reason", "index_of", "note_model", "pieces", "usage_of"]


_FIELDS: Final[Mapping[str, str]] = {
    "content": Kind.TEXT,
    "text": Kind.TEXT,
    "reasoning_content": Kind.REASONING,
    "reasoning": Kind.REASONING,
    "thinking": Kind.REASONING,
    "refusal": Kind.REFUSAL,
}
_REASONING_PARTS: Final = frozenset({"thinking", "reasoning"})
_CALL_FIELDS: Final = ("name", "arguments")
_TOKEN_LIMIT: Final = 1 << 40
"""A count of tokens above this is nonsense."""


def choices_of(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The choices that are objects."""
    choices = document.get("choices")
    if not isinstance(choices, list):
        return []
    return [choice for choice in choices if isinstance(choice, dict)]


def index_of(entry: Mapping[str, Any], default: int = 0) -> int:
    """The ``index`` of a choice or tool call."""
    index = entry.get("index")
    return index if isinstance(index, int) else default


def finish_reason(choice: Mapping[str, Any]) -> str | None:
    """Why the choice ended; None while it has not (absent, null or empty: servers differ)."""
    reason = choice.get("finish_reason")
    if isinstance(reason, dict):
        reason = reason.get("type")
    return clean_line(reason, 64) or None if isinstance(reason, str) else None


def note_model(document: Mapping[str, Any], answer: Answer) -> None:
    """Remember the model that answered: the first one named."""
    model = document.get("model")
    if model and not answer.model and isinstance(model, str):
        answer.model = clean_line(model, 200)


def pieces(choice: Mapping[str, Any]) -> list[Piece]:
    """Every non-empty string of content in a choice, chunked (``delta``), whole (``message``) or plain (``text``)."""
    found: list[Piece] = []
    text = choice.get("text")
    if text and isinstance(text, str):
        found.append(Piece(Kind.TEXT, "text", text))
    delta = choice.get("delta")
    if not isinstance(delta, dict):
        delta = choice.get("message")
    if isinstance(delta, dict):
        for name, value in delta.items():
            kind = _FIELDS.get(name)
            if not value:
                continue
            if kind is None:
                found.extend(_calls(name, value))
            elif isinstance(value, str):
                found.append(Piece(kind, name, value))
            elif isinstance(value, list):
                found.extend(_parts(kind, value))
    return found


def _calls(name: str, value: object) -> Iterator[Piece]:
    """Tool calls, and the single function call of before there were tools."""
    if name == "tool_calls" and isinstance(value, list):
        for position, call in enumerate(value):
            if isinstance(call, dict):
                yield from _call(call.get("function"), index_of(call, position))
    elif name == "function_call":
        yield from _call(value, 0)


def _parts(kind: str, parts: list[Any]) -> Iterator[Piece]:
    """Content as a list: strings, ``{"type": "text", "text": ...}``, ``{"type": "thinking", "thinking": [...]}``."""
    for part in parts:
        if isinstance(part, str) and part:
            yield Piece(kind, "", part)
        elif isinstance(part, dict):
            plain = Kind.REASONING if part.get("type") in _REASONING_PARTS else kind
            for name, special in _FIELDS.items():
                yield from _part_text(plain if special is Kind.TEXT else special, name, part.get(name))


def _part_text(kind: str, name: str, value: object) -> Iterator[Piece]:
    inner = value if isinstance(value, list) else [value]
    for entry in inner:
        text = entry.get("text") if isinstance(entry, dict) else entry
        if isinstance(text, str) and text:
            yield Piece(kind, name, text)


def _call(function: object, index: int) -> Iterator[Piece]:
    if not isinstance(function, dict):
        return
    for name in _CALL_FIELDS:
        value = function.get(name)
        if isinstance(value, str) and value:
            yield Piece(Kind.TOOL_CALL, name, value, index)
        elif isinstance(value, dict) and value:
            yield Piece(Kind.TOOL_CALL, "", "{}", index)


def usage_of(document: Mapping[str, Any], choices: list[dict[str, Any]]) -> Usage | None:
    """The token counts a document or chunk carries, at its top or in one of its choices; None when there are none.

    A count that is no count (negative, a bool, a string, absurdly large) is None.
    """
    usage = document.get("usage")
    found = _usage(usage) if usage else None
    if found is None:
        for choice in choices:
            if "usage" in choice:
                found = _usage(choice["usage"]) or found
    return found


def _usage(value: object) -> Usage | None:
    if not isinstance(value, dict):
        return None
    usage = Usage(
        input=count_of(value, "prompt_tokens"),
        output=count_of(value, "completion_tokens"),
        cached=count_of(value.get("prompt_tokens_details"), "cached_tokens"),
        reasoning=count_of(value.get("completion_tokens_details"), "reasoning_tokens"),
    )
    return None if usage == _NO_USAGE else usage


_NO_USAGE: Final = Usage()


def count_of(fields: object, name: str) -> int | None:
    """A count of tokens among ``fields``; None where there is none that makes sense."""
    count = fields.get(name) if isinstance(fields, dict) else None
    return count if type(count) is int and 0 <= count < _TOKEN_LIMIT else None
