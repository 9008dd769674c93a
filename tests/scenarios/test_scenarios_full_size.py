"""The figures of the catalogue stand in the shipped files, at full size."""

from __future__ import annotations

import pytest
from shipped_runs import full

from llmload.records import Api
from llmload.scenario.plan import Plan
from llmload.workload.mix import shares
from llmload.workload.workload import expected_tokens

MINUTE = 60.0
HOUR = 3600.0


def calls(plan: Plan, phase: str | None = None) -> float:
    """Calls the schedule asks for, in one phase or in all."""
    curve = plan.load.curve
    spans = [(each.start, each.end) for each in plan.phases if phase in (None, each.name)]
    return sum(curve.expected(end) - curve.expected(start) for start, end in spans)


def phases(plan: Plan) -> dict[str, float]:
    """Phase -> seconds."""
    return {phase.name: phase.end - phase.start for phase in plan.phases}


def share(plan: Plan, route: str) -> float:
    """Share of the calls with that ``route`` tag."""
    mix = shares(plan.classes, None)
    return sum(mix[cls.name] for cls in plan.classes if dict(cls.tags).get("route") == route)


def rules(plan: Plan) -> set[str]:
    return {objective.rule for objective in plan.objectives}


@pytest.mark.parametrize(
    ("name", "environment", "peak", "duration", "expected"),
    [
        ("quickstart", "", 10, 20, 200),
        ("baseline", "", 50, 35 * MINUTE, 150 * 50 + 1800 * 50),
        ("peak", "", 250, 70 * MINUTE, 300 * 250 + 3600 * 250),
        ("stress", "", 750, 95 * MINUTE, 11 * 500 * 300 + 2400 * 50),
        ("stress", "until-it-breaks", 750, 95 * MINUTE, 11 * 500 * 300 + 2400 * 50),
        ("spike", "", 600, 15 * MINUTE, 300 * 50 + 180 * 600 + 420 * 50),
        ("spike", "highest", 750, 17 * MINUTE, 300 * 50 + 300 * 750 + 420 * 50),
        ("worker-efficiency", "", 250, 30 * MINUTE, 600 * (50 + 150 + 250)),
        ("workload-scaling", "", 150, 51 * MINUTE, 2 * (300 * 5 + 720 * 24) + 300 * 20 + 720 * 150),
        ("soak", "", 125, 8 * HOUR + 10 * MINUTE, 300 * 125 + 28800 * 125),
        ("day", "", 40, 190 * MINUTE, 600 * 10 + 10800 * 40),
        ("bursts", "", 500, 8 * HOUR, 28800 * 50 + 1800 * 100 + 8 * 600 * 200 + 3 * 300 * 450),
        ("sustained", "", 1000 / 60, MINUTE, 1000),
        ("interference", "", 100, 30 * MINUTE, 600 * (20 + 80 + 100)),
        ("failover", "", 10, 10 * MINUTE, 6000),
        ("circuit-breaker", "", 20, 6 * MINUTE, 7200),
        ("chaos", "", 200, 45 * MINUTE, 2700 * 200),
        ("readiness", "", 10, 2 * MINUTE, 1200),
        ("slo-report", "", 20, 30 * MINUTE, 1800 * 20),
        ("ttft", "", 2, 50, 100),
        ("throughput", "", 1, 50, 50),
        ("inter-chunk", "", 2, 50, 100),
        ("embed-single", "", 5, 20, 100),
        ("tenants", "", 300, 70 * MINUTE, 600 * 60 + 3600 * 300),
        ("dimensions", "", 50, 30 * MINUTE, 1800 * 50),
        ("priorities", "", 60, 15 * MINUTE, 300 * 20 + 600 * 60),
        ("model-cache", "", 30, 25 * MINUTE, 300 * 21 + 1200 * 30),
        ("auth-mix", "", 200, 25 * MINUTE, 25 * 60 * 200),
        ("rest", "", 200, 330, 15 * 200 + 300 * 200),
        ("rest", "smoke", 20, 60, 1200),
        ("rest", "stress", 600, 300, 60 * 2000),
    ],
)
def test_the_load_is_the_catalogues(name: str, environment: str, peak: float, duration: float, expected: float) -> None:
    plan = full(name, environment)
    assert not plan.demo
    assert plan.sim is None
    assert plan.load.model == "open"
    assert plan.load.curve.peak() == pytest.approx(peak)
    assert plan.load.duration == pytest.approx(duration)
    assert calls(plan) == pytest.approx(expected)


def test_auth_storm_goes_from_10_users_to_500_six_times() -> None:
    plan = full("auth-storm")
    assert plan.load.model == "closed"
    users = [round(plan.load.curve.rate((phase.start + phase.end) / 2)) for phase in plan.phases]
    assert users == [10, 500] * 6 + [10]


def test_auth_mix_has_one_invalid_key_in_fifty() -> None:
    (cut,) = full("auth-mix").classes[0].dimensions
    assert dict(cut.own) == {"valid": 98, "invalid": 2}
    assert next(value for value in cut.values if value.name == "invalid").expect_status == {401}


@pytest.mark.parametrize(("name", "users", "duration"), [("baseline", 100, 35 * MINUTE), ("peak", 500, 70 * MINUTE)])
def test_the_closed_variant_has_the_catalogues_users(name: str, users: int, duration: float) -> None:
    load = full(name, "users").load
    assert (load.model, load.curve.peak(), load.duration) == ("closed", users, duration)
    assert load.think == 1.0


@pytest.mark.parametrize("name", ["baseline", "peak", "stress", "soak", "bursts", "worker-efficiency"])
def test_the_production_mix_is_the_catalogues(name: str) -> None:
    plan = full(name)
    assert [round(share(plan, route), 6) for route in ("chat", "embeddings", "models")] == [0.7, 0.25, 0.05]
    by_name = {cls.name: cls for cls in plan.classes}
    lengths = {cls: (by_name[cls].prompt.tokens.low, by_name[cls].prompt.tokens.high) for cls in by_name}
    assert (lengths["chat-short"], lengths["chat-medium"]) == ((10, 50), (50, 150))
    assert by_name["embed-single"].batch.low == 1
    assert by_name["embed-batch"].batch.low > 1
    for cls in (by_name["chat-short"], by_name["chat-medium"]):
        assert expected_tokens(cls)[1] == pytest.approx(150, rel=0.03)
        assert cls.max_tokens is not None
        assert cls.max_tokens.high == 500


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        (
            "baseline",
            {
                "success.rate >= 99.5%",
                "latency.p95{route=chat} <= 1.5s",
                "latency.p99{route=chat} <= 3s",
                "latency.p95{route=embeddings} <= 500ms",
                "latency.p99{route=embeddings} <= 1s",
                "latency.p95{route=models} <= 200ms",
            },
        ),
        (
            "peak",
            {
                "success.rate >= 99%",
                "latency.p95{route=chat} <= 3s",
                "latency.p99{route=chat} <= 7s",
                "latency.p95{route=embeddings} <= 1s",
                "latency.p99{route=embeddings} <= 2s",
            },
        ),
        (
            "sustained",
            {"calls.answered >= 900", "success.rate >= 70%", "rate.completed >= 13.3/s", "latency.p95 < 10s"},
        ),
        (
            "readiness",
            {"success.rate >= 95%", "rate.succeeded >= 9/s", "latency.p95 < 5s", "latency.p99 < 10s"},
        ),
        ("slo-report", {"success.rate >= 99.5%", "errors.rate < 0.5%"}),
        ("ttft", {"ttft.p95 < 500ms"}),
        ("throughput", {"tokens_per_second.mean >= 50", "tokens_per_second.p95 <= 150"}),
        ("inter-chunk", {"itl.mean <= 50ms", "itl.p50 >= 20ms"}),
        ("embed-single", {"latency.p95 < 100ms"}),
    ],
)
def test_the_bounds_are_the_catalogues(name: str, wanted: set[str]) -> None:
    assert wanted <= rules(full(name))


@pytest.mark.parametrize(
    ("environment", "bounds"),
    [
        ("", ("100ms", "200ms", "300ms")),
        ("production", ("100ms", "200ms", "300ms")),
        ("development", ("150ms", "300ms", "500ms")),
        ("degraded", ("300ms", "500ms", "1s")),
    ],
)
@pytest.mark.parametrize("load", ["", "smoke", "load", "stress"])
def test_rest_has_its_targets_and_its_load_by_name(load: str, environment: str, bounds: tuple[str, ...]) -> None:
    plan = full("rest", ",".join(filter(None, (load, environment))))
    wanted = {f"latency.{stat} < {bound}" for stat, bound in zip(("p50", "p95", "p99"), bounds, strict=True)}
    assert wanted <= rules(plan)
    assert plan.load.curve.peak() == {"": 200, "smoke": 20, "load": 200, "stress": 600}[load]


def test_stress_climbs_by_50_every_5_minutes_and_returns_to_the_baseline() -> None:
    plan = full("stress")
    steps = [phase for phase in plan.phases if phase.name.startswith("step-")]
    assert [phase.name for phase in steps] == [f"step-{rate}" for rate in range(250, 751, 50)]
    for phase in steps:
        assert phase.end - phase.start == 300
        assert calls(plan, phase.name) / 300 == pytest.approx(int(phase.name.removeprefix("step-")))
    assert phases(plan)["recovery"] == 900
    assert calls(plan, "recovered") / 600 == pytest.approx(50)


def test_stress_can_end_where_the_service_breaks() -> None:
    found = {objective.rule: objective for objective in full("stress", "until-it-breaks").objectives}
    assert set(found) == {"errors.rate <= 10%", "latency.p99 <= 20s"}
    assert all(objective.abort and objective.window == 60 for objective in found.values())


def test_a_spike_has_two_minutes_to_recover_from() -> None:
    for environment, rate, seconds in (("", 600, 180), ("highest", 750, 300)):
        plan = full("spike", environment)
        assert phases(plan) == {"baseline": 300, "spike": seconds, "recovery": 120, "after": 300}
        assert calls(plan, "spike") / seconds == pytest.approx(rate)
        assert 2 * 250 <= rate <= 3 * 250


def test_the_phases_of_the_bursts_are_where_the_bursts_are() -> None:
    plan = full("bursts")
    curve = plan.load.curve
    highest = {"batch": 250.0, "viral": 500.0, "rush": 350.0, "after": 50.0, "quiet": 50.0}
    for phase in plan.phases:
        inside = range(round(phase.start), round(phase.end))
        levels = {round(curve.rate(second + 0.5), 6) for second in inside}
        assert max(levels) == highest[phase.name.partition("-")[0]], phase.name
    assert calls(plan, "rush-and-batch-2") == pytest.approx(1800 * 150 + 600 * 200), "rates add where bursts overlap"
    assert sum(calls(plan, f"viral-{n}") for n in (1, 2, 3)) == pytest.approx(3 * (360 * 50 + 300 * 450))
    quiet_again = {name.replace("rush-and-batch-2", "rush") for name in phases(plan) if not name.startswith("after")}
    assert {f"after-{name}" for name in quiet_again - {"quiet"}} == {n for n in phases(plan) if n.startswith("after")}


def test_every_burst_is_judged_by_its_name() -> None:
    plan = full("bursts")
    judged = {dict(objective.where).get("after") for objective in plan.objectives} - {None}
    assert judged == {name for name in phases(plan) if not name.startswith(("after-", "quiet"))}


@pytest.mark.parametrize(
    ("name", "stream", "api", "tokens", "answer"),
    [
        ("ttft", True, Api.CHAT, (10, 50), (50, 50)),
        ("inter-chunk", True, Api.CHAT, (10, 50), (50, 100)),
        ("throughput", True, Api.CHAT, None, (500, 500)),
        ("embed-single", False, Api.EMBEDDINGS, (100, 200), None),
        ("sustained", False, Api.CHAT, (10, 50), (50, 50)),
    ],
)
def test_the_requests_are_the_catalogues(
    name: str, stream: bool, api: Api, tokens: tuple[int, int] | None, answer: tuple[int, int] | None
) -> None:
    (cls,) = full(name).classes
    assert (cls.stream, cls.api) == (stream, api)
    assert tokens is None or (cls.prompt.tokens.low, cls.prompt.tokens.high) == tokens
    given = None if cls.max_tokens is None else (cls.max_tokens.low, cls.max_tokens.high)
    assert given == answer


def test_a_day_has_a_chat_heavy_morning_and_an_embedding_heavy_afternoon() -> None:
    plan = full("day")
    route = {cls.name: dict(cls.tags)["route"] for cls in plan.classes}
    mixes = {phase.name: phase.weights for phase in plan.phases if phase.weights}
    shares_of = {
        name: {
            kind: sum(weight for cls, weight in mix.items() if route[cls] == kind) for kind in ("chat", "embeddings")
        }
        for name, mix in mixes.items()
    }
    assert shares_of == {"morning": {"chat": 85, "embeddings": 10}, "afternoon": {"chat": 20, "embeddings": 75}}


def test_scaling_goes_from_10_users_to_1000_in_2_hours_and_back() -> None:
    plan = full("scaling")
    assert plan.load.model == "closed"
    levels = [round(plan.load.curve.rate(at)) for phase in plan.phases for at in (phase.start + 1, phase.end - 1)]
    assert levels == [10, 10, 10, 1000, 1000, 1000, 1000, 10, 10, 10]
    assert phases(plan)["up"] == phases(plan)["down"] == 2 * HOUR
    rate = full("scaling", "rate").load
    assert (rate.model, rate.curve.peak()) == ("open", 500)
