"""Answers as server-sent events of JSON, in whatever dialect.

The way through ``feed`` is the hottest of the program: tens of thousands of reads a second, most of them one
content chunk. Those are matched against a Template (see ``llmload.dialects.template`` for why that is exact) and leave
nothing behind but their time stamp. Everything else is decoded, parsed and looked at field by field.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from llmload.dialects.error_body import describe_error_body
from llmload.dialects.intake import Intake
from llmload.dialects.kept import KeptText
from llmload.dialects.pieces import Kind, Piece
from llmload.dialects.template import NO_TEMPLATE, Template, learn, strings
from llmload.records import Answer
from llmload.wire.sse import SSE_LIMIT, SseDecoder

__all__ = ["EventStream"]

_DONE: Final = b"[DONE]"
_PATIENCE: Final = 256
"""Most content events parsed between two attempts at a template."""


class EventStream:
    """Fills an Answer from an event stream; a dialect says what its events mean (``_chunk``, ``_single``).

    ``[DONE]`` sets ``answer.ended`` and is proof of nothing else.
    """

    __slots__ = (
        "_answer", "_intake", "_keeps", "_learned_at", "_missed", "_patience", "_sse", "_stamps", "_template",
    )  # fmt: skip

    def __init__(self, answer: Answer, failed: frozenset[str] = frozenset()) -> None:
        self._answer = answer
        self._stamps = answer.stamps
        self._intake = Intake(answer, failed)
        self._sse = SseDecoder()
        self._template = NO_TEMPLATE
        self._keeps: KeptText | None = None
        """Where the strings of the template go."""
        self._learned_at = 0
        self._missed = 0
        self._patience = 1

    def _chunk(self, document: dict[str, Any], t: int) -> None:
        """Take one event; a stamp for it if it holds content."""
        raise NotImplementedError

    @staticmethod
    def _single(document: Any) -> Piece | None:
        """The content of an event that holds one string of it and nothing that ends or counts anything."""
        raise NotImplementedError

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
            learnable = (kind, event, document) if len(self._stamps) > before else None
        if learnable is not None and self._sse.idle:
            self._learn(data, *learnable)

    def _event(self, kind: bytes, event: bytes, t: int) -> dict[str, Any] | None:
        """Take one event; what it parsed to when it is an ordinary chunk."""
        answer = self._answer
        answer.events += 1
        if not answer.first_event:
            answer.first_event = t
        if kind == b"error":
            self._intake.fail(describe_error_body(event) or "an error event without data")
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

    def _learn(self, read: bytes, kind: bytes, event: bytes, document: dict[str, Any] | None) -> None:
        """Make a template of an event that went the slow way; ever more rarely while that brings nothing."""
        self._missed += 1
        matched = len(self._stamps) - self._learned_at - self._missed
        if matched > 0:
            self._patience = 1
        if self._missed < self._patience:
            return
        piece = self._single(document)
        template = learn(read, event, piece.field, piece.text, self._single_text, kind) if piece else NO_TEMPLATE
        if piece and template is not NO_TEMPLATE:
            self._template = template
            self._keeps = self._intake.kept if piece.kind is Kind.TEXT else None
        self._learned_at, self._missed = len(self._stamps), 0
        self._patience = min(2 * self._patience, _PATIENCE)

    def _single_text(self, document: Any) -> str | None:
        piece = self._single(document)
        return piece.text if piece else None
