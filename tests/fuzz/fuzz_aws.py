"""AWS event streams: frames however cut, and any payload in whole frames read by the Bedrock dialect."""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parent.parent / "wire"))

from aws_frames import event, frame, trouble
from fuzz_case import Case, Fuzz
from fuzz_dialect import answer_facts, is_clean
from fuzz_wire import BROKEN, same_for_all_cuts
from fuzz_words import STRINGS

from llmload.dialects import classify, dialect
from llmload.errors import DecodeError
from llmload.records import Answer, Api, Call
from llmload.wire.event_stream import EventStreamDecoder

__all__ = ["FRAMES"]

_BEDROCK = dialect("bedrock")
_CALL = Call(0, "c", "t", Api.CHAT, "m", stream=True)
_KINDS = ("contentBlockDelta", "contentBlockStart", "messageStop", "metadata", "messageStart", "unknown")
_TYPE = "application/vnd.amazon.eventstream"


def _frames(reads: list[bytes]) -> object:
    decoder = EventStreamDecoder(4096)
    try:
        return [found for data in reads for found in decoder.feed(data)], decoder.pending
    except DecodeError:
        return BROKEN


def _answer(reads: list[bytes]) -> object:
    answer = Answer(keep_text=True)
    reader = _BEDROCK.reader(_CALL, answer, 200, _TYPE)
    try:
        for data in reads:
            reader.feed(data, 1)
        reader.close(1)
    except DecodeError:
        return BROKEN
    outcome, detail = classify(_CALL, 200, answer, None)
    assert is_clean(detail), repr(detail)
    assert is_clean(answer.finish or ""), repr(answer.finish)
    assert len(answer.stamps) <= answer.events
    return answer_facts(answer) | {"outcome": outcome}


def check_frames(case: Case) -> None:
    same_for_all_cuts(case, _frames)
    same_for_all_cuts(case, _answer)
    kind = _KINDS[case.odd % len(_KINDS)]
    whole = frame(case.data, {":message-type": "event" if case.odd & 64 else "exception", ":event-type": kind})
    assert _answer([whole]) != BROKEN


def _stream(random: Random) -> bytes:
    text = random.choice(STRINGS).decode("utf-8", "replace")
    deltas = (
        {"text": text},
        {"toolUse": {"input": text}},
        {"reasoningContent": {"text": text}},
        {"reasoningContent": {"redactedContent": "cg=="}},
    )
    events = [
        event("contentBlockDelta", {"contentBlockIndex": random.randint(0, 2), "delta": random.choice(deltas)})
        for _ in range(random.randint(0, 4))
    ]
    ends = (
        event("messageStop", {"stopReason": random.choice(("end_turn", "malformed_tool_use", text))}),
        event("metadata", {"usage": {"inputTokens": 3, "outputTokens": 1}, "metrics": {"latencyMs": 5}}),
        trouble("throttlingException", text),
        b"",
    )
    return b"".join((*events, random.choice(ends), random.choice(ends)))


FRAMES = Fuzz(
    "frames", _stream, check_frames, [b"\0\0\0\x10", b"\x07", b'{"delta":', b"null", b":event-type"], 2, (b"}",)
)
