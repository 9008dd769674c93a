"""A whole response, and what its fields mean: the same inside the last event of a stream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from llmload.dialects.clean import clean_line
from llmload.dialects.error_body import describe_error, reported_error
from llmload.dialects.json_body import JsonBody
from llmload.dialects.kept import KeptText
from llmload.dialects.openai.fields import Kind, Piece, count_of, note_model
from llmload.records import Answer, Usage

__all__ = ["ResponseReader", "conclude", "contents"]

_PARTS: Final[Mapping[str, str]] = {
    "output_text": Kind.TEXT,
    "text": Kind.TEXT,
    "refusal": Kind.REFUSAL,
    "reasoning_text": Kind.REASONING,
    "summary_text": Kind.REASONING,
}
"""What the parts of an item are; the text is in ``text``, or under the part's own name."""
_OPEN: Final = frozenset({"in_progress", "queued"})
_BROKEN: Final = frozenset({"failed", "cancelled"})
_NO_USAGE: Final = Usage()


def conclude(response: Mapping[str, Any], answer: Answer) -> None:
    """Note model, usage and how it ended: ``status``, or the reason for which the answer is incomplete."""
    note_model(response, answer)
    answer.usage = _usage(response.get("usage")) or answer.usage
    status = response.get("status")
    if not isinstance(status, str) or not status or status in _OPEN:
        return
    details = response.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, dict) else None
    answer.finish = clean_line(reason if isinstance(reason, str) and reason else status, 64) or None
    answer.choices_finished = int(answer.finish is not None)
    if status in _BROKEN and answer.error is None:
        error = response.get("error")
        answer.error = describe_error(error) if error else f"the response has the status {status!r}"


def contents(response: Mapping[str, Any]) -> Iterator[Piece]:
    """Every non-empty string of content in ``output``; ``call`` is the place of the item that is a call of a tool."""
    output = response.get("output")
    for place, item in enumerate(output if isinstance(output, list) else ()):
        if not isinstance(item, dict):
            continue
        for name in ("arguments", "input") if is_call(item) else ():
            value = item.get(name)
            if isinstance(value, str):
                yield Piece(Kind.TOOL_CALL, name, value, place)
        for name in ("content", "summary"):
            parts = item.get(name)
            for part in parts if isinstance(parts, list) else ():
                yield from _part(part)


def is_call(item: Mapping[str, Any]) -> bool:
    """Whether an item is a call of a tool: ``function_call``, ``mcp_call``, ``web_search_call`` ..."""
    kind = item.get("type")
    return isinstance(kind, str) and kind.endswith("_call")


def _part(part: object) -> Iterator[Piece]:
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(part, dict) or not isinstance(kind, str) or kind not in _PARTS:
        return
    text = part.get("text") or part.get(kind)
    if isinstance(text, str) and text:
        yield Piece(_PARTS[kind], "text", text)


def _usage(value: object) -> Usage | None:
    if not isinstance(value, dict):
        return None
    usage = Usage(
        input=count_of(value, "input_tokens"),
        output=count_of(value, "output_tokens"),
        cached=count_of(value.get("input_tokens_details"), "cached_tokens"),
        reasoning=count_of(value.get("output_tokens_details"), "reasoning_tokens"),
    )
    return None if usage == _NO_USAGE else usage


class ResponseReader(JsonBody):
    """``answer.items`` counts the items of the output."""

    __slots__ = ()

    def _read(self, document: dict[str, Any], t: int) -> bool:
        answer = self._answer
        conclude(document, answer)
        answer.error = answer.error or reported_error(document)
        output = document.get("output")
        if not isinstance(output, list):
            return False
        kept = KeptText.of(answer)
        for piece in contents(document):
            if kept is not None and piece.kind is Kind.TEXT:
                kept.add(piece.text)
        answer.items = len(output)
        answer.tool_calls = sum(1 for item in output if isinstance(item, dict) and is_call(item))
        return True
