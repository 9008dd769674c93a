"""What ramps come to: made up of a machine whose costs and delays are known, they are found again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import psutil
import pytest

from llmload.app.calibrate import FULL, QUICK, assemble
from llmload.app.ramp import Ramp, Ramped, Sample
from llmload.calibration.calibration import Calibration
from llmload.calibration.compare import Comparison, Deviations
from llmload.calibration.cost import Cost
from llmload.clock import NS
from llmload.errors import ExitStatus, LlmloadError
from llmload.metrics.precision import Pace

START = 1_000 * NS
COST = Cost(0.02, 300e-6, 15e-6)
STREAMS = Ramp("stream", (50.0, 200.0, 400.0), 3.0, 40, 40)
WHOLE = Ramp("whole", (200.0, 1000.0), 2.0, 5, 25)
LATE = 250_000
CPUS = psutil.cpu_count() or 1


def ramped(ramp: Ramp, others: float = 0.0, stolen: float = 0.0) -> Ramped:
    """Calls and events evenly spread, everything read 250 µs late, CPU as COST says."""
    tokens = 40 if ramp.kind == "stream" else 0
    spans = [(START + round(n * ramp.each * NS), level) for n, level in enumerate(ramp.levels)]
    length = round(ramp.each * NS)
    sent = np.concatenate([np.arange(at, at + length, NS / level).astype(np.int64) for at, level in spans])
    read = np.repeat(sent, tokens) + LATE
    false = Deviations(sent + LATE, np.full(len(sent), 20_000_000 + LATE), np.full(len(sent), 20_000_000))
    names = ("ttft", "itl", "latency") if tokens else ("latency",)
    samples = [Sample(START, 0.0, 0.0, 0.0, 0.0, 0.0)]
    for number in range(1, len(ramp.levels) * round(ramp.each * 2) + 1):
        seconds, level = number / 2, ramp.levels[round((number - 1) // (ramp.each * 2))]
        worker = samples[-1].worker + 0.5 * COST.cpu(Pace(level, level * tokens))
        used = worker + 0.5 * seconds
        busy = used + others * seconds * CPUS
        samples.append(Sample(START + round(seconds * NS), worker, 0.5 * seconds, used, busy, stolen * seconds * CPUS))
    comparison = Comparison(sent, read, dict.fromkeys(names, false))
    return Ramped(START, tuple(samples), comparison, len(ramp.levels))


def made(**noise: float) -> Calibration:
    return assemble([(STREAMS, ramped(STREAMS, **noise)), (WHOLE, ramped(WHOLE, **noise))])


def test_the_cost_and_so_the_ceiling_are_found_again() -> None:
    found = made()
    assert (found.cost.call, found.cost.event) == pytest.approx((COST.call, COST.event), rel=0.02)
    assert found.capacity.events_per_second == pytest.approx(52_000, rel=0.03)


def test_every_load_has_its_rates_and_deviations_as_they_came() -> None:
    steps = made().steps
    assert [(step.kind, step.planned) for step in steps] == [
        ("stream", 50.0), ("stream", 200.0), ("stream", 400.0), ("whole", 200.0), ("whole", 1000.0),
    ]  # fmt: skip
    for step in steps:
        assert step.calls == pytest.approx(step.planned, rel=0.03)
        assert step.events == pytest.approx(step.planned * (40 if step.kind == "stream" else 0), rel=0.03)
        assert step.precise
        assert all(deviation.bias == pytest.approx(LATE / NS) for deviation in step.metrics.values())
    assert list(steps[0].metrics) == ["ttft", "itl", "latency"]
    assert list(steps[-1].metrics) == ["latency"]


def test_an_idle_machine_has_not_disturbed() -> None:
    found = made()
    assert not found.disturbed
    assert (found.noise.others, found.noise.steal) == pytest.approx((0.0, 0.0), abs=1e-6)


def test_what_others_and_the_hypervisor_took_is_known() -> None:
    found = made(others=0.3, stolen=0.04)
    assert (found.noise.others, found.noise.steal) == pytest.approx((0.3, 0.04))
    assert found.disturbed
    assert all(step.noise.disturbing for step in found.steps)


def test_levels_that_were_not_reached_are_left_out_and_said() -> None:
    early = replace(ramped(STREAMS), reached=2, stopped="the simulator was at its limit, not the worker")
    found = assemble([(STREAMS, early), (WHOLE, ramped(WHOLE))])
    assert [step.planned for step in found.of("stream")] == [50.0, 200.0]
    assert found.notes == (
        "streams: no higher load than 200/s was tried, as the simulator was at its limit, not the worker",
    )


def test_calls_that_are_not_in_the_log_are_told() -> None:
    lost = ramped(WHOLE)
    lost = replace(lost, comparison=replace(lost.comparison, unmatched=3))
    assert assemble([(STREAMS, ramped(STREAMS)), (WHOLE, lost)]).notes == (
        "answers in one piece: 3 calls could not be found in the simulator's log",
    )


def test_where_nothing_can_be_told_there_is_no_calibration() -> None:
    silent = replace(ramped(WHOLE), samples=())
    with pytest.raises(
        LlmloadError, match=r"came to nothing: too few different loads .* when the machine is idle"
    ) as no:
        assemble([(WHOLE, silent)])
    assert no.value.status == ExitStatus.INVALID


@pytest.mark.parametrize(("ramps", "most"), [(FULL, 45.0), (QUICK, 10.0)], ids=["full", "quick"])
def test_it_leaves_time_to_start_and_to_end_within_what_is_promised(ramps: tuple[Ramp, ...], most: float) -> None:
    assert sum(len(ramp.levels) * ramp.each for ramp in ramps) <= most
