"""Well-formed streams, documents and answers, and the words they are made of."""

from __future__ import annotations

from random import Random

__all__ = [
    "CHUNK_WORDS",
    "DOCUMENT_WORDS",
    "ERROR_WORDS",
    "SSE_WORDS",
    "STREAM_WORDS",
    "chunks",
    "document",
    "error_body",
    "like_events",
    "sse",
    "stream",
]

STRINGS = [
    b"a", b" the", b"hello", b"", b" ", b"\\n", b"\\\\", b"\\u00e9", b"\\ud83d\\udc0e", b"\\ud800", b"\\x",
    b'\\"', b'"',
    b"\xc5\xbe", b"\xff", b"\xed\xa0\x80", b"\x00", b"\x1f", b"probe", b"other", b"data: x", b'","content":"x',
    b"\\u0000",
]  # fmt: skip
FRAMES = [
    b'{"model":"m","choices":[{"index":0,"delta":{"content":"%s"},"finish_reason":null}]}',
    b'{"id": "1", "choices": [{"index": 0, "delta": {"content": "%s"}}], "usage": null}',
    b'{"choices":[{"index":1,"delta":{"content":"%s"}}]}',
    b'{"choices":[{"delta":{"reasoning_content":"%s"}}]}',
    b'{"choices":[{"delta":{"content":"x","content":"%s"}}]}',
    b'{"choices":[{"delta":{"content":"%s","content":"x"}}]}',
    b'{"choices":[{"delta":{"content":"here"},"logprobs":{"content":"%s"}}]}',
    b'{"choices":[{"delta":{"tool_calls":[{"index":3,"function":{"arguments":"%s"}}]}}]}',
    b'{"choices":[{"text":"%s"}]}',
    b'{"choices":[{"delta":{"content":[{"type":"text","text":"%s"}]}}]}',
    b'{"choices":[{"delta":{"content":"%s"}}],"error":null,"choices":[{"delta":{"content":"y"}}]}',
]
ENDS = [
    b'{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}',
    b'{"choices":[{"delta":{"content":"%s"},"finish_reason":"length"}]}',
    b'{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":7}}',
    b'{"error":{"message":"%s","type":"server_error"}}',
    b"[DONE]",
]
_FIELDS = [b"data: ", b"data:", b"event: error\ndata: ", b"event: x\ndata: ", b": c\n", b"id: 7\n", b"retry: 1\n"]
_BREAKS = [b"\n\n", b"\r\n\r\n", b"\r\r", b"\n", b"\r\n", b"\n\r\n"]

SSE_WORDS = [
    *_FIELDS, *_BREAKS, b"data", b":", b" ", b"\r", b"\xef\xbb\xbf", b"\xef\xbb", b"event:", b"\x85",
    b"\xe2\x80\xa8", b"\x0b", b"\x0c",
    b"x" * 70, b"\x1c",
]  # fmt: skip
STREAM_WORDS = [
    *SSE_WORDS[:-2], *STRINGS, b"null", b"{}", b"[]", b"true", b"1e999", b"-1", b"9" * 40, b'"content"',
    b'"usage":', b'"index":',
    b'"choices":', b'"finish_reason":"stop"', b'"error":"no"', b"data: [DONE]\n\n", b"[" * 500,
    b'"prompt_tokens":', b"NaN",
    *(b"data: " + frame.replace(b"%s", b"w") + b"\n\n" for frame in FRAMES + ENDS),
]  # fmt: skip
CHUNK_WORDS = [
    b"\r\n", b"\n", b"\r", b"0\r\n\r\n", b"0\r\n", b";x=y", b";", b"a\r\n", b"FF\r\n", b"1", b"-1", b"0x1", b" ", b"\t",
    b"X: y\r\n", b"1" * 17, b"0" * 30, b"f" * 16, b"\x00", b"5\r\nhello\r\n", b";" + b"x" * 1100,
]  # fmt: skip
DOCUMENT_WORDS = [
    *STRINGS, b"{", b"}", b"[", b"]", b'"', b",", b":", b"null", b"true", b"0.5", b"1e999", b'"embedding":[',
    b'"embedding"', b'"data":',
    b'"choices":', b'"message":', b'"usage":', b'"error":', b'"index":', b"[" * 2000, b'"finish_reason":"stop"',
    b"9" * 400, b"{}",
]  # fmt: skip
ERROR_WORDS = [
    *DOCUMENT_WORDS, b"<title>", b"</title>", b"<script>", b"<", b">", b"&amp;", b"&#27;", b"\x1b[31m", b"\x9b",
    b"\xe2\x80\xae",
    b'"detail":', b'"message":', b'"errors":', b'"loc":', b'"type":"error"', b"Bearer sk-0123456789abcdef",
    b"sk-" + b"a" * 40, b"\n" * 50,
    b"[bold]", b"x" * 400, b'{"error":' * 9,
]  # fmt: skip


def _event(data: bytes, end: bytes, field: bytes) -> bytes:
    return field + data + end


def sse(random: Random) -> bytes:
    """Events in no particular format, some longer than the limit the target sets."""
    end = random.choice(_BREAKS[:3])
    events = [
        _event(random.choice([*STRINGS, b"x" * random.randint(0, 90)]), end, random.choice(_FIELDS))
        for _ in range(random.randint(1, 8))
    ]
    return (b"\xef\xbb\xbf" if random.random() < 0.1 else b"") + b"".join(events)


def stream(random: Random) -> bytes:
    """A stream in which few kinds of event repeat, as servers send them."""
    frames = random.choices(FRAMES, (9, 5, 2, 2, 1, 1, 1, 2, 2, 1, 1), k=random.choice((1, 1, 2, 3)))
    end = random.choice((b"\n\n", b"\n\n", b"\n\n", b"\r\n\r\n", b"\r\r"))
    field = random.choice((b"data: ", b"data: ", b"data: ", b"data:"))
    parts = [b": hello" + end] if random.random() < 0.3 else []
    odd = random.choice((0, 0, 0.02, 0.2))
    for _ in range(random.randint(2, 9)):
        string = random.choice(STRINGS if random.random() < odd else STRINGS[:3])
        parts.append(_event(random.choice(frames).replace(b"%s", string), end, field))
    if random.random() < 0.7:
        closing = random.sample(ENDS if odd else ENDS[:3] + ENDS[4:], random.randint(1, 3))
        word = random.choice(STRINGS if random.random() < odd else STRINGS[:3])
        parts += [_event(last.replace(b"%s", word), end, field) for last in closing]
    if random.random() < 0.1:
        random.shuffle(parts)
    return b"".join(parts)


def like_events(random: Random) -> bytes:
    """What most of every real stream is: one kind of event; now and then one that is not quite like them."""
    frame = random.choice(FRAMES[:4] + FRAMES)
    events = []
    for _ in range(random.randint(4, 14)):
        word = random.choice(STRINGS if random.random() < 0.08 else STRINGS[:3])
        events.append(b"data: " + frame.replace(b"%s", word) + b"\n\n")
    if random.random() < 0.2:
        events[random.randrange(len(events))] = b"data: " + random.choice(ENDS).replace(b"%s", b"x") + b"\n\n"
    return b"".join(events) + b"data: " + ENDS[0] + b"\n\n"


def document(random: Random) -> bytes:
    """A chat answer, vectors, or a list of models."""
    string = random.choice(STRINGS)
    vectors = b",".join(
        b'{"index":%d,"embedding":[%s]}' % (n, random.choice((b"0.1,0.2", b" 1 ", b"", b"[1]", b'"]"', b"null")))
        for n in range(random.randint(0, 4))
    )
    return random.choice(
        (
            b'{"choices":[{"index":0,"message":{"content":"%s"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}'
            % string,
            b'{"object":"list","data":[' + vectors + b'],"model":"%s"}' % string,
            b'{"data":[{"id":"%s"},{"id":"b"}]}' % string,
            b'{"data": [{"embedding" : "%s"}], "usage": {"prompt_tokens": 3}}' % string,
        )
    )


def error_body(random: Random) -> bytes:
    """An error in one of the shapes that servers use."""
    string = random.choice(
        [*STRINGS, b"out of memory", b"\\u001b[31mred", b"\\u202e", b"Incorrect key: sk-0123456789abcdef"]
    )
    return random.choice(
        (
            b'{"error":{"message":"%s","type":"t","code":429}}' % string,
            b'{"detail":[{"loc":["body",0],"msg":"%s"}]}' % string,
            b'{"detail":"%s"}' % string,
            b"<html><head><title>502 %s</title></head><body>x</body></html>" % string,
            b"upstream said: %s" % string,
            b'[{"error":"%s"}]' % string,
            b"",
        )
    )


def chunks(random: Random, body: bytes) -> bytes:
    """``body`` in chunked transfer coding: an event to a chunk, or cut anyhow."""
    parts = body.split(b"\n\n")
    pieces = [part + b"\n\n" for part in parts[:-1]] + [parts[-1]]
    if random.random() < 0.3:
        size = random.randint(1, max(1, len(body)))
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
    form = random.choice((b"%x\r\n%s\r\n",) * 4 + (b"%X\r\n%s\r\n", b"0%x\r\n%s\r\n", b"%x;a=b\r\n%s\r\n"))
    framed = b"".join(form % (len(piece), piece) for piece in pieces if piece)
    return framed + random.choice((b"0\r\n\r\n",) * 5 + (b"0\r\nX: y\r\n\r\n", b"", b"000\r\n\r\n"))
