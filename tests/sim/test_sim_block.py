"""The fault `block` keeps the loop from everything else, where there is one of its own; the truth log has it."""

from __future__ import annotations

from llmload.sim.faults import parse_fault
from llmload.sim.planting import Planter
from llmload.sim.script import Script
from llmload.sim.spec import SimSpec
from llmload.sim.truth import Truth
from llmload.sim.visits import SimRequest, Visit


class Nobody:
    """Whom no answer is sent to."""


def test_the_loop_is_kept_for_as_long_as_is_said() -> None:
    kept: list[float] = []
    fault = parse_fault("block:seconds=250ms")
    planter = Planter(SimSpec(faults=(fault,)), lambda: 0, kept.append)
    request = SimRequest("POST", "/v1/chat/completions", {}, b"")
    visit, script = Visit(request, Nobody(), Truth(0, 0), []), Script()  # type: ignore[arg-type]
    fault.plant(script)
    planter.cast(visit, script)
    assert kept == [0.25]
    assert visit.truth.faults == ["block"]
