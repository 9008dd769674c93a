"""The Recorder: folds finished calls into a Summary, at a price the measuring loop can pay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from llmload.clock import NS
from llmload.metrics.batch import SCALARS, CallBatch, GapBatch, Head, Part, TripBatch
from llmload.metrics.buckets import COARSE, FINE
from llmload.metrics.failures import ErrorGroup, ErrorKey, add_error, shape
from llmload.metrics.health import WorkerHealth
from llmload.metrics.histogram import Histogram
from llmload.metrics.pairing import Pairing, Waiting
from llmload.metrics.reading import Reading, TokenPrices
from llmload.metrics.slices import POPULATIONS, CellKey, Slice
from llmload.metrics.slowest import Ranking
from llmload.metrics.summary import PhaseInfo, Summary
from llmload.metrics.track import Track, tell
from llmload.metrics.windows import NEVER_ENDED, SERIES, Window, Windows, coarsen, width_for
from llmload.records import Api, Outcome, Record

__all__ = ["OTHER", "Recorder", "RecorderSetup"]

OTHER: Final = "(other)"
"""Target, model and tags of the calls beyond ``max_cells`` cells."""

_GOOD, _FAILED, _CENSORED = range(len(POPULATIONS))
_VALUES: Final = tuple(metric.value for metric in SCALARS if metric.value is not None)
_NEEDS_CONTENT: Final = frozenset({"ttft", "ttft_send", "ttfo"})
"""Per-request objectives that a call without any content misses; others it merely has no part in."""


@dataclass(frozen=True, slots=True)
class RecorderSetup:
    """What a Recorder must know of the run.

    ``start``: monotonic ns. ``objectives``: class -> metric -> bound in the metric's own unit (ns, tokens): the
    largest good value, or the smallest where more is better; for ``itl`` the longest gap counts. ``prices``:
    target, or ``price_key`` of a model there -> $ per million input, output and cached tokens, and $ per request.
    ``slice_tags``: the tags cells are cut by. ``follow``: target -> the labels of its answers of which is kept who
    served when. ``stall``: ns. Beyond ``max_cells`` cells, those of a class and phase share one. ``pairs``: the targets
    of each paired class.
    """

    start: int
    phases: tuple[PhaseInfo, ...] = ()
    objectives: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    prices: Mapping[str, tuple[float, float, float, float]] = field(default_factory=dict)
    slice_tags: tuple[str, ...] = ()
    follow: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    stall: int = NS
    max_cells: int = 1000
    worker: int = 0
    pairs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


Bound = Callable[[Reading], bool]


def _bound(name: str, limit: int) -> Bound:
    """Whether a call keeps one per-request objective."""
    if name == "itl":
        return lambda reading: max(reading.record.gaps, default=0) <= limit
    metric = next((metric for metric in SCALARS if metric.name == name), None)
    if metric is None or metric.value is None:
        raise ValueError(f"a per-request objective on {name!r}, which is not a metric of single calls")
    value, lower, needed = metric.value, metric.better != "higher", name in _NEEDS_CONTENT

    def kept(reading: Reading) -> bool:
        found = value(reading)
        if found is None:
            return not needed
        return found <= limit if lower else found >= limit

    return kept


class _Cell:
    """Where the calls of one CellKey go until the next take."""

    __slots__ = ("key", "number", "part")

    def __init__(self, key: CellKey, number: int) -> None:
        self.key = key
        self.number = number
        self.part = Slice()


class Recorder:
    """Folds Records; ``take`` returns what was added since the last one. Not thread-safe.

    ``waiting``: calls that wait for their partner, shared by the Recorders of one run, since the calls of a pair may be
    sent by different workers.
    ``ValueError`` if an objective of the setup is on something that is not a metric of single calls.
    """

    def __init__(self, setup: RecorderSetup, waiting: Waiting | None = None) -> None:
        self._setup = setup
        self._prices = {
            target: TokenPrices.per_million(prices) for target, prices in setup.prices.items() if any(prices)
        }
        self._bounds = {
            cls: tuple(_bound(name, limit) for name, limit in limits.items())
            for cls, limits in setup.objectives.items()
        }
        self._tags = frozenset(setup.slice_tags)
        waiting = {} if waiting is None else waiting
        self._pairing = Pairing(setup.pairs, setup.start, self._tags, waiting) if setup.pairs else None
        self._ranking = Ranking(setup.start, frozenset(phase.name for phase in setup.phases if not phase.measure))
        self._schedule_end = max((phase.end for phase in setup.phases), default=float("inf"))
        self._cells: dict[CellKey, _Cell] = {}
        self._numbered: list[_Cell] = []
        self._calls, self._gaps, self._trips = CallBatch(), GapBatch(), TripBatch()
        self._latest = setup.start
        self._fresh()

    def _fresh(self) -> None:
        self._planned = self._sent = self._completed = 0
        self._windows: Windows = {}
        self._errors: dict[ErrorKey, ErrorGroup] = {}
        self._health: dict[int, WorkerHealth] = {}
        self._tracks: dict[str, Track] = {}

    # What the engine reports

    def planned(self, t: int) -> None:
        """A call is due at ``t``."""
        self._planned += 1
        self._window(self._second(t), "").planned += 1

    def later(self, index: int, turn: int, t: int) -> None:
        """A later turn of session ``index`` is due at ``t``."""
        self.planned(t)

    def sent(self, t: int) -> None:
        """A call was sent at ``t``."""
        self._sent += 1
        self._window(self._second(t), "").sent += 1

    def planned_and_sent(self, planned: Iterable[int], sent: Iterable[int]) -> None:
        """The same for many, given their times."""
        for second, calls in Counter(map(self._second, planned)).items():
            self._planned += calls
            self._window(second, "").planned += calls
        for second, calls in Counter(map(self._second, sent)).items():
            self._sent += calls
            self._window(second, "").sent += calls

    def in_flight(self, n: int, t: int) -> None:
        """``n`` of this worker's calls are in flight at ``t``."""
        peaks = self._window(self._second(t), "").peaks
        if n > peaks.get(self._setup.worker, 0):
            peaks[self._setup.worker] = n

    def health(self, sample: WorkerHealth) -> None:
        """What a worker saw of itself since its last sample."""
        self._health.setdefault(sample.worker, WorkerHealth(sample.worker)).merge(sample)

    def add(self, record: Record) -> None:
        """A call is over. What is costly is put off until enough has come together."""
        if self._setup.follow and (labels := self._setup.follow.get(record.call.target)):
            tell(self._tracks, labels, record, self._setup.start)
        if not record.final:
            self._attempt(record)
            return
        outcome = record.outcome
        reading = Reading(record, self._prices)
        cell = self._cell(record)
        second = self._second(record.end or record.planned)
        population = _GOOD if reading.good else _FAILED if outcome.error else _CENSORED
        within = reading.good and all(kept(reading) for kept in self._bounds.get(record.call.cls, ()))
        self._count(reading, within, cell.part)
        self._count_in_window(reading, within, self._window(second, record.call.cls))
        if population == _FAILED:
            self._group_error(record)
            if outcome is Outcome.TIMEOUT_IDLE:
                self._stall_to_the_end(record, cell.part)
        elif outcome is Outcome.GENERATOR_ERROR:
            self._group_error(record)
        self._ranking.add(reading)
        head = Head(cell.number, population, second)
        values = [value(reading) for value in _VALUES]
        self._calls.add(head, values)
        if self._pairing is not None:
            self._pairing.add(record, reading.good, values)
        if record.answer.round_trips:
            self._trips.add(head, record.answer.round_trips)
        if record.call.api is not Api.SOCKET:
            self._gaps.add(head, record.answer.stamps)
        if self._calls.full:
            self._fold_calls()
        if self._trips.full:
            self._fold_trips()
        if self._gaps.full:
            self._fold_gaps()

    def take(self) -> Summary:
        """Everything since the last take; the Recorder starts anew."""
        self._fold_calls()
        self._fold_trips()
        self._fold_gaps()
        setup = self._setup
        delta = Summary(setup.start, min((self._latest - setup.start) / NS, self._schedule_end), setup.phases)
        for cell in self._numbered:
            if cell.part.calls or cell.part.attempts:
                delta.cells[cell.key], cell.part = cell.part, Slice()
        delta.window_seconds = width_for(max(self._windows, default=0))
        delta.windows = coarsen(self._windows, delta.window_seconds)
        delta.errors, delta.health, delta.tracks = self._errors, self._health, self._tracks
        delta.planned, delta.sent, delta.completed = self._planned, self._sent, self._completed
        delta.slowest = self._ranking.take()
        if self._pairing is not None:
            delta.pairs, delta.alone = self._pairing.take()
        self._fresh()
        return delta

    # Where things go

    def _second(self, t: int) -> int:
        if t > self._latest:
            self._latest = t
        return max(0, t - self._setup.start) // NS

    def _window(self, second: int, cls: str) -> Window:
        by_class = self._windows.get(second)
        if by_class is None:
            by_class = self._windows[second] = {}
        window = by_class.get(cls)
        if window is None:
            window = by_class[cls] = Window()
        return window

    def _cell(self, record: Record) -> _Cell:
        call = record.call
        tags = tuple(sorted(tag for tag in (*call.tags, *record.labels) if tag[0] in self._tags)) if self._tags else ()
        key = CellKey(call.cls, call.target, call.model, record.phase, tags)
        cell = self._cells.get(key)
        if cell is None and len(self._cells) >= self._setup.max_cells:
            key = CellKey(call.cls, OTHER, OTHER, record.phase, tuple((name, OTHER) for name, _ in tags))
            cell = self._cells.get(key)
        if cell is None:
            cell = self._cells[key] = _Cell(key, len(self._numbered))
            self._numbered.append(cell)
        return cell

    # Counting, at once

    def _count(self, reading: Reading, within: bool, part: Slice) -> None:
        record = reading.record
        part.calls += 1
        part.outcomes[record.outcome] = part.outcomes.get(record.outcome, 0) + 1
        part.token_sources[reading.source] = part.token_sources.get(reading.source, 0) + 1
        part.cost_pico += reading.cost or 0
        part.bytes_in += record.bytes_in
        part.bytes_out += record.bytes_out
        part.queued += record.queued
        part.reused += record.reused
        part.streams += len(record.answer.stamps) > 0
        if reading.good:
            part.input_tokens += reading.input_tokens or 0
            part.output_tokens += reading.output_tokens or 0
            part.goodput += within
        self._completed += record.outcome not in NEVER_ENDED

    @staticmethod
    def _count_in_window(reading: Reading, within: bool, window: Window) -> None:
        outcome = reading.record.outcome
        window.outcomes[outcome] = window.outcomes.get(outcome, 0) + 1
        if reading.good:
            window.input_tokens += reading.input_tokens or 0
            window.output_tokens += reading.output_tokens or 0
            window.goodput += within

    def _attempt(self, record: Record) -> None:
        """Another attempt follows: what became of the call is not known yet."""
        part = self._cell(record).part
        part.attempts[record.outcome] = part.attempts.get(record.outcome, 0) + 1
        part.bytes_in += record.bytes_in
        part.bytes_out += record.bytes_out
        part.cost_pico += Reading(record, self._prices).cost or 0

    def _group_error(self, record: Record) -> None:
        at = max(0, record.end - self._setup.start) / NS
        group = ErrorGroup(record.outcome, record.status, 1, record.detail, at, at, {record.call.cls: 1})
        add_error(self._errors, (record.outcome, record.status, shape(record.detail)), group)

    def _stall_to_the_end(self, record: Record, part: Slice) -> None:
        """A stream that was given up on stalled from its last chunk on; no gap between chunks shows that."""
        stamps = record.answer.stamps
        waited = record.end - (stamps[-1] if stamps else record.sent or record.planned)
        part.stalls += 1
        part.stall_ns += waited
        part.streams += not stamps
        part.stalled_calls += max(record.gaps, default=0) <= self._setup.stall
        part.failed.setdefault("stall", Histogram()).record([waited // 1000])

    # Folding, by the hundred

    def _fold_calls(self) -> None:
        batch, self._calls = self._calls, CallBatch()
        for part in batch.fold():
            self._put(part)

    def _fold_trips(self) -> None:
        batch, self._trips = self._trips, TripBatch()
        for part in batch.fold():
            self._put(part)

    def _fold_gaps(self) -> None:
        batch, self._gaps = self._gaps, GapBatch()
        for part in batch.fold(self._setup.stall):
            if isinstance(part, Part):
                self._put(part)
            else:
                cell = self._numbered[part.cell].part
                cell.stalls += part.gaps
                cell.stall_ns += part.ns
                cell.stalled_calls += 1

    def _put(self, part: Part) -> None:
        (number, population, second), name, counts = part
        cell = self._numbered[number]
        histograms: dict[str, Histogram] = getattr(cell.part, POPULATIONS[population])
        if name not in histograms:
            histograms[name] = Histogram()
        histograms[name].add(counts)
        if population == _GOOD and name in SERIES:
            self._window(second, cell.key.cls).add(name, FINE.regroup(counts, COARSE))
