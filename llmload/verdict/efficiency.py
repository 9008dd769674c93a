"""What the target makes of what it uses: tokens and calls per second, per core, per GB of memory and per replica.

    output_per_core = output tokens per second / mean number of cores in use, both over the same measured time

With a class, the work is that of the class alone; what is used is always what the target uses as a whole in that time,
so kinds of load are told apart by phases in which one of them is there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from llmload.metrics.observed import figure_of, mean_of
from llmload.verdict.kinds import Kind, Stat
from llmload.verdict.target import OBSERVE

if TYPE_CHECKING:
    from llmload.metrics.summary import Summary
    from llmload.verdict.view import Flow, View

__all__ = ["EFFICIENCY", "RESOURCES", "WORKS", "Resource", "Work", "efficiency", "used"]


@dataclass(frozen=True, slots=True)
class Work:
    """``of``: how much of it went by."""

    title: str
    of: Callable[[Flow], float]
    kind: Kind


@dataclass(frozen=True, slots=True)
class Resource:
    """``figure``: what is observed of it; ``unit``: so much of that is one of it."""

    title: str
    figure: str
    unit: float = 1.0


WORKS: Final[Mapping[str, Work]] = {
    "output": Work("output tokens", lambda flow: flow.output_tokens, Kind.SPEED),
    "tokens": Work("tokens, both ways,", lambda flow: flow.input_tokens + flow.output_tokens, Kind.SPEED),
    "calls": Work("calls that ended well", lambda flow: flow.ok, Kind.RATE),
}
RESOURCES: Final[Mapping[str, Resource]] = {
    "core": Resource("core in use", "cores"),
    "gb": Resource("GB (10^9 bytes) of resident memory", "memory", 1e9),
    "replica": Resource("replica", "replicas"),
}


def used(view: View, resource: Resource) -> float | None:
    """How much of it the target used, on the average of the time that is looked at; None where nobody saw it."""
    name = _observer(view, resource)
    if name is None:
        return None
    samples = view.summary.observed[name].figures.get(resource.figure)
    mean = None if samples is None else mean_of(samples.within(view.spans))
    return None if mean is None else mean / resource.unit


def efficiency(view: View, work: Work, resource: Resource) -> float | None:
    """Work per second and unit of the resource; None where one of the two is not known, or nothing was used."""
    amount = used(view, resource)
    if not amount or not view.flow.any:
        return None
    return work.of(view.flow) / view.flow.seconds / amount


def _observer(view: View, resource: Resource) -> str | None:
    """The one that is named, or the only one that saw the resource."""
    if named := view.named.get(OBSERVE, ""):
        return named if named in view.summary.observed else None
    found = _witnesses(view.summary, resource)
    return found[0] if len(found) == 1 else None


def _witnesses(summary: Summary, resource: Resource) -> list[str]:
    return sorted(name for name, each in summary.observed.items() if each.figures.get(resource.figure))


def _lacking(view: View, resource: Resource) -> str:
    """Why there is no figure, in words."""
    title = figure_of(resource.figure).title
    named, found = view.named.get(OBSERVE, ""), _witnesses(view.summary, resource)
    if named and named in view.summary.observed and named not in found:
        seen = view.summary.observed[named]
        return seen.missing.get(resource.figure) or seen.trouble or f"{named} does not see {title}"
    if named and named not in found:
        return f"there is no observer {named!r}"
    if not named and len(found) > 1:
        return f"several observers see {title} ({', '.join(found)}): name one, like {{observe={found[0]}}}"
    if not found:
        return f"no observer sees {title}: see docs/observe.md"
    return f"nothing was used of it, or nothing done, in measured time ({title})"


def _stat(work: Work, resource: Resource) -> Stat:
    def read(view: View) -> tuple[float | None, int]:
        return efficiency(view, work, resource), round(work.of(view.flow))

    return Stat(
        work.kind, read, f"{work.title} per second and {resource.title}", frozenset({"class", "phase", OBSERVE}),
        why=lambda view: _lacking(view, resource),
    )  # fmt: skip


EFFICIENCY: Final[Mapping[str, Stat]] = {
    f"{what}_per_{of}": _stat(work, resource) for what, work in WORKS.items() for of, resource in RESOURCES.items()
}
"""``WORK_per_RESOURCE`` -> how to read it."""
