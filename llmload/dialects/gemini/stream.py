"""Streams of responses: as server-sent events, and as one JSON array that grows."""

from __future__ import annotations

from typing import Any

import orjson

from llmload.dialects.event_stream import EventStream
from llmload.dialects.gemini.document import DocumentReader
from llmload.dialects.gemini.fields import FAILED_FINISH, single, take
from llmload.dialects.intake import Intake
from llmload.dialects.pieces import Piece
from llmload.records import Answer, Api
from llmload.wire.json_array import JsonArrayDecoder

__all__ = ["ArrayStream", "ResponseStream"]


class ResponseStream(EventStream):
    """Fills an Answer from events, each a response. There is no end mark."""

    __slots__ = ()

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer, FAILED_FINISH)

    def _chunk(self, document: dict[str, Any], t: int) -> None:
        if take(document, self._intake, t):
            self._stamps.append(t)

    @staticmethod
    def _single(document: Any) -> Piece | None:
        return single(document)


class ArrayStream:
    """Fills an Answer from an array of responses, or from a single one that came in its place."""

    __slots__ = ("_answer", "_decoder", "_document", "_intake")

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._intake = Intake(answer, FAILED_FINISH)
        self._decoder: JsonArrayDecoder | None = None
        self._document: DocumentReader | None = None

    def feed(self, data: bytes, t: int) -> None:
        """Take one read. DecodeError: a response is too long."""
        if self._decoder is None and self._document is None:
            data = data.lstrip()
            if not data:
                return
            if data.startswith(b"["):
                self._decoder = JsonArrayDecoder()
            else:
                self._document = DocumentReader(Api.CHAT, self._answer)
        if self._document is not None:
            self._document.feed(data, t)
        elif self._decoder is not None:
            for entry in self._decoder.feed(data):
                self._entry(entry, t)
            self._answer.ended = self._decoder.done

    def template(self) -> None:
        """See Reader: there is none."""

    def close(self, t: int) -> None:
        """What is not complete is dropped."""
        if self._document is not None:
            self._document.close(t)

    def _entry(self, entry: bytes, t: int) -> None:
        answer = self._answer
        answer.events += 1
        if not answer.first_event:
            answer.first_event = t
        try:
            document = orjson.loads(entry)
        except orjson.JSONDecodeError:
            document = None
        if not isinstance(document, dict):
            answer.malformed += 1
        elif take(document, self._intake, t):
            answer.stamps.append(t)
