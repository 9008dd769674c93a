"""What servers say, read by the OpenAI dialect: exact in the quick ways, no exception but DecodeError."""

from __future__ import annotations

import re
import unicodedata
from random import Random
from typing import Any

import orjson
from fuzz_case import Case, Fuzz, small_reads
from fuzz_words import DOCUMENT_WORDS, ERROR_WORDS, STREAM_WORDS, document, error_body, like_events, stream

from llmload.dialects import classify, dialect
from llmload.errors import DecodeError
from llmload.records import Answer, Api, Call, Outcome

__all__ = ["DOCUMENT", "ERROR", "STREAM", "answer_facts", "is_clean", "late_stamps"]

OPENAI = dialect("openai")
BROKEN = "broken"


def answer_facts(answer: Answer) -> dict[str, Any]:
    """Everything an Answer says but for when."""
    usage = answer.usage
    names = ("events", "finish", "choices_finished", "ended", "error", "model", "items", "malformed", "tool_calls")
    return {name: getattr(answer, name) for name in names} | {
        "chunks": len(answer.stamps),
        "usage": usage and (usage.input, usage.output, usage.cached, usage.reasoning),
        "text": None if answer.text is None else "".join(answer.text),
        "output": answer.first_output > 0,
    }


def is_clean(text: str) -> bool:
    """One bounded line that changes nothing where it is printed."""
    return len(text) <= 300 and not any(
        unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn") for char in text
    )


def late_stamps(single: list[int], reads: list[bytes]) -> list[int]:
    """What stamps must be, given those of the bytewise reading: the end of the read in which each byte came."""
    ends: list[int] = []
    total = 0
    for data in reads:
        total += len(data)
        ends.append(total)
    late, at = [], 0
    for stamp in single:
        while ends[at] < stamp:
            at += 1
        late.append(ends[at])
    return late


def read(call: Call, reads: list[bytes], keep: bool, status: int = 200, kind: str = "text/event-stream") -> Any:
    """(facts, stamps) of an answer whose reads came at the offset of their last byte; BROKEN for a DecodeError."""
    answer = Answer(keep)
    reader = OPENAI.reader(call, answer, status, kind)
    t = 0
    try:
        for data in reads:
            t += len(data)
            reader.feed(data, t)
        reader.close(t)
    except DecodeError:
        return BROKEN, []
    outcome, detail = classify(call, status, answer, None)
    assert is_clean(detail), repr(detail)
    assert is_clean(answer.error or ""), repr(answer.error)
    assert is_clean(answer.model), repr(answer.model)
    assert (detail == "") is outcome.good
    return answer_facts(answer) | {"outcome": outcome}, list(answer.stamps)


def check_stream(case: Case) -> None:
    call = Call(0, "c", "t", Api.COMPLETIONS if case.odd & 16 else Api.CHAT, "m", stream=True)
    keep = bool(case.odd & 32)
    small, exact = small_reads(case)
    plain, stamps = read(call, small, keep)
    for reads in ([case.data], case.reads):
        found, late = read(call, reads, keep)
        assert found == plain, f"{reads}\nread at once: {found}\nin small reads: {plain}"
        assert not exact or late == late_stamps(stamps, reads), f"{reads}: {late}, byte by byte {stamps}"


_APIS = (Api.CHAT, Api.EMBEDDINGS, Api.COMPLETIONS, Api.MODELS, Api.EMBEDDINGS)


def check_document(case: Case) -> None:
    call = Call(0, "c", "t", _APIS[case.odd % len(_APIS)], "m")
    whole, stamps = read(call, [case.data], True, kind="application/json")
    assert not stamps
    assert read(call, case.reads, True, kind="application/json")[0] == whole
    if call.api is Api.EMBEDDINGS:
        _check_vectors(case.data, whole)


def _check_vectors(data: bytes, found: dict[str, Any]) -> None:
    """Vectors are cut out unread; what is left must mean what the whole means."""
    try:
        parsed = orjson.loads(data)
    except orjson.JSONDecodeError:
        return
    entries = parsed.get("data") if isinstance(parsed, dict) else None
    if isinstance(entries, list):
        assert found["items"] == sum(1 for entry in entries if isinstance(entry, dict) and entry.get("embedding"))
    elif found["error"] is None:
        assert found["malformed"] == (data.strip() != b"")


_KEY = re.compile(r"(?a)\bsk-0123456789abcdef")
"""A key that stands alone; the end of a word ("disk-0123456789") is none."""
_STATUSES = (500, 400, 429, 503, 301, 404, 600, 199)


def check_error(case: Case) -> None:
    call = Call(0, "c", "t", Api.CHAT, "m", stream=True)
    status = _STATUSES[case.odd % len(_STATUSES)]
    whole, _ = read(call, [case.data], False, status, "text/html")
    assert read(call, case.reads, False, status, "text/html")[0] == whole
    assert whole["outcome"] in (
        Outcome.HTTP_5XX, Outcome.HTTP_4XX, Outcome.HTTP_429, Outcome.HTTP_503, Outcome.PROTOCOL_ERROR,
    )  # fmt: skip
    assert not _KEY.search(whole["error"] or ""), whole["error"]


def _stream(random: Random) -> bytes:
    return random.choice((stream, stream, like_events))(random)


STREAM = Fuzz("stream", _stream, check_stream, STREAM_WORDS, 4, (b"\n\n", b"\r\n\r\n", b"\r\r"))
DOCUMENT = Fuzz("document", document, check_document, DOCUMENT_WORDS, 2, (b",",))
ERROR = Fuzz("error", error_body, check_error, ERROR_WORDS, 2, (b" ",))
