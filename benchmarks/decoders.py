"""How fast bytes become events: chunked framing, server-sent events, and the whole reader of a stream.

In memory, one process. Reads are cut as real servers write them: an event per read (the usual case), several per read
(a busy server, a proxy), and reads that end anywhere (a slow network).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import cycle, islice
from statistics import median

import orjson

from benchmarks.tables import Table
from llmload.dialects import dialect
from llmload.records import Answer, Api, Call, Message
from llmload.wire.chunked import ChunkedDecoder
from llmload.wire.sse import SseDecoder

__all__ = ["run", "streams"]

_HEADS = ("decoder", "reads", "MB/s", "events/s", "µs per event")
_TOKENS = 100
_WORDS = (" the", " load", " of", " a", ' "day"', " is", "\n\n", " what", " ça", " takes", " 東", " to")
_CALL = Call(0, "chat", "main", Api.CHAT, "m", stream=True, messages=(Message("user", "Hello"),))


def _openai(number: int, delta: Mapping[str, str], finish: str | None) -> bytes:
    """An event as api.openai.com words it, with the fields of a current model."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    head = {"id": f"chatcmpl-{number:029d}", "object": "chat.completion.chunk", "created": 1760000000}
    rest = {"model": "gpt-x-2026-01-01", "service_tier": "default", "system_fingerprint": "fp_0123456789"}
    return b"data: %s\n\n" % orjson.dumps({**head, **rest, "choices": [choice], "usage": None, "obfuscation": "h3Gf"})


def _vllm(number: int, delta: Mapping[str, str], finish: str | None) -> bytes:
    """An event as vLLM words it."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish, "token_ids": None}
    head = {"id": f"chatcmpl-{number:032x}", "object": "chat.completion.chunk", "created": 1760000000}
    return b"data: %s\n\n" % orjson.dumps({**head, "model": "org/model-8b", "choices": [choice]})


def _events(event: Callable[[int, Mapping[str, str], str | None], bytes]) -> list[bytes]:
    """One stream of _TOKENS tokens."""
    words = islice(cycle(_WORDS), _TOKENS)
    first, last = event(7, {"role": "assistant", "content": ""}, None), event(7, {}, "stop")
    return [first, *(event(7, {"content": word}, None) for word in words), last, b"data: [DONE]\n\n"]


def _grouped(events: Sequence[bytes], size: int) -> list[bytes]:
    return [b"".join(events[at : at + size]) for at in range(0, len(events), size)]


def _cut(events: Sequence[bytes], size: int) -> list[bytes]:
    whole = b"".join(events)
    return [whole[at : at + size] for at in range(0, len(whole), size)]


def streams() -> Iterator[tuple[str, list[bytes]]]:
    """How reads are cut, and one stream cut so."""
    for name, event in (("OpenAI", _openai), ("vLLM", _vllm)):
        events = _events(event)
        yield f"{name}, 1 event a read", events
        yield f"{name}, 4 events a read", _grouped(events, 4)
    yield "OpenAI, reads of 1000 bytes", _cut(_events(_openai), 1000)


def _framed(reads: Sequence[bytes]) -> list[bytes]:
    return [b"%x\r\n%s\r\n" % (len(read), read) for read in reads]


def _chunked(reads: Sequence[bytes]) -> int:
    decoder = ChunkedDecoder()
    for read in reads:
        decoder.feed(read)
    return len(reads)


def _sse(reads: Sequence[bytes]) -> int:
    decoder = SseDecoder()
    return sum(len(decoder.feed(read)) for read in reads)


def _reader(reads: Sequence[bytes]) -> int:
    """What the measuring path does with a stream, all but the socket: an Answer with the time of every chunk."""
    answer = Answer()
    reader = dialect("openai").reader(_CALL, answer, 200, "text/event-stream")
    for t, read in enumerate(reads):
        reader.feed(read, t)
    reader.close(len(reads))
    assert len(answer.stamps) == _TOKENS, len(answer.stamps)
    return answer.events


def timed(act: Callable[[], int], seconds: float, rounds: int = 5) -> tuple[float, int]:
    """CPU seconds of one ``act`` (the median of ``rounds`` means, each over its share of ``seconds``), and what it
    returned."""
    found, means = act(), []
    for _ in range(rounds):
        begun, times = time.process_time(), 0
        while (passed := time.process_time() - begun) < seconds / rounds or not times:
            act()
            times += 1
        means.append(passed / times)
    return median(means), found


def run(quick: bool) -> list[Table]:
    """MB/s and events/s of each decoder on each kind of stream."""
    table = Table("decoders", _HEADS)
    seconds = 0.02 if quick else 0.5
    for cut, reads in streams():
        framed = _framed(reads)
        for name, decode, data in (
            ("chunked", _chunked, framed),
            ("SSE", _sse, reads),
            ("stream reader", _reader, reads),
        ):
            if name == "chunked" and "event" not in cut:
                continue
            each, events = timed(lambda decode=decode, data=data: decode(data), seconds)  # type: ignore[misc]
            size = sum(map(len, data)) / 1e6
            table.rows.append([name, cut, size / each, events / each, each / events * 1e6])
    return [table]
