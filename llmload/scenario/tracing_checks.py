"""Whether a scenario that is traced leaves the header to the tracing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from llmload.errors import Problem
from llmload.scenario.positions import Path
from llmload.scenario.subject import Subject
from llmload.tracing import HEADER

__all__ = ["traced"]


def traced(subject: Subject) -> Iterator[Problem]:
    """``traceparent`` is written by whoever makes the ids: one of the two must go."""
    if subject.scenario.tracing is None:
        return
    for path, names in _headers(subject):
        for name in names:
            if name.lower() == HEADER:
                what = f"{HEADER} is sent already, as [tracing] is on"
                yield subject.problem((*path, name), what, "leave out this header, or [tracing] and --trace")


def _headers(subject: Subject) -> Iterator[tuple[Path, Iterable[str]]]:
    """Every table of headers, and where it is."""
    scenario = subject.scenario
    for name, target in scenario.targets.items():
        yield ("targets", name, "headers"), target.headers
    for name, cls in scenario.classes.items():
        yield ("classes", name, "headers"), cls.headers
        for key, recipe in (("http", cls.http), ("socket", cls.socket)):
            if recipe is not None:
                yield ("classes", name, key, "headers"), recipe.headers
    for dimension, values in scenario.dimensions.items():
        for name, value in values.items():
            yield ("dimensions", dimension, name, "headers"), value.headers
