"""The curves of the scenario format: one class per ``type``, each of which builds its arrivals curve.

A curve's levels are rates ("50/s") where it plans requests and plain numbers where it plans users. Times inside a
curve count from the curve's own beginning. To add one: a class here and its name in the union ``CurveTable``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from llmload.arrivals import curves
from llmload.arrivals.diurnal import OFFICE_DAY, OFFICE_WEEK
from llmload.scenario.positions import Path
from llmload.scenario.quantities import Duration, Flag, Level, LevelField, Number, Offset, Share, Whole
from llmload.scenario.table import Table
from llmload.units import format_seconds

__all__ = ["ConstantCurve", "CurveBase", "CurveTable", "fit"]

_DAY = 86400.0


class CurveBase(Table):
    """What every curve can do."""

    def span(self) -> float | None:
        """Seconds the curve takes by itself; None: as long as it is given."""
        return None

    def build(self, duration: float) -> curves.Curve:
        """The curve over ``duration`` seconds. Raises ValueError for figures that don't go together."""
        raise NotImplementedError

    def levels(self) -> Iterator[tuple[Path, Level]]:
        """Every level with the path of its key below this table."""
        for name, field in type(self).model_fields.items():
            for path, level in _levels(getattr(self, name)):
                yield (field.alias or name, *path), level


def fit(curve: CurveBase, duration: float) -> curves.Curve:
    """The curve built to last ``duration`` seconds. Raises ValueError where its own figures say otherwise."""
    built = curve.build(duration)
    if not math.isclose(built.duration, duration, rel_tol=1e-9):
        own, given = format_seconds(built.duration), format_seconds(duration)
        raise ValueError(f"by its own figures it lasts {own}, but it is to last {given}")
    return built


def _levels(value: object) -> Iterator[tuple[Path, Level]]:
    if isinstance(value, Level):
        yield (), value
    elif isinstance(value, _Part):
        for path, level in value.curve.levels():
            yield ("curve", *path), level
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            for path, level in _levels(item):
                yield (index, *path), level


class ConstantCurve(CurveBase):
    """Always the same level."""

    type: Literal["constant"]
    rate: LevelField = Field(description="The level.")

    def build(self, duration: float) -> curves.Curve:
        return curves.Constant(self.rate.value, duration)


class RampCurve(CurveBase):
    """From one level to another, in a straight line in time."""

    type: Literal["ramp"]
    start: LevelField = Field(alias="from", description="Level at the beginning.")
    end: LevelField = Field(alias="to", description="Level at the end.")
    exponential: Flag = Field(False, description="Grow by the same factor in equal times instead of the same amount.")

    def build(self, duration: float) -> curves.Curve:
        return curves.Ramp(self.start.value, self.end.value, duration, self.exponential)


class StepsCurve(CurveBase):
    """One level after another, each held equally long."""

    type: Literal["steps"]
    steps: tuple[LevelField, ...] = Field(alias="levels", min_length=1, max_length=10_000, description="The levels.")
    each: Duration | None = Field(None, description="How long each is held; left out, they share the duration.")

    def span(self) -> float | None:
        return self.each * len(self.steps) if self.each else None

    def build(self, duration: float) -> curves.Curve:
        levels = tuple(level.value for level in self.steps)
        return curves.Steps(levels, self.each or duration / len(levels))


class SpikeCurve(CurveBase):
    """A base with one spike."""

    type: Literal["spike"]
    base: LevelField = Field(description="Level before and after.")
    peak: LevelField = Field(description="Level in the spike.")
    at: Offset = Field(description="When the spike begins.")
    width: Duration = Field(description="How long the peak is held.")
    rise: Offset = Field(0.0, description="How long the way up takes, and the way down; 0: at once.")

    def build(self, duration: float) -> curves.Curve:
        return curves.Spike(self.base.value, self.peak.value, self.at, self.width, duration, self.rise)


class BurstCurve(CurveBase):
    """Bursts that come back."""

    type: Literal["burst"]
    base: LevelField = Field(description="Level between bursts.")
    peak: LevelField = Field(description="Level in a burst.")
    period: Duration = Field(description="From the beginning of one burst to that of the next.")
    width: Duration = Field(description="How long a burst lasts.")
    offset: Offset = Field(0.0, description="When the first one begins.")

    def build(self, duration: float) -> curves.Curve:
        return curves.Burst(self.base.value, self.peak.value, self.period, self.width, duration, self.offset)


class SineCurve(CurveBase):
    """Waves around a mean."""

    type: Literal["sine"]
    mean: LevelField = Field(description="The level the waves go around.")
    amplitude: LevelField = Field(description="How far up and down they go; at most the mean.")
    period: Duration = Field(description="Length of a wave.")
    phase: Share = Field(0.0, description="Share of a wave to begin at: 0 rising through the mean, 0.25 at the top.")

    def build(self, duration: float) -> curves.Curve:
        return curves.Sine(self.mean.value, self.amplitude.value, self.period, duration, self.phase)


class PointsCurve(CurveBase):
    """Straight lines through given points."""

    type: Literal["points"]
    points: tuple[tuple[Offset, LevelField], ...] = Field(
        min_length=2, max_length=100_000, description='[["0s", "10/s"], ["1m", "50/s"]]: times in order, the first 0.'
    )

    def span(self) -> float | None:
        return self.points[-1][0]

    def build(self, duration: float) -> curves.Curve:
        return curves.Points(tuple((at, level.value) for at, level in self.points))


class DiurnalCurve(CurveBase):
    """The shape of a day and a week, as slow or as compressed as asked for."""

    type: Literal["diurnal"]
    peak: LevelField = Field(description="Level where the hour's multiplier and the day's factor are 1.")
    day: Duration = Field(_DAY, description='How long a day takes in the run: "1h" compresses it 24 times.')
    start: Offset = Field(0.0, description='When in the week to begin, since Monday 0:00: "8h", "5d" for Saturday.')
    hours: tuple[Number, ...] = Field(OFFICE_DAY, min_length=24, max_length=24, description="Multiplier per full hour.")
    week: tuple[Number, ...] = Field(OFFICE_WEEK, min_length=7, max_length=7, description="Factor per day from Monday.")

    def build(self, duration: float) -> curves.Curve:
        return curves.Diurnal(self.peak.value, duration, self.hours, self.week, self.start, self.day / _DAY)


class RandomBurstsCurve(CurveBase):
    """Bursts at random times, the same for the same seed; where they overlap they add."""

    type: Literal["random-bursts"]
    base: LevelField = Field(description="Level between bursts.")
    peak: LevelField = Field(description="Level in a burst.")
    width: Duration = Field(description="How long a burst lasts.")
    count: Whole = Field(le=10_000, description="How many there are.")
    seed: int = Field(1, ge=0, lt=2**63, strict=True, description="Another seed puts them elsewhere.")

    def build(self, duration: float) -> curves.Curve:
        return curves.RandomBursts(self.base.value, self.peak.value, self.width, self.count, duration, self.seed)


class _Part(Table):
    """A curve inside another."""

    curve: CurveTable = Field(description="The curve.")
    duration: Duration | None = Field(None, description="How long it lasts.")

    def span(self) -> float | None:
        """Seconds it takes, None if nothing says."""
        return self.duration if self.duration is not None else self.curve.span()


class SumPart(_Part):
    """One of the curves of a sum."""

    at: Offset = Field(0.0, description="When it begins.")


class SequencePart(_Part):
    """One of the curves of a sequence."""


class SumCurve(CurveBase):
    """Several curves at once; rates add."""

    type: Literal["sum"]
    parts: tuple[SumPart, ...] = Field(min_length=1, max_length=1000, description="Curves, each from `at` on.")

    def span(self) -> float | None:
        ends = [part.at + span for part in self.parts if (span := part.span()) is not None]
        return max(ends) if len(ends) == len(self.parts) else None

    def build(self, duration: float) -> curves.Curve:
        parts: list[tuple[float, curves.Curve]] = []
        for number, part in enumerate(self.parts, 1):
            span = part.span()
            length = duration - part.at if span is None else span
            if length <= 0 or part.at + length > duration * (1 + 1e-9):
                raise ValueError(f"part {number} ends after the {duration:g} s that the sum lasts")
            parts.append((part.at, fit(part.curve, length)))
        if max(at + curve.duration for at, curve in parts) < duration:
            parts.append((0.0, curves.Constant(0.0, duration)))
        return curves.Sum(tuple(parts))


class SequenceCurve(CurveBase):
    """Curves one after the other."""

    type: Literal["sequence"]
    parts: tuple[SequencePart, ...] = Field(min_length=1, max_length=1000, description="Curves with their durations.")

    def span(self) -> float | None:
        spans = [span for part in self.parts if (span := part.span()) is not None]
        return sum(spans) if len(spans) == len(self.parts) else None

    def build(self, duration: float) -> curves.Curve:
        missing = [number for number, part in enumerate(self.parts, 1) if part.span() is None]
        if missing:
            raise ValueError(f"part {missing[0]} of the sequence needs a duration")
        return curves.Sequence(tuple(fit(part.curve, part.span() or 0.0) for part in self.parts))


CurveTable = Annotated[
    ConstantCurve | RampCurve | StepsCurve | SpikeCurve | BurstCurve | SineCurve | PointsCurve | DiurnalCurve
    | RandomBurstsCurve | SumCurve | SequenceCurve,
    Field(discriminator="type"),
]  # fmt: skip
"""Any curve."""

for _model in (_Part, SumPart, SequencePart, SumCurve, SequenceCurve):
    _model.model_rebuild()
