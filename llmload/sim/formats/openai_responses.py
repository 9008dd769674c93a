"""OpenAI's Responses API: documents and stream events, as bytes.

    POST /v1/responses

The same without ``/v1``. Requests are turned into those of a chat: items into messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from llmload.sim.formats.base import Found
from llmload.sim.formats.openai import OpenAiFormat
from llmload.sim.formats.parts import event, voice_of
from llmload.sim.requests import Refused, TextJob, read_body, text_job, whole
from llmload.sim.spec import SimSpec
from llmload.sim.text import Voice

__all__ = ["OpenAiResponsesFormat", "ResponseFrames"]

_PING: Final = b": ping\n\n"
_NUMBER: Final = 1 << 40
"""Stands for the number of an event while the bytes around it are made."""
_PATH: Final = "/responses"


class OpenAiResponsesFormat(OpenAiFormat):
    """See ``Format``. Errors are those of OpenAI's other API."""

    name = "openai-responses"

    def find(self, path: str, query: str) -> Found | None:
        return Found("chat") if path.removeprefix("/v1") == _PATH else None

    def text(self, found: Found, body: bytes, request_id: str, spec: SimSpec) -> TextJob:
        asked = read_body(body)
        limit = whole(asked, "max_output_tokens", spec.max_tokens)
        usage = {"include_usage": True}
        chat = {**asked, "messages": _messages(asked), "max_tokens": limit, "n": None, "stream_options": usage}
        return text_job(chat, True, request_id, spec)

    def frames(self, found: Found, job: TextJob, tagged: str, created: int) -> ResponseFrames:  # type: ignore[override]
        return ResponseFrames(job, tagged, created)


def _messages(asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    given = asked.get("input")
    if given is None or given in ("", []):
        raise Refused(400, "Missing required parameter: 'input'.", param="input")
    if not isinstance(given, str | list):
        raise Refused(422, "Invalid type for 'input': expected a string or a list of items.", param="input")
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    instructions = asked.get("instructions")
    first = [{"role": "system", "content": instructions}] if isinstance(instructions, str) else []
    return [*first, *(_message(number, item) for number, item in enumerate(items))]


def _message(number: int, item: object) -> dict[str, Any]:
    if isinstance(item, dict):
        if isinstance(item.get("role"), str):
            return {"role": item["role"], "content": item.get("content")}
        for kind, field in (("function_call_output", "output"), ("function_call", "arguments")):
            if item.get("type") == kind and isinstance(item.get(field), str):
                return {"role": "tool", "content": item[field]}
    raise Refused(422, f"Invalid 'input[{number}]': expected a message, a function call or its output.", param="input")


class ResponseFrames:
    """The answer to one request: there is one choice. The bytes around a token are made once."""

    content_type = "text/event-stream; charset=utf-8"
    choices = 1

    __slots__ = ("_around", "_base", "_item", "_job", "_next", "_tagged", "_voice")

    def __init__(self, job: TextJob, tagged: str, created: int) -> None:
        self._job = job
        self._tagged = tagged
        self._voice = voice_of(job, tagged, 0)
        self._item = f"{'fc' if job.tool else 'msg'}_{tagged}"
        self._next = 0
        """The number of the next event."""
        self._base: dict[str, Any] = {
            "id": f"resp_{tagged}",
            "object": "response",
            "created_at": created,
            "model": job.model,
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "instructions": None,
            "metadata": {},
            "temperature": 1.0,
            "top_p": 1.0,
        }
        self._around = self._split() if job.stream else (b"", b"", b"")

    def _split(self) -> tuple[bytes, bytes, bytes]:
        """What stands before the number of a token's event, between it and the text, and after that."""
        mark = "\x00"
        if self._job.tool:
            kind, fields = "function_call_arguments", dict[str, Any](delta=mark)
        else:
            kind, fields = "output_text", {"content_index": 0, "delta": mark, "logprobs": []}
        made = _event(f"response.{kind}.delta", _NUMBER, item_id=self._item, output_index=0, **fields)
        before, _, rest = made.partition(b"%d" % _NUMBER)
        between, _, after = rest.partition(orjson.dumps(mark)[1:-1])
        return before, between, after

    def _event(self, kind: str, **fields: Any) -> bytes:
        self._next += 1
        return _event(kind, self._next - 1, **fields)

    def length(self, choice: int) -> int:
        return self._job.lengths[0]

    def opening(self, choice: int) -> bytes:
        """The response begins, the item in it, and the part in that if it is text."""
        begun = self._response("in_progress", [])
        part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
        self._next = 0
        return (
            self._event("response.created", response=begun)
            + self._event("response.in_progress", response=begun)
            + self._event("response.output_item.added", output_index=0, item=self._output("", "in_progress"))
            + (b"" if self._job.tool else self._part_event("response.content_part.added", part=part))
        )

    def _part_event(self, kind: str, **fields: Any) -> bytes:
        return self._event(kind, item_id=self._item, output_index=0, content_index=0, **fields)

    def token(self, choice: int, k: int, voice: Voice | None = None) -> bytes:
        # The first token is asked for before the opening, which takes four numbers, or three.
        number = k + (3 if self._job.tool else 4)
        self._next = number + 1
        before, between, after = self._around
        text = orjson.dumps((voice or self._voice).token(k))[1:-1]
        return b"%b%d%b%b%b" % (before, number, between, text, after)

    def closing(self, choice: int) -> bytes:
        """The end of the text, its part and its item; or of the arguments and their item."""
        self._next = self.length(0) + (3 if self._job.tool else 4)
        text = self._voice.text(self.length(0))
        item = self._output(text, "completed")
        if self._job.tool:
            done = self._event(
                "response.function_call_arguments.done",
                item_id=self._item, output_index=0, name=self._job.tool, arguments=text,
            )  # fmt: skip
        else:
            done = self._part_event("response.output_text.done", text=text, logprobs=[])
            done += self._part_event("response.content_part.done", part=item["content"][0])
        return done + self._event("response.output_item.done", output_index=0, item=item)

    def ending(self) -> bytes:
        """The whole response, with its usage."""
        response = self._whole(self._voice)
        return self._event(f"response.{response['status']}", response=response)

    def done(self) -> bytes:
        return b""

    def ping(self) -> bytes:
        return _PING

    def failure(self, code: str, message: str, named: bool) -> bytes:
        if named:
            return self._event("error", code=code, message=message, param=None)
        # The codes that a response may have are fixed.
        error = {"code": "server_error", "message": message}
        return self._event("response.failed", response={**self._response("failed", []), "error": error})

    def document(self, foreign: str = "") -> bytes:
        return orjson.dumps(self._whole(voice_of(self._job, foreign, 0) if foreign else self._voice))

    def _whole(self, voice: Voice) -> dict[str, Any]:
        cut = self._job.finish(0) == "length"
        text = voice.text(self.length(0))
        status = "incomplete" if cut else "completed"
        reason = {"reason": "max_output_tokens"} if cut else None
        whole = {**self._response(status, [self._output(text, status)]), "incomplete_details": reason}
        return {**whole, "usage": self._usage()}

    def _response(self, status: str, output: list[dict[str, Any]]) -> dict[str, Any]:
        fields = {"status": status, "error": None, "incomplete_details": None, "output": output, "usage": None}
        return {**self._base, **fields}

    def _output(self, text: str, status: str) -> dict[str, Any]:
        if self._job.tool:
            called = {"call_id": f"call_{self._tagged}0", "name": self._job.tool, "arguments": text}
            return {"id": self._item, "type": "function_call", "status": status, **called}
        part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
        content = [part] if text else []
        return {"id": self._item, "type": "message", "status": status, "role": "assistant", "content": content}

    def _usage(self) -> dict[str, Any]:
        prompt, answer = sum(self._job.prompts), sum(self._job.lengths)
        return {
            "input_tokens": prompt,
            "input_tokens_details": {"cached_tokens": sum(self._job.cached), "cache_write_tokens": 0},
            "output_tokens": answer,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": prompt + answer,
        }


def _event(kind: str, number: int, **fields: Any) -> bytes:
    return event({"type": kind, "sequence_number": number, **fields}, kind)
