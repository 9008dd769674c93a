"""Billing after the answer: a queue that grows where its worker is too slow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmload.sim.backlog import Backlog
from llmload.sim.spec import BillingSpec
from tests.sim.sim_kit import Bench


@given(st.lists(st.integers(0, 500), min_size=1, max_size=50), st.sampled_from([1.0, 4.0, 50.0]))
def test_a_backlog_is_what_came_less_what_could_be_done(gaps: list[int], rate: float) -> None:
    backlog, t, left = Backlog(BillingSpec(rate=rate)), 0.0, 0.0
    for gap in gaps:
        t += gap / 1000
        left = max(0.0, left - gap / 1000 * rate) + 1
        backlog.add(t)
        assert backlog.depth(t) == pytest.approx(left, abs=1.001)
        assert backlog.depth(t) >= 1
    assert backlog.depth(t + len(gaps) / rate + 1) == 0


def _queue(bench: Bench) -> int:
    page = bench.get("/metrics").body.decode()
    (line,) = (line for line in page.splitlines() if line.startswith("sim:billing_queue{"))
    return int(line.rsplit(" ", 1)[1])


def test_answered_requests_wait_to_be_billed() -> None:
    bench = Bench(jitter=0, billing={"rate": "1/s"})
    for _ in range(30):
        bench.chat(2)
    bench.get("/v1/nothing")
    bench.time.run(2)
    assert 27 <= _queue(bench) <= 30, "what was refused is not billed"
    bench.time.run(60)
    assert _queue(bench) == 0


def test_who_does_not_bill_has_no_queue() -> None:
    assert b"billing" not in Bench().get("/metrics").body
