"""The fault `hoard` keeps memory that is really there, and no more than it may."""

from __future__ import annotations

import multiprocessing

import psutil
import pytest

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


def hoarded() -> tuple[int, int]:
    """How often the fault struck, and by how many bytes this process has grown."""
    fault = parse_fault("hoard:size=4MiB,most=42MiB")
    planter = Planter(SimSpec(faults=(fault,)), lambda: 0)
    before, struck = psutil.Process().memory_info().rss, 0
    for _ in range(20):
        script, here = Script(), visit()
        fault.plant(script)
        planter.cast(here, script)
        struck += here.truth.faults == ["hoard"]
    return struck, psutil.Process().memory_info().rss - before


def test_memory_is_kept_up_to_the_most() -> None:
    """In a process of its own: one that has done other things has pages that are free, and grows by less."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        struck, grown = pool.apply(hoarded)
    assert struck == 10
    assert grown == pytest.approx(40 * MIB, rel=0.05)
