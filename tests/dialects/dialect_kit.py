"""What every dialect must pass: a sample of what a server sends gives the same Answer however its bytes are cut.

A sample is one file: TOML, a line ``---``, then the raw body. ``[answer]`` states what differs from an untouched
Answer (``chunks``: how many stamps; ``usage``: [input, output, cached, reasoning] with -1 for "said nothing").

    def test_samples(sample):            # pytest.mark.parametrize("sample", load_samples(folder), ids=str)
        check(dialect("mine"), sample)
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llmload.dialects import Dialect, classify
from llmload.errors import DecodeError
from llmload.records import Answer, Api, Call

TAILS = {
    "text/event-stream": b'data: {"half an',
    "application/json": b" \r\n\t",
    "application/vnd.amazon.eventstream": b"\0\0\0\x80\0\0",
}
"""What may follow a body without meaning anything: an event never completed, white space."""


@dataclass(frozen=True)
class Sample:
    name: str
    body: bytes
    about: str
    outcome: str
    api: str = "chat"
    stream: bool = True
    status: int = 200
    content_type: str = "text/event-stream"
    answer: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    @property
    def call(self) -> Call:
        return Call(0, "c", "t", Api(self.api), "m", stream=self.stream)


def load_samples(folder: Path) -> list[Sample]:
    """Every sample in a folder, by name."""
    return [_load(path) for path in sorted(folder.glob("*.sample"))]


def _load(path: Path) -> Sample:
    head, _, body = path.read_bytes().partition(b"---\n")
    return Sample(name=path.stem, body=body, **tomllib.loads(head.decode()))


def read(dialect: Dialect, sample: Sample, reads: list[bytes], keep_text: bool = True) -> Answer:
    """The Answer to a body that arrives in these reads; the time of a read is how many bytes have come by then."""
    answer = Answer(keep_text)
    reader = dialect.reader(sample.call, answer, sample.status, sample.content_type)
    t = 0
    for data in reads:
        t += len(data)
        reader.feed(data, t)
    reader.close(t)
    return answer


def facts(answer: Answer) -> dict[str, Any]:
    """Everything an Answer says but for when."""
    usage = answer.usage
    return {
        "chunks": len(answer.stamps),
        "events": answer.events,
        "finish": answer.finish,
        "choices_finished": answer.choices_finished,
        "ended": answer.ended,
        "error": answer.error,
        "usage": usage and [-1 if n is None else n for n in (usage.input, usage.output, usage.cached, usage.reasoning)],
        "model": answer.model,
        "items": answer.items,
        "malformed": answer.malformed,
        "tool_calls": answer.tool_calls,
        "content_type": answer.content_type,
        "text": None if answer.text is None else "".join(answer.text),
        "output": answer.first_output > 0,
    }


def expected(sample: Sample) -> dict[str, Any]:
    """``sample.answer`` over the facts of an Answer in which nothing happened."""
    plain = facts(Answer(keep_text=True)) | {"content_type": sample.content_type.partition(";")[0]}
    unknown = sample.answer.keys() - plain.keys()
    assert not unknown, f"{sample.name}: no such facts: {unknown}"
    return plain | sample.answer


def check(dialect: Dialect, sample: Sample) -> None:
    """Whole, byte by byte, in two reads at any place, and with a tail."""
    body = sample.body
    whole = read(dialect, sample, [body])
    assert facts(whole) == expected(sample)
    assert str(classify(sample.call, sample.status, whole, None)[0]) == sample.outcome

    bytewise = read(dialect, sample, [body[at : at + 1] for at in range(len(body))])
    assert facts(bytewise) == expected(sample)
    _check_times(sample, bytewise)

    for at in range(1, len(body), 1 + len(body) // 50):
        assert facts(read(dialect, sample, [body[:at], body[at:]])) == expected(sample)

    tail = TAILS.get(whole.content_type, b"") if sample.status == 200 else b""
    assert facts(read(dialect, sample, [body, tail])) == expected(sample)
    assert facts(read(dialect, sample, [body + tail])) == expected(sample)
    assert facts(read(dialect, sample, [body], keep_text=False)) == expected(sample) | {"text": None}


def _check_times(sample: Sample, answer: Answer) -> None:
    """A stamp is the time of the read that completed the chunk: in a stream of lines, that of a line end."""
    stamps = list(answer.stamps)
    assert stamps == sorted(set(stamps))
    if answer.content_type == "text/event-stream":
        assert all(sample.body[stamp - 1] in b"\r\n" for stamp in stamps)
    if stamps:
        assert 0 < answer.first_event <= stamps[0]
        assert not answer.first_output or answer.first_output in stamps


def check_hostile(dialect: Dialect, sample: Sample, reads: list[bytes]) -> None:
    """Any bytes at all give a sane Answer or a DecodeError, never another exception."""
    try:
        answer = read(dialect, sample, reads)
    except DecodeError:
        return
    size = sum(map(len, reads))
    assert len(answer.stamps) <= answer.events <= size
    for line in (answer.error or "", answer.model, answer.finish or "", answer.content_type):
        assert len(line) <= 300
        assert line == "" or line.isprintable()
    classify(sample.call, sample.status, answer, None)
