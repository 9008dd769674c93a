"""Chat and completions as server-sent events.

The way through ``feed`` is the hottest of the program: tens of thousands of reads a second, most of them one
content chunk. Those are matched against a Template (see ``llmload.dialects.template`` for why that is exact) and leave
nothing behind but their time stamp. Everything else is decoded, parsed and looked at field by field.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from llmload.dialects.error_body import describe_error_body, reported_error
from llmload.dialects.kept import KeptText
from llmload.dialects.openai import fields
from llmload.dialects.openai.fields import Kind, Piece
from llmload.dialects.template import NO_TEMPLATE, Template, learn, strings
from llmload.records import Answer
from llmload.wire.sse import SSE_LIMIT, SseDecoder

__all__ = ["StreamReader"]

_DONE: Final = b"[DONE]"
_FAILED_FINISH: Final = frozenset({"error", "abort"})
"""Finish reasons with which servers give up on an answer."""
_MOST: Final = 1024
"""Choices and tool calls told apart in one stream."""
_PATIENCE: Final = 256
"""Most content events parsed between two attempts at a template."""


def _single(document: Any) -> Piece | None:
    """The content of a chunk that holds one string of it and nothing that ends or counts anything."""
    choices = fields.choices_of(document)
    if len(choices) != 1 or fields.finish_reason(choices[0]) is not None:
        return None
    if fields.usage_of(document, choices) is not None or reported_error(document) is not None:
        return None
    found = fields.pieces(choices[0])
    return found[0] if len(found) == 1 else None


def _single_text(document: Any) -> str | None:
    piece = _single(document)
    return piece.text if piece else None


class StreamReader:
    """Fills an Answer from an event stream.

    ``answer.finish`` is set once every choice that produced anything has its finish reason; ``[DONE]`` sets
    ``answer.ended`` and is proof of nothing else.
    """

    __slots__ = (
        "_answer", "_calls", "_finished", "_keeps", "_kept", "_learned_at", "_missed", "_patience", "_produced",
        "_sse", "_stamps", "_template",
    )  # fmt: skip

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._stamps = answer.stamps
        self._kept = KeptText.of(answer)
        self._sse = SseDecoder()
        self._produced: set[int] = set()
        self._finished: set[int] = set()
        self._calls: set[tuple[int, int]] = set()
        self._template = NO_TEMPLATE
        self._keeps: KeptText | None = None
        """Where the strings of the template go."""
        self._learned_at = 0
        self._missed = 0
        self._patience = 1

    def feed(self, data: bytes, t: int) -> None:
        """Take one read. DecodeError: an event is too long."""
        head, tail, frame, quoted = self._template
        inner = data.removeprefix(head).removesuffix(tail)
        if inner and len(inner) + frame == len(data) <= SSE_LIMIT and self._sse.idle:
            if b"\n" in inner:  # which no JSON string holds: several events
                if self._several(inner, t):
                    return
            elif self._one(data[quoted], t):
                return
        self._parse(data, t)

    def template(self) -> Template | None:
        """See Reader; None as well where the text is to be kept."""
        usable = self._template is not NO_TEMPLATE and self._keeps is None and self._sse.idle
        return self._template if usable else None

    def close(self, t: int) -> None:
        """Nothing more: an event without its end is dropped, as the standard says."""

    def _one(self, quoted: bytes, t: int) -> bool:
        """Take an event of the template whose string, with its quotes, this may be; False if it is none."""
        try:
            text = orjson.loads(quoted)
        except orjson.JSONDecodeError:
            return False
        self._stamps.append(t)
        self._answer.events += 1
        if self._keeps is not None:
            self._keeps.add(text)
        return True

    def _several(self, inner: bytes, t: int) -> bool:
        """Take a read that is a run of several events of the template; False if it is not."""
        texts = strings(inner, self._template)
        self._stamps.extend([t] * len(texts))
        self._answer.events += len(texts)
        if self._keeps is not None:
            for text in texts:
                self._keeps.add(text)
        return bool(texts)

    def _parse(self, data: bytes, t: int) -> None:
        learnable = None
        for kind, event in self._sse.feed(data):
            before = len(self._stamps)
            document = self._event(kind, event, t)
            learnable = (event, document) if len(self._stamps) > before else None
        if learnable is not None and self._sse.idle:
            self._learn(data, *learnable)

    def _event(self, kind: bytes, event: bytes, t: int) -> dict[str, Any] | None:
        """Take one event; what it parsed to when it is an ordinary chunk."""
        answer = self._answer
        answer.events += 1
        if not answer.first_event:
            answer.first_event = t
        if kind == b"error":
            self._fail(describe_error_body(event) or "an error event without data")
            return None
        content = event.strip()
        if not content:
            return None
        if content == _DONE:
            answer.ended = True
            return None
        try:
            document = orjson.loads(event)
        except orjson.JSONDecodeError:
            document = None
        if not isinstance(document, dict):
            answer.malformed += 1
            return None
        self._chunk(document, t)
        return document

    def _chunk(self, document: dict[str, Any], t: int) -> None:
        answer = self._answer
        fields.note_model(document, answer)
        error = reported_error(document)
        if error is not None:
            self._fail(error)
        choices = fields.choices_of(document)
        usage = fields.usage_of(document, choices)
        if usage is not None and (answer.usage is None or usage.input or usage.output):
            answer.usage = usage
        some = False
        for choice in choices:
            some |= self._choice(choice, t)
        if some:
            self._stamps.append(t)

    def _choice(self, choice: dict[str, Any], t: int) -> bool:
        """Take one choice of a chunk; whether it holds content."""
        found = fields.pieces(choice)
        index = fields.index_of(choice)
        if found and len(self._produced) < _MOST:
            self._produced.add(index)
        for piece in found:
            self._piece(piece, index, t)
        reason = fields.finish_reason(choice)
        if reason is not None:
            self._finish(index, reason)
        if self._finished and not self._finished >= self._produced:
            self._answer.finish = None
        return bool(found)

    def _piece(self, piece: Piece, index: int, t: int) -> None:
        answer = self._answer
        if piece.kind is not Kind.REASONING and not answer.first_output:
            answer.first_output = t
        if piece.kind is Kind.TOOL_CALL and len(self._calls) < _MOST:
            self._calls.add((index, piece.call))
            answer.tool_calls = len(self._calls)
        if piece.kind is Kind.TEXT and self._kept is not None:
            self._kept.add(piece.text)

    def _finish(self, index: int, reason: str) -> None:
        if len(self._finished) < _MOST:
            self._finished.add(index)
        self._answer.choices_finished = len(self._finished)
        if self._finished >= self._produced:
            self._answer.finish = reason
        if reason in _FAILED_FINISH:
            self._fail(f"the answer ended with finish reason {reason!r}")

    def _fail(self, error: str) -> None:
        """The first error is the cause; what follows it is not kept."""
        if self._answer.error is None:
            self._answer.error = error

    def _learn(self, read: bytes, event: bytes, document: dict[str, Any] | None) -> None:
        """Make a template of an event that went the slow way; ever more rarely while that brings nothing."""
        self._missed += 1
        matched = len(self._stamps) - self._learned_at - self._missed
        if matched > 0:
            self._patience = 1
        if self._missed < self._patience:
            return
        piece = _single(document)
        template = learn(read, event, piece.field, piece.text, _single_text) if piece else NO_TEMPLATE
        if piece and template is not NO_TEMPLATE:
            self._template = template
            self._keeps = self._kept if piece.kind is Kind.TEXT else None
        self._learned_at, self._missed = len(self._stamps), 0
        self._patience = min(2 * self._patience, _PATIENCE)
