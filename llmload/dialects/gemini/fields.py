"""What the fields of a ``GenerateContentResponse`` mean, the same for each of a stream and for a whole one.

Everything here takes what a server really sends: fields missing, null, of another type, or nonsense.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from llmload.dialects.clean import clean_line
from llmload.dialects.error_body import reported_error
from llmload.dialects.intake import Intake
from llmload.dialects.openai.fields import count_of, index_of
from llmload.dialects.pieces import Kind, Piece
from llmload.records import Answer, Usage

__all__ = ["FAILED_FINISH", "candidates_of", "finish_reason", "pieces", "single", "take", "usage_of"]

FAILED_FINISH: Final = frozenset(
    {"MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "OTHER"}
)
"""Finish reasons with which the service gives up on an answer. Filters (SAFETY ...) are no failure of its."""
_UNFINISHED: Final = frozenset({"", "FINISH_REASON_UNSPECIFIED"})
_NO_USAGE: Final = Usage()


def candidates_of(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The candidates that are objects."""
    candidates = document.get("candidates")
    return [one for one in candidates if isinstance(one, dict)] if isinstance(candidates, list) else []


def finish_reason(candidate: Mapping[str, Any]) -> str | None:
    """Why the candidate ended; None while it has not."""
    reason = candidate.get("finishReason")
    if not isinstance(reason, str) or reason in _UNFINISHED:
        return None
    return clean_line(reason, 64) or None


def pieces(candidate: Mapping[str, Any], calls: int = 0) -> list[Piece]:
    """Every non-empty string of content; ``calls``: how many calls of tools came before, for each is whole here."""
    content = candidate.get("content")
    parts = content.get("parts") if isinstance(content, dict) else None
    found: list[Piece] = []
    for part in parts if isinstance(parts, list) else ():
        if not isinstance(part, dict):
            continue
        text, called = part.get("text"), part.get("functionCall")
        if isinstance(text, str) and text:
            found.append(Piece(Kind.REASONING if part.get("thought") is True else Kind.TEXT, "text", text))
        elif isinstance(called, dict) and isinstance(called.get("name"), str) and called["name"]:
            found.append(Piece(Kind.TOOL_CALL, "name", called["name"], calls))
            calls += 1
    return found


def usage_of(value: object) -> Usage | None:
    """The token counts of a ``usageMetadata``. Thoughts are apart from the candidates there, and part of the output
    here."""
    if not isinstance(value, dict):
        return None
    said, thought = count_of(value, "candidatesTokenCount"), count_of(value, "thoughtsTokenCount")
    usage = Usage(
        input=_sum(count_of(value, "promptTokenCount"), count_of(value, "toolUsePromptTokenCount")),
        output=_sum(said, thought),
        cached=count_of(value, "cachedContentTokenCount"),
        reasoning=thought,
    )
    return None if usage == _NO_USAGE else usage


def take(document: Mapping[str, Any], intake: Intake, t: int) -> bool:
    """Take one response, or one of a stream of them; whether there was content."""
    answer = intake.answer
    _note_model(document, answer)
    error = reported_error(document)
    if error is not None:
        intake.fail(error)
    answer.usage = _later(answer.usage, usage_of(document.get("usageMetadata")))
    candidates = candidates_of(document)
    some = False
    for candidate in candidates:
        found = pieces(candidate, answer.tool_calls)
        some |= intake.choice(index_of(candidate), found, finish_reason(candidate), t)
    blocked = _block_reason(document)
    if blocked and not candidates:
        intake.fail(f"the prompt was blocked: {blocked}")
    return some


def single(document: Mapping[str, Any]) -> Piece | None:
    """The content of a response that holds one text and nothing that ends or counts anything."""
    candidates = candidates_of(document)
    if len(candidates) != 1 or finish_reason(candidates[0]) is not None:
        return None
    if "usageMetadata" in document or reported_error(document) is not None:
        return None
    found = pieces(candidates[0])
    return found[0] if len(found) == 1 and found[0].kind is not Kind.TOOL_CALL else None


def _note_model(document: Mapping[str, Any], answer: Answer) -> None:
    model = document.get("modelVersion")
    if model and not answer.model and isinstance(model, str):
        answer.model = clean_line(model, 200)


def _block_reason(document: Mapping[str, Any]) -> str:
    feedback = document.get("promptFeedback")
    reason = feedback.get("blockReason") if isinstance(feedback, dict) else None
    return clean_line(reason, 64) if isinstance(reason, str) else ""


def _later(before: Usage | None, now: Usage | None) -> Usage | None:
    """Counts are cumulative: they only ever grow, and one that is missing is what it was."""
    if before is None or now is None:
        return now or before
    return Usage(
        _most(before.input, now.input),
        _most(before.output, now.output),
        _most(before.cached, now.cached),
        _most(before.reasoning, now.reasoning),
    )


def _most(*counts: int | None) -> int | None:
    return max((count for count in counts if count is not None), default=None)


def _sum(*counts: int | None) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
