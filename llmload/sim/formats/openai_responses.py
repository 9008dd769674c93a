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
from llmload.sim.formats.parts import Speech, event
from llmload.sim.requests import ANY, Refused, TextJob, read_body, text_job, typed, whole
from llmload.sim.spec import SimSpec
from llmload.sim.text import Voice

__all__ = ["OpenAiResponsesFormat", "ResponseFrames"]

_PING: Final = b": ping\n\n"
_NUMBER: Final = 1 << 40
"""Stands for the number of an event while the bytes around it are made."""
_MARK: Final = "\x00"
"""Stands for its text."""
_PATH: Final = "/responses"

Around = tuple[bytes, bytes, bytes]
"""What stands before the number of an event, between it and the text, and after that."""


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
        shown = typed(asked, "reasoning", dict, {}).get("summary")
        try:
            return text_job(chat, True, request_id, spec, ANY if shown else 0)
        except Refused as why:
            raise _in_its_own_terms(why) from None

    def frames(self, found: Found, job: TextJob, tagged: str, created: int) -> ResponseFrames:  # type: ignore[override]
        return ResponseFrames(job, tagged, created)


def _in_its_own_terms(why: Refused) -> Refused:
    """What is wrong with the messages is wrong with the input here."""
    if why.error["param"] != "messages":
        return why
    message = str(why).replace("messages", "input")
    code = why.error["code"]
    return Refused(why.status, message, code=code, param="input", headers=why.headers)


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

    __slots__ = ("_around", "_base", "_item", "_job", "_next", "_place", "_speech", "_tagged", "_thinking")

    def __init__(self, job: TextJob, tagged: str, created: int) -> None:
        self._job = job
        self._tagged = tagged
        self._speech = Speech(job, tagged)
        self._item = f"{'fc' if job.tool else 'msg'}_{tagged}"
        self._place = int(self._speech.thoughts > 0)
        """Of the item that is text or a call; thoughts come before it."""
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
        thought = {"item_id": f"rs_{tagged}", "output_index": 0, "summary_index": 0, "delta": _MARK}
        self._thinking = _split(_event("response.reasoning_summary_text.delta", _NUMBER, **thought))

    def _split(self) -> Around:
        """What stands around the number of a token's event and the text."""
        if self._job.tool:
            kind, fields = "function_call_arguments", dict[str, Any](delta=_MARK)
        else:
            kind, fields = "output_text", {"content_index": 0, "delta": _MARK, "logprobs": []}
        where = {"item_id": self._item, "output_index": self._place}
        return _split(_event(f"response.{kind}.delta", _NUMBER, **where, **fields))

    def _event(self, kind: str, **fields: Any) -> bytes:
        self._next += 1
        return _event(kind, self._next - 1, **fields)

    def length(self, choice: int) -> int:
        return self._speech.length

    def opening(self, choice: int) -> bytes:
        """The response begins, its first item, and the part in that if it has any."""
        begun = self._response("in_progress", [])
        self._next = 0
        return (
            self._event("response.created", response=begun)
            + self._event("response.in_progress", response=begun)
            + (self._thoughts_begin() if self._speech.thoughts else self._item_begins())
        )

    def _thoughts_begin(self) -> bytes:
        item = self._reasoning("")
        return self._event("response.output_item.added", output_index=0, item=item) + self._thought_event(
            "response.reasoning_summary_part.added", part={"type": "summary_text", "text": ""}
        )

    def _thoughts_end(self) -> bytes:
        text = self._speech.thought()
        part = {"type": "summary_text", "text": text}
        return (
            self._thought_event("response.reasoning_summary_text.done", text=text)
            + self._thought_event("response.reasoning_summary_part.done", part=part)
            + self._event("response.output_item.done", output_index=0, item=self._reasoning(text))
        )

    def _item_begins(self) -> bytes:
        part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
        item = self._output("", "in_progress")
        added = self._event("response.output_item.added", output_index=self._place, item=item)
        return added if self._job.tool else added + self._part_event("response.content_part.added", part=part)

    def _part_event(self, kind: str, **fields: Any) -> bytes:
        return self._event(kind, item_id=self._item, output_index=self._place, content_index=0, **fields)

    def _thought_event(self, kind: str, **fields: Any) -> bytes:
        return self._event(kind, item_id=f"rs_{self._tagged}", output_index=0, summary_index=0, **fields)

    def _number(self, k: int) -> int:
        """Of token ``k``'s event: the opening takes four numbers, or three for a call; the end of the thoughts and
        what begins then take as many more. The first token is asked for before the opening."""
        begin = 1 if self._job.tool else 2
        if not self._speech.thoughts:
            return 2 + begin + k
        return 4 + k + (3 + begin if k >= self._speech.thoughts else 0)

    def token(self, choice: int, k: int, voice: Voice | None = None) -> bytes:
        speech, lead = self._speech, b""
        if speech.thoughts and k == speech.thoughts:
            self._next = self._number(k - 1) + 1
            lead = self._thoughts_end() + self._item_begins()
        number = self._number(k)
        self._next = number + 1
        before, between, after = self._thinking if k < speech.thoughts else self._around
        text = orjson.dumps(speech.token(k, voice))[1:-1]
        return b"%b%b%d%b%b%b" % (lead, before, number, between, text, after)

    def closing(self, choice: int) -> bytes:
        """The end of the text, its part and its item; or of the arguments and their item."""
        self._next = self._number(self.length(0) - 1) + 1
        text = self._speech.said()
        item = self._output(text, "completed")
        if self._job.tool:
            done = self._event(
                "response.function_call_arguments.done",
                item_id=self._item, output_index=self._place, name=self._job.tool, arguments=text,
            )  # fmt: skip
        else:
            done = self._part_event("response.output_text.done", text=text, logprobs=[])
            done += self._part_event("response.content_part.done", part=item["content"][0])
        return done + self._event("response.output_item.done", output_index=self._place, item=item)

    def ending(self) -> bytes:
        """The whole response, with its usage."""
        response = self._whole(self._speech)
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
        return orjson.dumps(self._whole(Speech(self._job, foreign) if foreign else self._speech))

    def _whole(self, speech: Speech) -> dict[str, Any]:
        cut = self._job.finish(0) == "length"
        status = "incomplete" if cut else "completed"
        reason = {"reason": "max_output_tokens"} if cut else None
        thoughts = [self._reasoning(speech.thought())] if speech.thoughts else []
        output = [*thoughts, self._output(speech.said(), status)]
        whole = {**self._response(status, output), "incomplete_details": reason}
        return {**whole, "usage": self._usage()}

    def _response(self, status: str, output: list[dict[str, Any]]) -> dict[str, Any]:
        fields = {"status": status, "error": None, "incomplete_details": None, "output": output, "usage": None}
        return {**self._base, **fields}

    def _reasoning(self, text: str) -> dict[str, Any]:
        summary = [{"type": "summary_text", "text": text}] if text else []
        return {"id": f"rs_{self._tagged}", "type": "reasoning", "summary": summary}

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
            "input_tokens_details": {"cached_tokens": sum(self._job.cached), "cache_write_tokens": self._job.stored},
            "output_tokens": answer,
            "output_tokens_details": {"reasoning_tokens": sum(self._job.thoughts)},
            "total_tokens": prompt + answer,
        }


def _event(kind: str, number: int, **fields: Any) -> bytes:
    return event({"type": kind, "sequence_number": number, **fields}, kind)


def _split(made: bytes) -> Around:
    before, _, rest = made.partition(b"%d" % _NUMBER)
    between, _, after = rest.partition(orjson.dumps(_MARK)[1:-1])
    return before, between, after
