"""Frames of WebSockets, judged by the ``websockets`` package; and messages of Realtime sessions."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from fuzz_case import Case, Fuzz
from fuzz_dialect import answer_facts, is_clean
from fuzz_streams import WORDS, some_text
from fuzz_wire import BROKEN, same_for_all_cuts
from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from llmload.dialects import classify, dialect
from llmload.errors import DecodeError
from llmload.records import Answer, Api, Call
from llmload.wire.frames import CLOSE, FrameDecoder, Message, why_closed

__all__ = ["REALTIME", "SOCKET"]

_BOUND = 400
"""A limit so low that cases reach it."""
_REALTIME = dialect("openai-realtime", {"socket": "kept"})
_CALL = Call(0, "c", "t", Api.CHAT, "m", stream=True)

# -- frames ------------------------------------------------------------------------------------------------------


def _messages(reads: list[bytes]) -> object:
    decoder = FrameDecoder(_BOUND)
    try:
        return [found for data in reads for found in decoder.feed(data)]
    except DecodeError:
        return BROKEN


def _judged(data: bytes) -> tuple[object, bool]:
    """What another implementation makes of it; and whether a frame is unfinished, in which it may not yet have seen
    what is wrong."""
    reader = StreamReader()
    reader.feed_data(data)
    found: list[Message] = []
    parts: list[Frame] = []
    while reader.buffer:
        control = bool(reader.buffer[0] & 8)
        left = None if control else _BOUND - sum(len(part.data) for part in parts)
        parser = Frame.parse(reader.read_exact, mask=False, max_size=left)
        try:
            next(parser)
        except StopIteration as whole:
            frame: Frame = whole.value
        except (ProtocolError, PayloadTooBig):
            return BROKEN, False
        else:
            return found, True
        if control:
            found.append(Message(frame.opcode, bytes(frame.data)))
            continue
        if (frame.opcode is Opcode.CONT) is not bool(parts):
            return BROKEN, False
        parts.append(frame)
        if frame.fin:
            found.append(Message(parts[0].opcode, b"".join(bytes(part.data) for part in parts)))
            parts = []
    return found, False


def check_socket(case: Case) -> None:
    whole = same_for_all_cuts(case, _messages)
    judged, unfinished = _judged(case.data)
    assert whole == judged or (unfinished and whole == BROKEN), f"{whole!r}, judged: {judged!r}"
    for message in whole if isinstance(whole, list) else ():
        assert message.opcode != CLOSE or why_closed(message.data)


def _socket(random: Random) -> bytes:
    made = b""
    for _ in range(random.randint(0, 4)):
        data = random.randbytes(random.choice((0, 1, 5, 125, 126, 300)))
        kind = random.choice((Opcode.TEXT, Opcode.TEXT, Opcode.BINARY))
        if random.random() < 0.3:
            cut = random.randint(0, len(data))
            made += Frame(kind, data[:cut], fin=False).serialize(mask=False)
            made += Frame(Opcode.PING, b"?").serialize(mask=False) if random.random() < 0.5 else b""
            made += Frame(Opcode.CONT, data[cut:]).serialize(mask=False)
        else:
            made += Frame(kind, data).serialize(mask=False)
    ends = (
        b"",
        Frame(Opcode.CLOSE, b"\x03\xe8bye").serialize(mask=False),
        Frame(Opcode.PONG, b"").serialize(mask=False),
    )
    return made + random.choice(ends)


# -- sessions ----------------------------------------------------------------------------------------------------


def check_realtime(case: Case) -> None:
    """A message is a line here; whatever it holds, nothing is raised and nothing unclean kept."""
    answer = Answer(keep_text=True)
    reader: Any = _REALTIME.reader(_CALL, answer, 101, "")
    messages = case.data.split(b"\n")
    for at, message in enumerate(messages):
        reader.feed(message, at + 1)
        reader.due()
    reader.close(len(messages))
    outcome, detail = classify(_CALL, 101, answer, None)
    for text in (detail, answer.error or "", answer.finish or "", answer.model):
        assert is_clean(text), repr(text)
    assert len(answer.stamps) <= answer.events <= len(messages)
    assert (detail == "") is outcome.good
    assert not (reader.keeps() and answer.error)
    assert answer_facts(answer)["chunks"] == len(answer.stamps)


def _realtime(random: Random) -> bytes:
    text = some_text(random)
    place = {"item_id": "i", "output_index": 0}
    deltas = ("response.output_text.delta", "response.text.delta", "response.function_call_arguments.delta")
    events: list[dict[str, Any]] = [{"type": "session.created", "session": {"model": text}}]
    events += [{"type": random.choice(deltas), **place, "delta": text} for _ in range(random.randint(0, 4))]
    output = [{"type": "message", "content": [{"type": "output_text", "text": text}]}]
    usage = {"input_tokens": 3, "output_tokens": 2}
    done = {"type": "response.done", "response": {"status": "completed", "output": output, "usage": usage}}
    failed = {"status": text, "status_details": {"reason": text, "error": {"message": text}}}
    events += random.choice(
        (
            [done],
            [{"type": "response.done", "response": {**failed, "status": "failed"}}],
            [{"type": "response.done", "response": failed}],
            [{"type": "response.output_item.added", **place, "item": {"type": "function_call", "name": text}}],
            [{"type": "error", "error": {"message": text, "code": text}}],
            [],
        )
    )
    return b"\n".join(json.dumps(event).encode() for event in events)


SOCKET = Fuzz(
    "socket",
    _socket,
    check_socket,
    [b"\x81", b"\x01", b"\x80", b"\x89\x00", b"\x88\x00", b"\x7e", b"\x7f", b"\xff" * 8, b"\x00\x80", b"\xf1"],
    2,
    (b"\x81",),
)
REALTIME = Fuzz(
    "openai-realtime",
    _realtime,
    check_realtime,
    [*WORDS, b"\n", b'"type":', b'"error"', b'"response":', b'"delta":', b'"status":"failed"', b"[" * 2000],
    seams=(b"\n",),
)
