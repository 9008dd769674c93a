"""How long prompts were planned to be: by which counter, and what was learned of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from llmload.metrics.learned import Learned
from llmload.metrics.summary import Summary
from llmload.records import Api
from llmload.scenario.plan import Plan
from llmload.workload.spec import RequestClass

__all__ = ["CounterInfo", "counters_of", "learned_in", "said"]

_ESTIMATED: Final = "tokens estimated"


@dataclass(frozen=True, slots=True)
class CounterInfo:
    """What the tokens of a class's prompts were counted with before they were sent.

    ``counter``: "estimate", "file", "tiktoken" or "server"; ``vocabulary``: the file's name, the encoding, the model
    that the server counted for; "" with an estimate. ``overhead``: tokens planned beside the text. ``counted``: made-up
    prompts that the server counted. What a run learned of its estimates is in its summary.
    """

    name: str
    counter: str = "estimate"
    vocabulary: str = ""
    overhead: int = 0
    counted: int = 0


def counters_of(plan: Plan) -> tuple[CounterInfo, ...]:
    """Those of the classes that ask anything."""
    return tuple(_counter(cls) for cls in plan.classes if cls.api is not Api.MODELS)


def _counter(cls: RequestClass) -> CounterInfo:
    spec, fitted = cls.tokenizer, cls.prompt.fitted
    name = Path(spec.name).name if spec.kind == "file" else spec.name
    return CounterInfo(cls.name, spec.kind, name, spec.overhead, len(fitted.pool) if fitted else 0)


def learned_in(summary: Summary) -> Learned:
    """What all workers together were told of estimated prompts."""
    learned = Learned()
    for health in summary.health.values():
        learned.merge(health.learned)
    return learned


def said(counters: Iterable[CounterInfo], summary: Summary) -> Iterator[str]:
    """A line for each way of counting, with the classes that it was used for; nothing where all is estimated."""
    learned = learned_in(summary)
    ways: dict[str, list[str]] = {}
    for each in counters:
        ways.setdefault(_way(each, learned.factors(each.name)), []).append(each.name)
    if set(ways) - {_ESTIMATED}:
        for way, names in ways.items():
            yield f"prompts of {', '.join(names)}: {way}"


def _way(info: CounterInfo, learned: Mapping[str, float]) -> str:
    if learned:
        kinds = ", ".join(f"{kind} {factor:.3f}" for kind, factor in learned.items() if kind)
        return f"{_ESTIMATED}; learned: the server counts {learned['']:.3f} for each ({kinds})"
    if info.counter == "server":
        return f"tokens counted by the server's own tokenizer ({info.counted:,} prompts)"
    return f"tokens counted with {info.vocabulary}" if info.vocabulary else _ESTIMATED
