"""What a finished call costs on its way from the measuring process into the result, and each chunk of it."""

from __future__ import annotations

from array import array
from collections.abc import Callable

from benchmarks.decoders import timed
from benchmarks.tables import Table
from llmload.clock import NS
from llmload.cluster.courier import Courier, fold, pack, unpack
from llmload.metrics.recorder import Recorder, RecorderSetup
from llmload.metrics.summary import Summary
from llmload.outputs.request_log import encode_record
from llmload.records import Api, Call, Message, Outcome, Record, Usage

__all__ = ["finished", "run"]

_HEADS = ("step", "where", "µs per call", "ns per chunk of 100")
_CALLS = 200
_CHUNKS = 100


def finished(index: int, start: int, chunks: int = _CHUNKS, cls: str = "chat") -> Record:
    """A good streamed call, as the engine leaves it, that began at ``start`` (ns)."""
    call = Call(index, cls, "main", Api.CHAT, "m", stream=True, messages=(Message("user", "How are you?"),))
    record = Record(call, start)
    record.dispatched = record.connected = record.sent = start + 50_000
    record.headers = record.first_byte = start + 90_000_000
    answer = record.answer
    step = 20_000_000 + index % 97 * 10_000
    answer.stamps = array("q", range(start + 100_000_000, start + 100_000_000 + chunks * step, step))
    answer.first_event = answer.first_output = answer.stamps[0]
    answer.events, answer.finish, answer.ended, answer.usage = chunks + 2, "stop", True, Usage(20, chunks)
    record.outcome, record.status, record.reused = Outcome.OK, 200, True
    record.last_content = record.end = answer.stamps[-1]
    record.bytes_in, record.bytes_out = chunks * 250, 300
    return record


def _recorder() -> Recorder:
    return Recorder(RecorderSetup(start=NS, objectives={"chat": {"ttft": NS // 2, "itl": NS // 10}}))


def _steps(chunks: int) -> dict[tuple[str, str], Callable[[], int]]:
    """Name and place of each step -> what does it _CALLS times."""
    records = [finished(index, NS + index * NS // 100, chunks) for index in range(_CALLS)]
    packed = [pack(record) for record in records]
    courier, recorder, folding, total = Courier(), _recorder(), _recorder(), Summary(start=NS)

    def add() -> int:
        for record in records:
            recorder.add(record)
        total.merge(recorder.take())
        return _CALLS

    def carry() -> int:
        for record in records:
            courier.add(record)
        courier.take(0, None)
        return _CALLS

    def whole() -> int:
        for record in records:
            courier.add(record)
        fold(courier.take(0, None), folding)
        folding.take()
        return _CALLS

    return {
        ("pack", "worker"): carry,
        ("unpack", "parent"): lambda: len([unpack(each) for each in packed]),
        ("Recorder.add, take, merge", "parent"): add,
        ("request log, line", "parent"): lambda: len([encode_record(record, NS, 0.0) for record in records]),
        ("request log, line with chunks", "parent"): lambda: len(
            [encode_record(record, NS, 0.0, chunks=True) for record in records]
        ),
        ("pack, unpack, add, take", "both"): whole,
    }


def run(quick: bool) -> list[Table]:
    """The cost of each step for a call of one chunk and of 100; the difference is the chunks'."""
    table, seconds = Table("records", _HEADS), 0.02 if quick else 0.5
    one, many = _steps(1), _steps(_CHUNKS)
    for step, where in one:
        (short, calls), (long, _) = timed(one[step, where], seconds), timed(many[step, where], seconds)
        per_chunk = (long - short) / calls / (_CHUNKS - 1) * 1e9
        table.rows.append([step, where, short / calls * 1e6, max(0.0, per_chunk)])
    return [table]
