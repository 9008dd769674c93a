"""OpenAI's Realtime API, as text: the events of a response, each a line, and errors as events.

A session (``llmload.sim.realtime``) turns what it was told into a request at its own path, and what comes back into
messages: a line each, whose ``type`` comes first.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from llmload.sim.formats.base import Found, Headers
from llmload.sim.formats.openai_responses import OpenAiResponsesFormat
from llmload.sim.formats.parts import Speech
from llmload.sim.requests import Refused, TextJob
from llmload.sim.spec import SimSpec
from llmload.sim.text import Voice

__all__ = ["OpenAiRealtimeFormat", "RealtimeFrames", "message"]

_PATH: Final = "/realtime"


class OpenAiRealtimeFormat(OpenAiResponsesFormat):
    """See ``Format``. A request is what a session has been told, in the words of the Responses API."""

    name = "openai-realtime"

    def find(self, path: str, query: str) -> Found | None:
        return Found("chat", "GET") if path.removeprefix("/v1") == _PATH else None

    def text(self, found: Found, body: bytes, request_id: str, spec: SimSpec) -> TextJob:
        if not body:
            raise Refused(426, "This is a WebSocket: ask for an upgrade.", headers=(("upgrade", "websocket"),))
        return super().text(found, body, request_id, spec)

    def frames(self, found: Found, job: TextJob, tagged: str, created: int) -> RealtimeFrames:  # type: ignore[override]
        return RealtimeFrames(job, tagged)

    def error(self, why: Refused) -> tuple[Headers, bytes]:
        """A response over its rate limit has failed; anything else is an event of its own."""
        if why.status != 429:
            return (), message("error", error={**why.error, "event_id": None})
        error = {name: why.error[name] for name in ("type", "code", "message")}
        details = {"type": "failed", "error": error}
        return (), message("response.done", response=_response("resp_refused", "failed", [], details))


def message(kind: str, **fields: Any) -> bytes:
    """One event; its ``event_id`` is left to whoever sends it, where it is not among ``fields``."""
    return orjson.dumps({"type": kind, **fields}, option=orjson.OPT_APPEND_NEWLINE)


def _response(name: str, status: str, output: list[dict[str, Any]], details: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "object": "realtime.response",
        "id": name,
        "status": status,
        "status_details": details,
        "output": output,
        "output_modalities": ["text"],
        "max_output_tokens": "inf",
        "metadata": None,
        "usage": None,
    }


class RealtimeFrames:
    """The answer to one request: there is one choice. The bytes around a token are made once."""

    content_type = "application/json"
    choices = 1

    __slots__ = ("_around", "_events", "_item", "_job", "_place", "_response_id", "_speech", "_tagged")

    def __init__(self, job: TextJob, tagged: str) -> None:
        self._job = job
        self._tagged = tagged
        self._speech = Speech(job, tagged)
        self._events = 0
        self._response_id = f"resp_{tagged}"
        self._item = f"item_{tagged}"
        self._place: dict[str, Any] = {"response_id": self._response_id, "item_id": self._item, "output_index": 0}
        mark = "\x00"
        kind = "response.output_text.delta"
        fields: dict[str, Any] = {**self._place, "content_index": 0, "delta": mark}
        if job.tool:
            kind = "response.function_call_arguments.delta"
            fields = {**self._place, "call_id": f"call_{tagged}0", "delta": mark}
        made = message(kind, event_id=mark, **fields)
        before, between, after = made.split(orjson.dumps(mark)[1:-1])
        self._around = (before + f"event_{tagged}_t".encode(), between, after)

    def _event(self, kind: str, **fields: Any) -> bytes:
        self._events += 1
        return message(kind, event_id=f"event_{self._tagged}_{self._events}", **fields)

    def _item_event(self, kind: str, text: str, status: str) -> bytes:
        item = self._output(text, status)
        return self._event(kind, response_id=self._response_id, output_index=0, item=item)

    def length(self, choice: int) -> int:
        return self._speech.length

    def opening(self, choice: int) -> bytes:
        """The response begins, the item in it, and the part in that if it is text."""
        part = {"type": "text", "text": ""}
        return (
            self._event("response.created", response=_response(self._response_id, "in_progress", [], None))
            + self._item_event("response.output_item.added", "", "in_progress")
            + (b"" if self._job.tool else self._part("response.content_part.added", part=part))
        )

    def _part(self, kind: str, **fields: Any) -> bytes:
        return self._event(kind, **self._place, content_index=0, **fields)

    def token(self, choice: int, k: int, voice: Voice | None = None) -> bytes:
        before, between, after = self._around
        return b"%b%d%b%b%b" % (before, k, between, orjson.dumps(self._speech.token(k, voice))[1:-1], after)

    def closing(self, choice: int) -> bytes:
        """The end of the text, its part and its item; or of the arguments and their item."""
        text = self._speech.said()
        if self._job.tool:
            called = {"call_id": f"call_{self._tagged}0", "name": self._job.tool, "arguments": text}
            done = self._event("response.function_call_arguments.done", **self._place, **called)
        else:
            done = self._part("response.output_text.done", text=text)
            done += self._part("response.content_part.done", part={"type": "text", "text": text})
        return done + self._item_event("response.output_item.done", text, self._status)

    @property
    def _status(self) -> str:
        return "incomplete" if self._job.finish(0) == "length" else "completed"

    def ending(self) -> bytes:
        """The whole response, with its usage."""
        status = self._status
        reason = {"reason": "max_output_tokens"} if status == "incomplete" else {}
        output = [self._output(self._speech.said(), status)]
        response = _response(self._response_id, status, output, {"type": status, **reason})
        return self._event("response.done", response={**response, "usage": self._usage()})

    def done(self) -> bytes:
        return b""

    def ping(self) -> bytes:
        return b""

    def failure(self, code: str, message: str, named: bool) -> bytes:
        error = {"type": "server_error", "code": code, "message": message}
        if named:
            return self._event("error", error={**error, "param": None, "event_id": None})
        details = {"type": "failed", "error": error}
        return self._event("response.done", response=_response(self._response_id, "failed", [], details))

    def document(self, foreign: str = "") -> bytes:
        return b""

    def _output(self, text: str, status: str) -> dict[str, Any]:
        head = {"id": self._item, "object": "realtime.item", "status": status}
        if self._job.tool:
            called = {"call_id": f"call_{self._tagged}0", "name": self._job.tool, "arguments": text}
            return {**head, "type": "function_call", **called}
        content = [{"type": "output_text", "text": text}] if text else []
        return {**head, "type": "message", "role": "assistant", "content": content}

    def _usage(self) -> dict[str, Any]:
        prompt, answer, cached = sum(self._job.prompts), sum(self._job.lengths), sum(self._job.cached)
        nothing = {"audio_tokens": 0, "image_tokens": 0}
        return {
            "total_tokens": prompt + answer,
            "input_tokens": prompt,
            "output_tokens": answer,
            "input_token_details": {
                "text_tokens": prompt,
                **nothing,
                "cached_tokens": cached,
                "cached_tokens_details": {"text_tokens": cached, **nothing},
            },
            "output_token_details": {"text_tokens": answer, "audio_tokens": 0},
        }
