"""The fault `hoard` keeps memory that is really there, and no more than it may."""

from __future__ import annotations

import psutil

from llmload.sim.faults import parse_fault
from llmload.sim.planting import Planter
from llmload.sim.script import Script
from llmload.sim.spec import SimSpec
from llmload.sim.truth import Truth
from llmload.sim.visits import SimRequest, Visit

MIB = 2**20


class Nobody:
    """Whom no answer is sent to."""


def visit() -> Visit:
    request = SimRequest("POST", "/v1/chat/completions", {}, b"")
    return Visit(request, Nobody(), Truth(0, 0), [])  # type: ignore[arg-type]


def test_memory_is_kept_up_to_the_most() -> None:
    fault = parse_fault("hoard:size=4MiB,most=42MiB")
    planter = Planter(SimSpec(faults=(fault,)), lambda: 0)
    before, struck = psutil.Process().memory_info().rss, 0
    for _ in range(20):
        script, here = Script(), visit()
        fault.plant(script)
        planter.cast(here, script)
        struck += here.truth.faults == ["hoard"]
    assert struck == 10
    grown = psutil.Process().memory_info().rss - before
    assert 0.85 * 40 * MIB < grown < 1.05 * 40 * MIB, "a part may go into memory that this process had and did not use"
