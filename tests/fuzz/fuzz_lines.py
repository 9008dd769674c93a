"""Lines of JSON, plain and as Ollama's answers; events of the Responses API."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from fuzz_case import Case, Fuzz
from fuzz_streams import WORDS, checked, some_text
from fuzz_wire import BROKEN, same_for_all_cuts

from llmload.dialects import dialect
from llmload.errors import DecodeError
from llmload.wire.ndjson import NdjsonDecoder

__all__ = ["EVENTS", "NDJSON", "OLLAMA"]

_BOUND = 64
"""A limit so low that cases reach it."""
_ENDS = (b"\n", b"\n", b"\n", b"\r\n", b"\n\n", b" \n", b"\n\r\n")


def _lines(reads: list[bytes]) -> object:
    decoder = NdjsonDecoder(_BOUND)
    found: list[bytes] = []
    try:
        for data in reads:
            found += decoder.feed(data)
    except DecodeError:
        return BROKEN
    return found, decoder.rest()


def check_ndjson(case: Case) -> None:
    whole = same_for_all_cuts(case, _lines)
    *lines, rest = case.data.split(b"\n")
    if any(len(line) > _BOUND for line in (*lines, rest)):
        assert whole == BROKEN
    else:
        stripped = [line.strip() for line in lines]
        assert whole == ([line for line in stripped if line], [rest.strip()] if rest.strip() else [])


def _ended(random: Random, lines: list[bytes]) -> bytes:
    return b"".join(line + random.choice(_ENDS) for line in lines)


def _ndjson(random: Random) -> bytes:
    word = json.dumps(some_text(random)).encode()
    return _ended(random, [random.choice((b'{"a":%b}' % word, b"[]", b"1", word)) for _ in range(random.randint(0, 5))])


def _ollama(random: Random) -> bytes:
    text = some_text(random)
    pieces: tuple[dict[str, Any], ...] = (
        {"message": {"role": "assistant", "content": text}},
        {"message": {"content": "", "thinking": text}},
        {"message": {"tool_calls": [{"function": {"name": text, "arguments": {"a": 1}}}]}},
        {"response": text},
    )
    lines = [{"model": "m", **random.choice(pieces), "done": False} for _ in range(random.randint(0, 4))]
    lines += random.choice(
        (
            [{"model": text, "done": True, "done_reason": text, "eval_count": 3, "total_duration": 5}],
            [{"done": True, "done_reason": "stop", "prompt_eval_count": 2}],
            [{"error": text}],
            [],
        )
    )
    return _ended(random, [json.dumps(line).encode() for line in lines])


def _events(random: Random) -> bytes:
    text = some_text(random)
    place = {"item_id": "i", "output_index": random.randint(0, 1)}
    deltas = ("output_text", "reasoning_summary_text", "refusal", "function_call_arguments")
    events: list[dict[str, Any]] = [{"type": "response.created", "response": {"model": text, "status": "in_progress"}}]
    events += [
        {"type": f"response.{random.choice(deltas)}.delta", **place, "delta": text} for _ in range(random.randint(0, 4))
    ]
    usage = {"input_tokens": 3, "output_tokens": 2}
    output = [{"type": "message", "content": [{"type": "output_text", "text": text}]}]
    whole = {"status": "completed", "output": output, "usage": usage}
    events += random.choice(
        (
            [{"type": "response.completed", "response": whole}],
            [{"type": "response.incomplete", "response": {**whole, "status": "incomplete"}}],
            [{"type": "response.failed", "response": {"status": "failed", "error": {"message": text}}}],
            [{"type": "response.output_item.added", **place, "item": {"type": "function_call", "name": text}}],
            [{"type": "error", "message": text}],
            [],
        )
    )
    return b"".join(b"event: %b\ndata: %b\n\n" % (one["type"].encode(), json.dumps(one).encode()) for one in events)


NDJSON = Fuzz("ndjson", _ndjson, check_ndjson, [b"\n", b"\r", b" ", b"\t", b"{}", b"x" * 70, b"\x0b"], 2, (b"\n",))
OLLAMA = Fuzz(
    "ollama",
    _ollama,
    checked(dialect("ollama"), "application/x-ndjson"),
    [*WORDS, b"\n", b"\r\n", b'"message":', b'"done":true', b'"error":'],
    seams=(b"\n", b"}"),
)
EVENTS = Fuzz(
    "openai-responses",
    _events,
    checked(dialect("openai-responses"), "text/event-stream"),
    [*WORDS, b"event: error\n", b"data: [DONE]\n\n", b'"type":', b'"response":', b'"delta":', b"\n\n", b"\r"],
)
