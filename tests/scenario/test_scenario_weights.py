"""Weights that are curves: what they plan, what comes of them, and what can't be one."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenario_kit import compiled, problems
from virtual_run import run_plan

from llmload.clock import NS
from llmload.engine.run import recorder_setup
from llmload.scenario.plan import Plan
from llmload.scenario.preview import mix_series, preview
from llmload.workload.workload import Workload

RAMP = '{ type = "ramp", from = 10, to = 50 }'
TEXT = f"""
seed = 7
[targets.main]
base_url = "sim:"
model = "m"
[classes.chat]
weight = {RAMP}
prompt = {{ tokens = 20 }}
max_tokens = 5
[classes.embed]
api = "embeddings"
weight = 20
prompt = {{ tokens = 10 }}
[load]
rate = "20/s"
duration = "100s"
"""


def drawn(plan: Plan, shard: int = 0, of: int = 1) -> dict[int, tuple[float, str]]:
    """Index -> when it is planned (s), and its class."""
    workload = Workload(plan.classes, plan.seeds.mix, plan.seeds.prompts)
    made = {}
    for arrival in plan.schedule().arrivals(shard, of):
        at = arrival.at / NS
        phase = next((phase for phase in plan.phases if at < phase.end), plan.phases[-1])
        made[arrival.index] = at, workload.call(arrival.index, phase.weights_at(at), phase.values).cls
    return made


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 40), st.integers(0, 10_000))
def test_shares_follow_the_curve(first: int, last: int, other: int, seed: int) -> None:
    ramp = f'{{ type = "ramp", from = {first}, to = {last} }}'
    plan = compiled(TEXT, None, f"seed={seed}", f"classes.chat.weight={ramp}", f"classes.embed.weight={other}")
    calls, chats, expected, variance = Counter[int](), Counter[int](), Counter[int](), Counter[int]()
    for at, cls in drawn(plan).values():
        weight = first + (last - first) * at / 100
        share, tenth = weight / (weight + other), int(at / 10)
        calls[tenth] += 1
        chats[tenth] += cls == "chat"
        expected[tenth] += share  # type: ignore[assignment]
        variance[tenth] += share * (1 - share)  # type: ignore[assignment]
    for tenth in calls:
        assert abs(chats[tenth] - expected[tenth]) <= 5 * np.sqrt(variance[tenth]) + 1


@pytest.mark.parametrize("of", [2, 3])
def test_a_call_is_the_same_however_many_workers_there_are(of: int) -> None:
    plan = compiled(TEXT)
    shares = [drawn(plan, shard, of) for shard in range(of)]
    assert {index: call for share in shares for index, call in share.items()} == drawn(plan)


def test_what_is_planned_is_the_integral() -> None:
    seen = preview(compiled(TEXT)).total
    # 20/s over 100 s of w / (w + 20), w from 10 to 50: 2000 (1 - 20/40 ln(70/30))
    assert seen.classes["chat"] == pytest.approx(2000 * (1 - 0.5 * np.log(7 / 3)), rel=1e-6)
    assert sum(seen.classes.values()) == pytest.approx(2000)
    assert seen.output_tokens == pytest.approx(5 * seen.classes["chat"])


def test_a_rate_that_rises_too_weighs_what_is_late_and_a_limit_cuts_it_off() -> None:
    text = TEXT.replace('rate = "20/s"', 'curve = { type = "ramp", from = "0/s", to = "40/s" }')
    late = preview(compiled(text)).total.classes["chat"]
    assert late > preview(compiled(TEXT)).total.classes["chat"] + 80
    plan = compiled(text, None, "load.max_requests=500")
    early = preview(plan).total
    assert sum(early.classes.values()) == pytest.approx(500)
    counts = Counter(cls for _, cls in islice(drawn(plan).values(), 500))
    assert early.classes["chat"] == pytest.approx(counts["chat"], abs=5 * np.sqrt(125))


def test_the_plan_shows_the_shares_over_time() -> None:
    mix = mix_series(compiled(TEXT), 3)
    assert mix["chat"] == pytest.approx([10 / 30, 30 / 50, 50 / 70])
    assert mix["embed"] == pytest.approx([20 / 30, 20 / 50, 20 / 70])
    assert mix_series(compiled(TEXT, None, "classes.chat.weight=3"), 3) == {}


def test_a_run_asks_as_was_planned() -> None:
    plan = compiled(TEXT, None, 'load.rate="5/s"')
    ran = run_plan(plan)
    planned = drawn(plan)
    assert {record.call.index: record.call.cls for record in ran.records} == {n: cls for n, (_, cls) in planned.items()}


def test_a_phase_with_a_mix_keeps_it_and_the_curve_goes_on_beneath() -> None:
    load = """
[load]
rate = "20/s"
phases = [
  { name = "a", duration = "25s" },
  { name = "b", duration = "50s", mix = { embed = 1 } },
  { name = "c", duration = "25s" },
]
"""
    plan = compiled(TEXT[: TEXT.index("[load]")] + load)
    first, fixed, last = preview(plan).phases
    assert fixed.classes["chat"] == 0
    assert first.classes["chat"] / first.requests == pytest.approx(0.42, abs=0.02)  # type: ignore[operator]
    assert last.classes["chat"] / last.requests == pytest.approx(0.69, abs=0.02)  # type: ignore[operator]
    assert {cls for at, cls in drawn(plan).values() if 25 <= at < 75} == {"embed"}


def test_times_inside_a_curve_are_scaled_as_the_run_is() -> None:
    spike = '{ type = "spike", base = 0, peak = 10, at = "50s", width = "20s" }'
    plan = compiled(TEXT, None, f"classes.chat.weight={spike}", "scale.time=0.1", "scale.rate=2")
    assert plan.load.duration == pytest.approx(10)
    assert {cls for at, cls in drawn(plan).values() if not 5 <= at < 7} == {"embed"}
    assert sum(cls == "chat" for _, cls in drawn(plan).values()) == pytest.approx(2 * 40 / 3, abs=16)


def test_where_curves_touch_0_the_mix_of_the_whole_run_stands_in() -> None:
    (phase,) = compiled(
        TEXT, None, 'classes.chat.weight={ type = "ramp", from = 0, to = 10 }', "classes.embed.weight=0"
    ).phases
    assert phase.weights_at(0.0) == {"chat": 500.0, "embed": 0.0}
    assert phase.weights_at(1e9) == pytest.approx({"chat": 10.0, "embed": 0.0})


@pytest.mark.parametrize(("weight", "where", "said"), [
    ('"10/s"', "classes.chat.weight", "must be a number, or a curve"),
    ("-1", "classes.chat.weight", "must be from 0"),
    ('{ type = "ramp", from = "1/s", to = 3 }', "classes.chat.weight.from", "a rate is no weight"),
    ('{ type = "points", points = [["0s", 1], ["1m", 2]] }', "classes.chat.weight", "it is to last 100 s"),
])  # fmt: skip
def test_what_is_no_weight_is_said_with_its_place(weight: str, where: str, said: str) -> None:
    (problem,) = problems(TEXT.replace(RAMP, weight))
    assert problem.key == where
    assert said in problem.what


def test_a_time_in_which_nobody_has_a_weight_is_refused() -> None:
    (problem,) = problems(
        TEXT.replace(RAMP, '{ type = "steps", levels = [1, 0] }').replace("weight = 20", "weight = 0")
    )
    assert problem.what == "all weights are 0 from 50.0 s on"


PAIRED = """
seed = 3
[targets.a]
base_url = "sim:"
model = "m"
[targets.b]
base_url = "sim:"
model = "m"
[classes.chat]
paired = true
weight = { type = "ramp", from = 0, to = 100 }
prompt = { tokens = 20 }
max_tokens = 5
[classes.other]
weight = { type = "ramp", from = 100, to = 0 }
prompt = { tokens = 20 }
max_tokens = 5
[load]
rate = "20/s"
duration = "100s"
"""


def test_pairs_are_split_only_where_a_class_ends_between_their_two_calls() -> None:
    plan = compiled(PAIRED)
    classes = [cls for _, cls in drawn(plan).values()]
    classes = classes[: len(classes) // 2 * 2]
    split = sum(one != two for one, two in zip(classes[::2], classes[1::2], strict=True))
    # The boundary between the classes moves by 1 in all, within pairs by half of it: half a pair is split on average.
    assert split <= 4
    summary = run_plan(plan).summary
    assert split <= summary.without_partner() <= split + 1  # the last call of all may have none
    assert summary.paired("a", "b").pairs == pytest.approx(500, abs=65)
    assert recorder_setup(plan, 0).pairs == {"chat": ("a", "b")}
