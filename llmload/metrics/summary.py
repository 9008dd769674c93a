"""The Summary: everything a run, or a part of one, has measured. Summaries add up exactly.

A worker's Recorder makes small ones (deltas); their sum over time and over workers is the result.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from llmload.metrics.differences import Alone, PairKey, Pairs, PairSums, merge_pairs
from llmload.metrics.failures import ErrorGroup, ErrorKey, merge_errors
from llmload.metrics.health import Gauge, WorkerHealth
from llmload.metrics.histogram import Histogram
from llmload.metrics.observed import Observed
from llmload.metrics.slices import CellKey, Slice
from llmload.metrics.slowest import SlowCall, Slowest, merge_slowest
from llmload.metrics.track import Track
from llmload.metrics.windows import MAX_WINDOWS, Window, Windows, as_slice, coarsen

__all__ = ["CellKey", "ErrorGroup", "Gauge", "Histogram", "PhaseInfo", "Slice", "Summary", "Window", "WorkerHealth"]

_LONGEST: Final = 400 * 86400
"""Seconds; a document that says more is damaged."""
DIMENSIONS: Final = ("class", "target", "model", "phase")


@dataclass(frozen=True, slots=True)
class PhaseInfo:
    """A named stretch of the run, in seconds from its start; ``end`` is exclusive. Calls belong to the phase
    they were planned in. What is not measured (warm-up) is kept, and left out of totals."""

    name: str
    start: float
    end: float
    measure: bool = True


@dataclass(slots=True)
class Summary:
    """``start`` is the run's monotonic start (ns); ``elapsed`` the seconds of its schedule covered so far.

    ``windows`` are ``window_seconds`` wide, numbered from the start. ``completed`` counts calls that ran to an
    end, good or bad, and not those dropped or unfinished. ``tracks``: label -> who served when, of the labels that
    the run was to follow. ``pairs``: the differences of paired classes; ``alone``: their calls that have no partner, or
    none yet. ``observed``: by the observers' names, what was seen of the target beside its answers. ``slowest``: by
    class, its slowest calls.
    """

    start: int = 0
    elapsed: float = 0.0
    phases: tuple[PhaseInfo, ...] = ()
    cells: dict[CellKey, Slice] = field(default_factory=dict)
    windows: Windows = field(default_factory=dict)
    window_seconds: int = 1
    errors: dict[ErrorKey, ErrorGroup] = field(default_factory=dict)
    planned: int = 0
    sent: int = 0
    completed: int = 0
    health: dict[int, WorkerHealth] = field(default_factory=dict)
    tracks: dict[str, Track] = field(default_factory=dict)
    pairs: Pairs = field(default_factory=dict)
    alone: Alone = field(default_factory=dict)
    observed: dict[str, Observed] = field(default_factory=dict)
    slowest: Slowest = field(default_factory=dict)

    def merge(self, other: Summary) -> None:
        """Add another part of the same run; any order and any grouping gives the same sum. (The one exception:
        beyond 100 kinds of error, which ones are kept apart depends on the order.)"""
        self.start = min(self.start, other.start) if self.start and other.start else self.start or other.start
        self.elapsed = max(self.elapsed, other.elapsed)
        self.phases = self.phases or other.phases
        for name in ("planned", "sent", "completed"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for key, part in other.cells.items():
            self.cells.setdefault(key, Slice()).merge(part)
        self._merge_windows(other)
        merge_errors(self.errors, other.errors)
        for worker, health in other.health.items():
            self.health.setdefault(worker, WorkerHealth(worker)).merge(health)
        for label, track in other.tracks.items():
            self.tracks.setdefault(label, Track()).merge(track)
        merge_pairs(self.pairs, other.pairs)
        for who, calls in other.alone.items():
            self.alone[who] = self.alone.get(who, 0) + calls
        for name, seen in other.observed.items():
            self.observed.setdefault(name, Observed()).merge(seen)
        merge_slowest(self.slowest, other.slowest)

    def _merge_windows(self, other: Summary) -> None:
        width = max(self.window_seconds, other.window_seconds)
        self.windows = coarsen(self.windows, width // self.window_seconds)
        self.window_seconds = width
        for number, by_class in other.windows.items():
            here = self.windows.setdefault(number * other.window_seconds // width, {})
            for cls, window in by_class.items():
                here.setdefault(cls, Window()).merge(window)

    # Cuts

    def select(self, measured: bool = True, **where: str) -> Slice:
        """The calls of which all of ``where`` holds (keys: class, target, model, phase, or a tag), added up.

        Unless ``measured`` is False, phases that are not measured are left out (a phase asked for by its
        name never is). What doesn't occur gives an empty Slice.
        """
        whole = Slice()
        for _, part in self._chosen(measured, where):
            whole.merge(part)
        return whole

    def split(self, by: str, **where: str) -> dict[str, Slice]:
        """The measured calls of which ``where`` holds, apart by the values of one dimension or tag; those that have
        none are left out."""
        parts: dict[str, Slice] = {}
        for key, part in self._chosen(True, where):
            if value := key.value(by):
                parts.setdefault(value, Slice()).merge(part)
        return parts

    def _chosen(self, measured: bool, where: dict[str, str]) -> Iterator[tuple[CellKey, Slice]]:
        unmeasured = {phase.name for phase in self.phases if not phase.measure}
        skipped = unmeasured if measured and "phase" not in where else set()
        for key, part in self.cells.items():
            if key.phase not in skipped and all(key.value(name) == value for name, value in where.items()):
                yield key, part

    def paired(self, target: str, against: str, **where: str) -> PairSums:
        """The pairs of these two targets, what ``target`` had more than ``against``, as far as ``where`` holds (keys:
        class, phase, or a tag). Unmeasured phases are left out unless asked for by name."""
        whole = PairSums()
        for key, sums in self.pairs.items():
            if {key.target, key.against} != {target, against} or not self._wanted(key.phase, where):
                continue
            if all(key.value(name) == value for name, value in where.items()):
                whole.merge(sums if key.target == target else sums.turned())
        return whole

    def without_partner(self) -> int:
        """Calls of paired classes, of measured phases, that were over and had no partner to be compared with."""
        return sum(calls for (_, phase), calls in self.alone.items() if self._wanted(phase, {}))

    def _wanted(self, phase: str, where: dict[str, str]) -> bool:
        return "phase" in where or phase not in {info.name for info in self.phases if not info.measure}

    def dimensions(self) -> dict[str, list[str]]:
        """The values that occur of class, target, model, phase (in the order of the run) and every tag."""
        tags = sorted({name for key in self.cells for name, _ in key.tags})
        found = {name: sorted({key.value(name) for key in self.cells} - {""}) for name in (*DIMENSIONS, *tags)}
        order = {phase.name: n for n, phase in enumerate(self.phases)}
        found["phase"].sort(key=lambda name: order.get(name, len(order)))
        return found

    def rolling(self, seconds: float, upto: float, **where: str) -> Slice:
        """The calls that ended in [upto - seconds, upto) (s from the start; whole windows), all phases.

        Only ``class`` can be cut by. Holds counts, tokens, outcomes, and ``good`` histograms of TTFT, chunk
        gaps and latency to 2 digits.
        """
        if other := ", ".join(sorted(set(where) - {"class"})):
            raise ValueError(f"a rolling window can be cut by class, not by {other}")
        return as_slice(self.between(upto - seconds, upto, where.get("class")))

    def between(self, start: float, end: float, cls: str | None = None) -> Iterator[Window]:
        """The windows that begin in [start, end) (s), of one class or, without ``cls``, of all and none."""
        width = self.window_seconds
        for number in range(max(0, int(-(-start // width))), int(-(-end // width))):
            by_class = self.windows.get(number, {})
            yield from by_class.values() if cls is None else filter(None, [by_class.get(cls)])

    def measured(self) -> tuple[float, int, int]:
        """Seconds covered so far of the measured phases, and the calls planned and sent in them (to the width
        of a window where a phase begins within one)."""
        spans = [(phase.start, min(phase.end, self.elapsed)) for phase in self.phases if phase.measure]
        if not self.phases:
            return self.elapsed, self.planned, self.sent
        windows = [window for start, end in spans for window in self.between(start, end, "")]
        covered = sum(max(0.0, end - start) for start, end in spans)
        return covered, sum(window.planned for window in windows), sum(window.sent for window in windows)

    # Forms

    def to_json(self) -> dict[str, Any]:
        """A document of plain values in a fixed order: equal Summaries give equal documents."""
        return {
            "start": self.start,
            "elapsed": self.elapsed,
            "planned": self.planned,
            "sent": self.sent,
            "completed": self.completed,
            "phases": [asdict(phase) for phase in self.phases],
            "cells": [
                {
                    "class": key.cls, "target": key.target, "model": key.model, "phase": key.phase,
                    "tags": dict(key.tags), **self.cells[key].to_json(),
                }
                for key in sorted(self.cells)
            ],
            "errors": [{"shape": key[2], **self.errors[key].to_json()} for key in sorted(self.errors)],
            "window_seconds": self.window_seconds,
            "windows": [
                {"at": number, "class": cls, **window.to_json()}
                for number, by_class in sorted(self.windows.items())
                for cls, window in sorted(by_class.items())
            ],
            "health": [health.to_json() for _, health in sorted(self.health.items())],
            "tracks": {label: track.to_json() for label, track in sorted(self.tracks.items())},
            "pairs": [
                {
                    "class": key.cls, "target": key.target, "against": key.against, "phase": key.phase,
                    "tags": dict(key.tags), **self.pairs[key].to_json(),
                }
                for key in sorted(self.pairs)
            ],
            "alone": [
                {"class": cls, "phase": phase, "calls": calls}
                for (cls, phase), calls in sorted(self.alone.items()) if calls
            ],
            "observed": {name: seen.to_json() for name, seen in sorted(self.observed.items())},
            "slowest": {cls: [call.to_json() for call in calls] for cls, calls in sorted(self.slowest.items())},
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Summary:
        """The inverse of ``to_json``; KeyError, TypeError or ValueError on anything else."""
        plain = ("start", "elapsed", "planned", "sent", "completed", "window_seconds")
        made = cls(**{name: data[name] for name in plain})
        made.phases = tuple(PhaseInfo(**phase) for phase in data["phases"])
        for cell in data["cells"]:
            key = CellKey(cell["class"], cell["target"], cell["model"], cell["phase"], tuple(cell["tags"].items()))
            made.cells[key] = Slice.from_json(cell)
        for error in data["errors"]:
            group = ErrorGroup.from_json({name: error[name] for name in error if name != "shape"})
            made.errors[group.outcome, group.status, error["shape"]] = group
        if not 0 <= made.elapsed <= _LONGEST:
            raise ValueError(f"a run of {made.elapsed:g} s")
        if made.window_seconds < 1:
            raise ValueError(f"windows of {made.window_seconds} s")
        for window in data["windows"]:
            if not 0 <= window["at"] < MAX_WINDOWS:
                raise ValueError(f"window number {window['at']}; there are {MAX_WINDOWS} at most")
            made.windows.setdefault(window["at"], {})[window["class"]] = Window.from_json(window)
        for pair in data.get("pairs", ()):
            of = PairKey(pair["class"], pair["target"], pair["against"], pair["phase"], tuple(pair["tags"].items()))
            made.pairs[of] = PairSums.from_json(pair)
        made.alone = {(each["class"], each["phase"]): int(each["calls"]) for each in data.get("alone", ())}
        made.health = {int(health["worker"]): WorkerHealth.from_json(health) for health in data["health"]}
        made.tracks = {label: Track.from_json(track) for label, track in data.get("tracks", {}).items()}
        made.observed = {name: Observed.from_json(seen) for name, seen in data.get("observed", {}).items()}
        for name, calls in data.get("slowest", {}).items():
            merge_slowest(made.slowest, {name: [SlowCall.from_json(name, call) for call in calls]})
        return made

    def to_bytes(self) -> bytes:
        """Compact, for sending between processes of one run."""
        return pickle.dumps(self, protocol=pickle.HIGHEST_PROTOCOL)

    @classmethod
    def from_bytes(cls, data: bytes) -> Summary:
        """The inverse of ``to_bytes``. Runs what the bytes say: for those of our own workers only."""
        made = pickle.loads(data)  # noqa: S301
        if not isinstance(made, cls):
            raise TypeError(f"not a Summary: {type(made).__name__}")
        return made
