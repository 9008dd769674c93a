"""Before a run: prompts of targets that count their own tokens (``tokenizer = { server = true }``)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from llmload.engine.run import due
from llmload.scenario.plan import Plan
from llmload.transport.tokenize import TargetCounter
from llmload.workload.fitting import fit, fixed_texts, made_texts, told
from llmload.workload.spec import RequestClass
from llmload.workload.workload import Workload

__all__ = ["counted_by_targets"]


def counted_by_targets(plan: Plan) -> Plan:
    """``plan`` with prompts of exact length in it; the same plan where no target is to count.

    Raises UsageError (the target has no ``/tokenize``), UnreachableError.
    """
    if not any(cls.tokenizer.kind == "server" for cls in plan.classes):
        return plan
    return asyncio.run(_counted(plan))


async def _counted(plan: Plan) -> Plan:
    workload = Workload(plan.classes, plan.seeds.mix, plan.seeds.prompts)
    weights = (None, *(phase.weights for phase in plan.phases if phase.weights is not None))
    made = made_texts(workload, weights, _calls(plan))
    classes = [
        await _asked(plan, cls, made.get(cls.name, {})) if cls.tokenizer.kind == "server" else cls
        for cls in plan.classes
    ]
    return replace(plan, classes=tuple(classes))


def _calls(plan: Plan) -> int | None:
    """How many calls are planned; None where that is not known, or where sessions ask more than once."""
    if plan.load.model == "closed":
        return plan.load.max_requests
    return None if any(cls.conversation is not None for cls in plan.classes) else due(plan, 0, 1)


async def _asked(plan: Plan, cls: RequestClass, made: Mapping[str, None]) -> RequestClass:
    counter = TargetCounter(plan.target(cls.targets[0]))
    try:
        await counter.open(cls.model)
        fixed = fixed_texts(cls)
        known = dict(zip(fixed, await counter.count(cls.model, fixed), strict=True))
        rounds = fit(made)
        texts = next(rounds, None)
        while texts is not None:
            try:
                texts = rounds.send(await counter.count(cls.model, texts))
            except StopIteration as end:
                return told(cls, end.value, known)
        return told(cls, {}, known)
    finally:
        await counter.close()
