"""From the process that measures to the one that folds: finished calls in compact form.

Folding a call into histograms costs several times what it takes to pack it up, and would hold the measuring loop for
milliseconds at a time. So a worker only packs; its parent folds. Prompts and texts stay behind.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

from llmload.metrics.health import WorkerHealth
from llmload.metrics.recorder import Recorder
from llmload.records import Answer, Call, Record

__all__ = ["Batch", "Courier", "fold", "pack", "unpack"]

_CALL: Final = (
    "index",
    "cls",
    "target",
    "api",
    "model",
    "stream",
    "max_tokens",
    "input_tokens",
    "tags",
    "turn",
    "image_bytes",
)
_ANSWER: Final = tuple(name for name in Answer.__slots__ if name not in ("stamps", "text"))
_RECORD: Final = tuple(name for name in Record.__slots__ if name not in ("answer", "call"))
_call_of, _answer_of, _record_of = attrgetter(*_CALL), attrgetter(*_ANSWER), attrgetter(*_RECORD)

Packed = tuple[tuple[Any, ...], tuple[Any, ...], tuple[Any, ...], bytes]


def _filler(names: tuple[str, ...]) -> Callable[[object, tuple[Any, ...]], None]:
    """A function that sets these attributes in one statement; a loop of ``setattr`` takes four times as long."""
    made: dict[str, Any] = {}
    places = ", ".join(f"it.{name}" for name in names)
    exec(f"def fill(it, values):\n    {places} = values", made)  # noqa: S102 - of names of ours alone
    fill: Callable[[object, tuple[Any, ...]], None] = made["fill"]
    return fill


_fill_answer, _fill_record = _filler(_ANSWER), _filler(_RECORD)


def pack(record: Record) -> Packed:
    """Everything of a Record that is measured or logged, as plain values."""
    answer = record.answer
    return _call_of(record.call), _answer_of(answer), _record_of(record), answer.stamps.tobytes()


def unpack(packed: Packed) -> Record:
    """The inverse of ``pack``, without prompts and texts."""
    (index, cls, target, api, model, stream, most, tokens, tags, turn, pictured), answered, recorded, stamps = packed
    record, answer = Record.__new__(Record), Answer.__new__(Answer)
    record.call = Call(
        index,
        cls,
        target,
        api,
        model,
        stream,
        max_tokens=most,
        input_tokens=tokens,
        tags=tags,
        turn=turn,
        image_bytes=pictured,
    )  # fmt: skip
    record.answer = answer
    _fill_record(record, recorded)
    _fill_answer(answer, answered)
    answer.stamps, answer.text = array("q", stamps), None
    return record


@dataclass(frozen=True, slots=True)
class Batch:
    """What a worker has to say since its last one. ``planned`` and ``sent``: times, as bytes of int64.
    ``later``: (index, turn, time) of turns that followed from answers."""

    calls: list[Packed]
    planned: bytes
    later: list[tuple[int, int, int]]
    sent: bytes
    peak: tuple[int, int]
    in_flight: int
    health: WorkerHealth | None


class Courier:
    """Stands where a Recorder would, and keeps what it is told until the next ``take``."""

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self._calls: list[Packed] = []
        self._planned: array[int] = array("q")
        self._later: list[tuple[int, int, int]] = []
        self._sent: array[int] = array("q")
        self._peak = (0, 0)

    def planned(self, t: int) -> None:
        """See Recorder."""
        self._planned.append(t)

    def later(self, index: int, turn: int, t: int) -> None:
        """See Recorder."""
        self._later.append((index, turn, t))

    def sent(self, t: int) -> None:
        """See Recorder."""
        self._sent.append(t)

    def in_flight(self, n: int, t: int) -> None:
        """See Recorder; the peak of a batch is enough."""
        if n > self._peak[0]:
            self._peak = (n, t)

    def add(self, record: Record) -> None:
        """See Recorder."""
        self._calls.append(pack(record))

    def take(self, in_flight: int, health: WorkerHealth | None) -> Batch:
        """Everything since the last take."""
        batch = Batch(
            self._calls, self._planned.tobytes(), self._later, self._sent.tobytes(), self._peak, in_flight, health
        )
        self._clear()
        return batch


def fold(batch: Batch, recorder: Recorder) -> list[Record]:
    """Tell ``recorder`` what the courier brought; the calls in it."""
    recorder.planned_and_sent(array("q", batch.planned), array("q", batch.sent))
    for index, turn, t in batch.later:
        recorder.later(index, turn, t)
    if batch.peak[0]:
        recorder.in_flight(*batch.peak)
    if batch.health is not None:
        recorder.health(batch.health)
    records = [unpack(packed) for packed in batch.calls]
    for record in records:
        recorder.add(record)
    return records
