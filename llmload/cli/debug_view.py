"""Both sides of one call, for reading."""

from __future__ import annotations

from collections.abc import Iterator

from llmload.app.single import Single
from llmload.safe import clean
from llmload.tracing import HEADER
from llmload.units import format_bytes, format_ns

__all__ = ["show"]

_LINE = 200
_PIECES = 40


def show(single: Single) -> str:
    """Request, answer with the time of each read, and how it was classified; server text made harmless."""
    return "\n".join([*_request(single), "", *_answer(single), "", *_times(single)]) + "\n"


def _request(single: Single) -> Iterator[str]:
    request = single.request
    yield f"> {request.method} {request.path}"
    yield from (f"> {name}: {value}" for name, value in request.headers)
    if single.record.trace:
        yield f"> {HEADER}: {single.record.trace}"
    if request.body:
        yield f"> {clean(request.body.decode(errors='replace'), 2000)}"


def _answer(single: Single) -> Iterator[str]:
    record = single.record
    if record.status:
        yield f"< {record.status}"
        yield from (f"< {clean(name, 80)}: {clean(value, _LINE)}" for name, value in single.headers.items())
    for at, data in single.pieces[:_PIECES]:
        yield f"< {format_ns(at):>9}  {clean(data.decode(errors='replace').replace(chr(10), ' | '), _LINE)}"
    if single.cut or len(single.pieces) > _PIECES:
        yield f"< ... {format_bytes(record.bytes_in)} in all"


def _times(single: Single) -> Iterator[str]:
    record, answer = single.record, single.record.answer
    yield f"outcome     {record.outcome.value}" + (f" ({clean(record.detail)})" if record.detail else "")
    for words, at in (
        ("connected", record.connected),
        ("headers", record.headers),
        ("first token", record.first_content),
    ):
        if at:
            yield f"{words:<12}{format_ns(at - (record.dispatched if words == 'connected' else record.sent))}"
    yield f"{'end':<12}{format_ns(record.end - (record.sent or record.dispatched))}"
    if answer.stamps:
        yield f"{'chunks':<12}{len(answer.stamps)}"
    if answer.finish:
        yield f"{'finish':<12}{clean(answer.finish, 40)}"
    if answer.usage is not None:
        yield f"{'usage':<12}{answer.usage.input} in, {answer.usage.output} out"
