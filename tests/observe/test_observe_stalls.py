"""Which late answers show a stall: for any stall that is planted, its true length lies where it is said to lie."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from llmload.metrics.probed import Probed, Stall
from llmload.observe.stalls import Asked, StallFinder

LIMIT = 0.1


def answered(sent: float, blocked: list[tuple[float, float]], takes: float = 0.001, nap: float = 0.0) -> Asked:
    """A server that answers after ``takes``, or as much after the block it ran into."""
    free = max((end for start, end in blocked if start <= sent + takes and sent < end), default=sent)
    return Asked(sent, free + takes, nap)


def found(probes: list[Asked], limit: float = LIMIT, pieces: int = 7) -> list[Stall]:
    """Stalls of probes that are told in pieces, in the order in which they were over."""
    finder, probed = StallFinder(limit), Probed(1.0, limit)
    told = sorted(probes, key=lambda each: each.end)
    for at in range(0, len(told), pieces):
        for stall in finder.find(told[at : at + pieces]):
            probed.stalled(stall)
    return probed.stalls


@settings(max_examples=40)
@given(
    st.floats(5, 200), st.lists(st.floats(0.25, 3.0), min_size=1, max_size=5), st.floats(0, 0.05), st.integers(0, 99)
)
def test_a_planted_stall_is_found_and_lasted_as_long_as_is_said(
    rate: float, lengths: list[float], takes: float, seed: int
) -> None:
    rng, at, blocks = random.Random(seed), 4.0, []
    for length in lengths:
        at += 0.5 + rng.random()
        blocks.append((at, at + length + 1 / rate))
        at += length + 1 / rate
    probes = [answered(n / rate, blocks, takes) for n in range(round((at + 1) * rate))]
    stalls = found(probes)
    assert len(stalls) == len(blocks)
    for stall, (start, end) in zip(stalls, blocks, strict=True):
        assert stall.least <= end - start + 2 * takes + 1e-9
        assert stall.most >= end - start - 1e-9
        assert stall.most - stall.least <= 1 / rate + 1e-9
        assert start - takes <= stall.at <= start + 1 / rate + 1e-9


def test_a_server_that_is_slow_all_the_time_does_not_stand_still() -> None:
    assert found([Asked(n / 20, n / 20 + 0.4 + 0.0001 * (n % 9)) for n in range(200)], pieces=20) == []


def test_what_stands_still_most_of_the_time_stands_still_each_time() -> None:
    blocks = [(1.0 + n, 1.8 + n) for n in range(20)]
    assert len(found([answered(n / 20, blocks) for n in range(440)])) == 20


def test_who_hears_late_does_not_say_that_it_was_answered_late() -> None:
    finder = StallFinder(LIMIT)
    calm = [Asked(n / 20, n / 20 + 0.001) for n in range(20)]
    assert finder.find(calm) == []
    assert finder.find([Asked(1.0, 1.25, nap=0.2)]) == []
    assert finder.doubtful == 1
    (stall,) = finder.find([Asked(2.0, 2.25, nap=0.1)])
    assert stall.least == 0.15
    assert finder.doubtful == 1


def test_what_is_never_answered_is_a_stall_as_long_as_was_waited() -> None:
    (stall,) = found([*(Asked(n / 20, n / 20 + 0.001) for n in range(20)), Asked(1.0, 6.0, answered=False)])
    assert stall.seconds == 5.0


def test_one_worker_of_many_that_stands_still_is_seen() -> None:
    probes = [Asked(n / 20, n / 20 + (0.5 if n == 40 else 0.001)) for n in range(100)]
    (stall,) = found(probes)
    assert (stall.at, stall.seconds) == (2.0, 0.5)
    assert stall.before <= 0.05
