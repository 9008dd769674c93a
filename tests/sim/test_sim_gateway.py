"""A gateway with two providers, autoscaling, coupled routes, and what is left of a spike: all in virtual time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from sim_kit import Bench, Heard

from llmload.errors import UsageError
from llmload.sim.faults import Scaling, parse_fault
from llmload.sim.gateway import Gateway
from llmload.sim.scaling import Scaler
from llmload.sim.script import Script
from llmload.sim.spec import GatewaySpec, ScalingSpec, SimSpec

DOWN = {"kind": "outage", "from": "5s", "to": "30s"}


def asked(bench: Bench, *times: float, **more: Any) -> list[Heard]:
    """A short chat at each of these seconds."""
    heard = []
    for t in times:
        bench.time.run(t)
        heard.append(bench.chat(2, **more))
    bench.time.run(bench.time.t / 1e9 + 5)
    return heard


def served(heard: list[Heard]) -> list[tuple[int, str, str]]:
    return [(one.status, one.headers.get("x-served-by", ""), one.headers["x-circuit"]) for one in heard]


def gateway(*faults: dict[str, Any], **settings: Any) -> Bench:
    return Bench(gateway={"failures": 3, "open": "10s", **settings}, faults=list(faults))


# The gateway.


def test_failures_open_the_breaker_and_a_trial_that_works_closes_it() -> None:
    heard = asked(gateway(DOWN), 0, 6, 7, 8, 9, 17, 18.5, 19, 27, 28.6, 40, 41)
    assert served(heard) == [
        (200, "primary", "closed"),
        (503, "primary", "closed"), (503, "primary", "closed"), (503, "primary", "closed"),
        (200, "fallback", "open"), (200, "fallback", "open"),
        (503, "primary", "half-open"),
        (200, "fallback", "open"), (200, "fallback", "open"),
        (503, "primary", "half-open"),
        (200, "primary", "half-open"),
        (200, "primary", "closed"),
    ]  # fmt: skip


def test_failing_over_takes_its_time() -> None:
    names = [name for _, name, _ in served(asked(gateway(DOWN, delay="4s"), 0, 6, 7, 8, 9, 11, 12.5))]
    assert names == ["primary"] * 6 + ["fallback"]


def test_failing_over_may_be_slow_or_missing() -> None:
    late = asked(gateway(DOWN, {"kind": "failover", "delay": "12s"}), 0, 6, 7, 8, 19, 21)
    assert [name for _, name, _ in served(late)] == ["primary"] * 5 + ["fallback"]
    never = asked(gateway(DOWN, {"kind": "failover", "never": True}), 0, 6, 7, 8, 9, 20, 31)
    assert [one.status for one in never] == [200, 503, 503, 503, 503, 503, 200]


def test_a_breaker_that_never_opens_tries_the_primary_every_time() -> None:
    heard = asked(gateway(DOWN, {"kind": "breaker"}), 0, 6, 7, 8, 9, 10)
    assert served(heard)[1:] == [(503, "primary", "closed")] * 5


def test_what_is_tried_again_at_the_fallback_only_takes_longer() -> None:
    bench = gateway({**DOWN, "after": "1s"}, {"kind": "breaker"}, retry=True)
    before, within = asked(bench, 0, 6)
    assert served([before, within]) == [(200, "primary", "closed"), (200, "fallback", "closed")]
    assert within.pieces[0][0] - 6e9 > 1e9 > before.pieces[0][0]


def test_a_provider_may_take_its_time_to_fail() -> None:
    [heard] = asked(gateway({**DOWN, "from": "0s", "after": "2s"}), 1)
    assert (heard.status, heard.started) == (503, 3_000_000_000)


def test_both_providers_may_be_down_and_there_may_be_but_one() -> None:
    both = gateway(DOWN, {"kind": "outage", "provider": "fallback", "status": 500})
    assert [one.status for one in asked(both, 0, 6, 7, 8, 9)] == [200, 503, 503, 503, 500]
    alone = asked(gateway(DOWN, fallback=""), 0, 6, 7, 8, 9)
    assert served(alone)[-1] == (503, "", "open")
    assert alone[-1].json["error"]["code"] == "no_provider"


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 4))
def test_the_primary_never_fails_more_often_in_a_row_than_allowed(fails: list[bool], most: int) -> None:
    """By the second, and before the first trial."""
    made = Gateway(GatewaySpec(failures=most, open=1000))
    row = 0
    for t, failing in enumerate(fails):
        name, _ = made.serve(t, Script(outages={"primary": (503, 0.0)} if failing else {}))
        row = row + 1 if name == "primary" and failing else 0
        assert row <= most


def test_half_of_the_requests_fail_by_the_seed() -> None:
    def statuses() -> list[int]:
        return [one.status for one in asked(gateway({**DOWN, "rate": "50%"}, failures=100), 0, *range(6, 26))]

    assert statuses() == statuses()
    assert 4 < statuses().count(503) < 16


# Scaling.


def replicas(scaler: Scaler, busy: list[float]) -> list[int]:
    """At the end of each ten seconds that are so busy."""
    return [scaler.look(t * 10, share) for t, share in enumerate(busy)]


SCALING = ScalingSpec(most=3, every=10, delay=15)


def test_replicas_come_late_and_one_by_one_and_go() -> None:
    assert replicas(Scaler(SCALING, []), [0.9] * 6 + [0.5] * 3 + [0.1] * 4) == [1, 1, 1, 2, 3, 3, 3, 3, 3, 3, 2, 1, 1]


def test_what_is_only_busy_for_a_moment_brings_no_replica() -> None:
    scaler = Scaler(SCALING, [])
    for tenth in range(1000):
        assert scaler.look(tenth / 10, 1.0 if tenth % 10 < 5 else 0.2) == 1


def test_scaling_may_never_act_or_go_to_and_fro() -> None:
    assert set(replicas(Scaler(SCALING, [Scaling(how="never")]), [1.0] * 20)) == {1}
    seen = replicas(Scaler(SCALING.model_copy(update={"delay": 0.0}), [Scaling(how="thrash")]), [0.5] * 9)
    assert seen == [1, 3, 1, 3, 1, 3, 1, 3, 1]


def test_replicas_may_bring_compute_and_no_memory() -> None:
    faulty = Scaler(SCALING, [Scaling(how="compute")])
    assert replicas(faulty, [0.9] * 6) == [1, 1, 1, 2, 3, 3]
    assert faulty.caches == 1
    healthy = Scaler(SCALING, [])
    assert replicas(healthy, [0.9] * 6)[-1] == healthy.caches == 3


@pytest.mark.parametrize(("faults", "within"), [([], True), ([{"kind": "scaling", "how": "compute"}], False)])
def test_long_contexts_wait_for_memory_that_no_replica_brings(faults: list[dict[str, Any]], within: bool) -> None:
    scaling = {"most": 4, "every": "1s", "delay": "100ms"}
    bench = Bench(slots=4, kv_tokens=8192, jitter=0, scaling=scaling, faults=faults)
    messages = [{"role": "user", "content": "long " * 2400}]
    for _ in range(60):
        heard = bench.chat(60, messages=messages)
        bench.time.run(bench.time.t / 1e9 + 0.4)
    bench.time.run(bench.time.t / 1e9 + 2)
    assert bool(heard.over) is within


def test_more_replicas_make_more_tokens() -> None:
    bench = Bench(slots=2, jitter=0, scaling={"most": 4, "every": "1s", "delay": "1s"})
    heard = []
    for _ in range(60):
        heard.append(bench.chat(40))
        bench.time.run(bench.time.t / 1e9 + 0.1)
    bench.time.run(60)
    seen = [int(one.headers["x-replicas"]) for one in heard]
    assert (seen[0], seen[-1]) == (1, 4)
    assert {one.status for one in heard} == {200}
    page = bench.get("/metrics").body.decode()
    assert 'sim:replicas{model_name="sim-model"} 1' in page, "idle for long, they are gone"
    assert 'sim:utilization{model_name="sim-model"} 0' in page


# Coupled routes.


def _time_of_chat(*faults: dict[str, Any]) -> float:
    bench = Bench(jitter=0, faults=list(faults))
    chat = bench.chat(50)
    for _ in range(100):
        bench.send("/v1/embeddings", {"model": "sim-model", "input": "x" * 400})
        bench.time.run(bench.time.t / 1e9 + 0.01)
    bench.time.run(60)
    return (chat.pieces[-1][0] - chat.pieces[0][0]) / 1e9


def test_embeddings_starve_chat_only_where_they_share_a_pool() -> None:
    alone = _time_of_chat()
    assert 0.7 < alone < 0.8
    # 100 a second of 4.8 ms each leave the chat a bit more than half of the time.
    assert 1.5 < _time_of_chat({"kind": "shared-pool"}) / alone < 2.2
    assert 1.1 < _time_of_chat({"kind": "shared-pool", "share": "40%"}) / alone < 1.4


# What is left of a spike.


def _after_a_spike(*faults: dict[str, Any]) -> tuple[list[Heard], list[Heard]]:
    """Answers to chats before and after 60 that came at once, onto four slots."""
    bench = Bench(slots=4, jitter=0, faults=list(faults))
    before = asked(bench, 1, 2)
    for _ in range(60):
        bench.chat(20)
    return before, asked(bench, 30, 60, 90)


def _first(heard: Heard) -> float:
    return (heard.pieces[0][0] - heard.started) / 1e9


@pytest.mark.parametrize(("lasts", "slow"), [({}, [True, True, True]), ({"lasts": "40s"}, [True, False, False])])
def test_a_spike_leaves_it_slow_for_a_time_or_for_ever(lasts: dict[str, str], slow: list[bool]) -> None:
    before, after = _after_a_spike({"kind": "slow", "first": "1s", "overload": 40, **lasts})
    assert all(_first(heard) < 0.5 for heard in before)
    assert [_first(heard) > 1 for heard in after] == slow


def test_without_an_overload_nothing_is_left() -> None:
    _, after = _after_a_spike({"kind": "slow", "first": "1s", "overload": 400})
    assert all(_first(heard) < 0.5 for heard in after)


def test_it_may_crash_instead_of_shedding() -> None:
    bench = Bench(slots=4, faults=[{"kind": "reset", "overload": 20, "lasts": "3s"}])
    crowd = [bench.chat(20) for _ in range(60)]
    bench.time.run(30)
    assert [one.over for one in crowd].count("reset") == 60 - 21
    assert bench.chat(2).over == ""


def test_slots_that_are_not_given_back_leave_a_queue() -> None:
    bench = Bench(slots=4, jitter=0, faults=[{"kind": "leak", "to": "1s"}])
    for _ in range(6):
        bench.chat(2)
    bench.time.run(5)
    assert bench.service.batch.slots == 1
    waiting = [bench.chat(20) for _ in range(3)]
    bench.time.run(60)
    assert [one.over for one in waiting] == ["end"] * 3, "one slot is always left"
    assert waiting[1].pieces[0][0] > waiting[0].pieces[-1][0]


def test_a_creep_grows_by_the_minute() -> None:
    first, *others = asked(Bench(jitter=0, faults=[{"kind": "creep", "first": "600ms"}]), 0, 60, 120)
    later = [_first(heard) - _first(first) for heard in others]
    assert later == pytest.approx([0.6, 1.2], abs=0.02)


# Nonsense.


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"faults": [{"kind": "outage"}]}, r"'outage' needs \[sim.gateway\]"),
        ({"faults": [{"kind": "scaling"}]}, r"'scaling' needs \[sim.scaling\]"),
        ({"faults": [{"kind": "slow", "first": 1, "lasts": 3}]}, "`lasts` needs `overload`"),
        ({"gateway": {"primary": "a", "fallback": "a"}}, "different names"),
        ({"gateway": {}, "instances": ["a"]}, "give one of them"),
        ({"scaling": {"least": 3, "most": 2}}, "least .3. must not be above most"),
        ({"scaling": {"in": 0.8}}, "must be below out"),
    ],
)
def test_nonsense_is_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        SimSpec.model_validate(settings)


def test_a_fault_given_later_needs_its_part_too() -> None:
    with pytest.raises(UsageError, match=r"needs \[sim.gateway\]"):
        SimSpec().with_faults([parse_fault("breaker")])
