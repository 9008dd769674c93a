"""Searches against simulators whose capacity is known, in virtual time; and what becomes of one that can't go on."""

from __future__ import annotations

import json
from dataclasses import replace

import jsonschema
import pytest
from search_runs import find, in_virtual_time, scenario
from virtual_run import plan_of

from llmload.analysis.search import Aim, Answer, Ended
from llmload.app.figure import Figure
from llmload.app.levels import Levels, Written, fit_objectives, key_of, written
from llmload.app.search import StepRun, Until, clear
from llmload.errors import ExitStatus, UnreachableError, UsageError
from llmload.metrics.summary import PhaseInfo, Summary
from llmload.reports import search_text
from llmload.reports.searched import SEARCH_SCHEMA, SearchResult, document, render
from llmload.scenario.plan import Plan
from llmload.sim.spec import SimSpec
from llmload.verdict.levels import Level, Reason
from llmload.verdict.validity import Validity

BROKEN = Validity(Level.INVALID, (Reason("late", Level.INVALID, "the generator was late", "use more workers"),))


def swept(text: str, rate: float, beyond: float, factor: float = 1.05) -> float:
    """Requests of a sweep from ``rate`` to ``beyond`` by that factor, in steps as long as those of a search may be."""
    plan, _ = fit_objectives(plan_of(text))
    levels, total = Levels(plan, "load.rate", 10.0, 30.0, 120.0), 0.0
    while rate <= beyond:
        total, rate = total + rate * (10.0 + levels.measured(rate)), rate * factor
    return total


def too_weak(most: float) -> object:
    """A generator that can't do more than so many calls/s."""

    def run(plan: Plan, until: Until) -> StepRun:
        ran = in_virtual_time(replace(plan, load=plan.load), until)
        return replace(ran, validity=BROKEN) if plan.load.curve.peak() > most else ran

    return run


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("rule", "sim", "spec"),
    [
        ("ttft.p95 < 1s", 'step = "7ms"', {"step": 0.007}),
        ("ttft.p95 < 2s", "slots = 48", {"slots": 48}),
        ("errors.rate < 1%", "slots = 64\nqueue_limit = 20", {"slots": 64}),
    ],
)
def test_the_capacity_is_found_within_5_percent_with_less_than_half_the_requests_of_a_sweep(
    rule: str, sim: str, spec: dict[str, float]
) -> None:
    truth = SimSpec.model_validate({**spec, "answer": "max"}).capacity(85, 100)
    text = scenario(f'"{rule}"', sim, rate="10/s")
    found = find(text)
    assert found.capacity.ended is Ended.FOUND
    assert found.capacity.value == pytest.approx(truth, rel=0.05)
    assert found.requests < swept(text, 10.0, 1.25 * truth) / 2
    assert found.exit_status() is ExitStatus.PASS


@pytest.fixture(scope="module")
def small() -> SearchResult:
    """Users of a small simulator; the other key of the load."""
    return find(
        scenario('"latency.p95 < 2.5s"', "slots = 8", load="users = 4"),
        aim=lambda start: Aim(start, 1, 64, whole=True),
        hold=20.0,
        longest=40.0,
    )


def test_users_are_found_to_the_last_one(small: SearchResult) -> None:
    """Of 8 slots, each answer takes 1.6 s; whoever waits for one of them takes twice that."""
    assert small.key == "load.users"
    assert small.capacity.value in (8.0, 9.0)
    assert small.capacity.interval is not None
    assert small.capacity.interval[1] - small.capacity.interval[0] <= 1


def test_the_document_is_what_its_schema_says(small: SearchResult) -> None:
    jsonschema.Draft202012Validator.check_schema(SEARCH_SCHEMA)
    jsonschema.validate(document(small), SEARCH_SCHEMA)
    read = json.loads(render(small))
    jsonschema.validate(read, SEARCH_SCHEMA)
    assert read["capacity"]["value"] == small.capacity.value
    assert len(read["steps"]) == len(small.steps)


def test_the_report_gives_the_answer_first_and_every_step(small: SearchResult) -> None:
    lines = search_text.render(small, 120).splitlines()
    assert lines[0].startswith(f"Capacity {small.capacity.value:g} (95 %: ")
    assert sum(" held" in line or " missed" in line or " unclear" in line for line in lines) >= len(small.steps)
    assert "knee at" in "\n".join(lines)
    assert search_text.render(small, 60, unicode=False).isascii()
    assert "step 1: 4 held" in search_text.step_line(small.key, 1, small.steps[0])


def test_steps_that_measure_the_generator_are_refused_and_its_limit_is_told() -> None:
    found = find(scenario('"ttft.p95 < 5s"', rate="2/s"), run=too_weak(5.0), hold=10.0, longest=10.0)  # type: ignore[arg-type]
    assert found.capacity.ended is Ended.GENERATOR
    assert found.capacity.value is None
    assert found.capacity.valid == pytest.approx(5.0, rel=0.1)
    assert found.exit_status() is ExitStatus.INVALID
    assert "the generator's own limit" in search_text.render(found)
    assert all(step.answer is Answer.INVALID for step in found.steps if step.value > 5)
    assert all(step.value <= 5 for step in found.curve)


def test_ctrl_c_leaves_what_was_found() -> None:
    steps = iter(range(10))

    def run(plan: Plan, until: Until) -> StepRun:
        ran = in_virtual_time(plan, until)
        return replace(ran, interrupted="Ctrl-C" if next(steps) == 2 else "")

    found = find(scenario('"ttft.p95 < 1s"', rate="1/s"), run=run, hold=5.0, longest=5.0)
    assert len(found.steps) == 2
    assert found.stopped.startswith("Ctrl-C, in step 3")
    assert found.capacity.held is not None
    assert found.exit_status() is ExitStatus.INTERRUPTED
    assert "ended early: Ctrl-C" in search_text.render(found)


def test_a_target_that_goes_away_ends_the_search_with_what_was_found() -> None:
    steps = iter(range(10))

    def run(plan: Plan, until: Until) -> StepRun:
        if next(steps) == 1:
            raise UnreachableError("connection refused")
        return in_virtual_time(plan, until)

    found = find(scenario('"ttft.p95 < 1s"', rate="1/s"), run=run, hold=5.0, longest=5.0)
    assert (len(found.steps), found.stopped) == (1, "connection refused")
    assert found.exit_status() is ExitStatus.UNREACHABLE


def test_a_budget_is_for_all_steps_together() -> None:
    text = scenario('"ttft.p95 < 1s"', rate="1/s").replace(
        'model = "sim-model"', 'model = "sim-model"\nprices.request = 1', 1
    )
    found = find(f"{text}\n[budget]\nstop = 25", hold=5.0, longest=5.0)
    assert found.stopped == "the budget of $25 is spent"
    assert 25 <= sum(step.cost for step in found.steps) < 100
    assert "$" in search_text.render(found)


def test_a_figure_that_there_is_not_is_no_missed_objective() -> None:
    with pytest.raises(UsageError, match="has no data"):
        find(scenario('"ttft.p95 < 1s"', rate="1/s").replace("stream = true", ""), hold=5.0, longest=5.0)


# -- what steps are made of ------------------------------------------------------------------------------------


def test_a_step_is_a_constant_load_with_a_warm_up_and_seeds_of_its_own() -> None:
    plan, _ = fit_objectives(plan_of(scenario('"ttft.p95 < 1s"')))
    levels = Levels(plan, "load.rate", 10.0, 30.0, 120.0)
    first, second = (levels.plan(value, number, value) for number, value in ((1, 20.0), (2, 40.0)))
    assert [(phase.name, phase.start, phase.end, phase.measure) for phase in first.phases] == [
        ("warm-up", 0.0, 10.0, False),
        ("step", 10.0, 40.0, True),
    ]
    assert (first.load.curve.rate(1.0), second.load.curve.rate(39.0)) == (20.0, 40.0)
    assert first.seeds.arrivals != second.seeds.arrivals
    assert first.seeds.prompts != second.seeds.prompts


def test_what_a_search_may_cost_is_that_of_all_its_steps_at_the_first_value() -> None:
    plan, _ = fit_objectives(plan_of(scenario('"ttft.p95 < 1s"')))
    whole = Levels(plan, "load.rate", 10.0, 30.0, 120.0).outlook(20.0, 24)
    assert whole.load.curve.expected(whole.load.duration) == pytest.approx(24 * 40 * 20)


@pytest.mark.parametrize(("rate", "seconds"), [(1.0, 120), (10.0, 120), (20.0, 67), (100.0, 30)])
def test_a_step_is_as_long_as_the_percentiles_need(rate: float, seconds: float) -> None:
    plan, _ = fit_objectives(plan_of(scenario('"ttft.p99 < 1s"')))
    assert Levels(plan, "load.rate", 10.0, 30.0, 120.0).measured(rate) == seconds


def test_objectives_that_a_constant_load_can_not_be_asked_for_are_left_out_and_said() -> None:
    rules = ["ttft.p95 < 1s", "success.count > 5", "rate.completed >= 5/s", "latency.p50 == 1s"]
    plan, said = fit_objectives(plan_of(scenario(", ".join(f'"{rule}"' for rule in rules))))
    assert [objective.rule for objective in plan.objectives] == ["ttft.p95 < 1s"]
    assert len(said) == 3
    with pytest.raises(UsageError, match="--fail-on"):
        fit_objectives(plan_of(scenario("")))


def test_keys_that_do_not_make_the_load_are_refused() -> None:
    plan = plan_of(scenario('"ttft.p95 < 1s"'))
    assert key_of(plan, None) == "load.rate"
    assert key_of(plan, "classes.chat.max_tokens") == "classes.chat.max_tokens"
    with pytest.raises(UsageError, match=r"load\.rate"):
        key_of(plan, "load.users")
    with pytest.raises(UsageError, match="is not a key"):
        key_of(plan, "a..b")


def test_numbers_of_a_scenario_are_read_and_spelled() -> None:
    data = {"a": [{"batch": 8}], "rate": "60/min", "share": 0.5, "name": "x"}
    assert written(data, "a[0].batch") == Written(8.0, whole=True)
    assert written(data, "rate") == Written(1.0, unit="/s")
    assert written(data, "none.such") is None
    assert Written(8.0, whole=True).spelled(16.0) == "16"
    assert Written(1.0, unit="/s").spelled(2.5) == "2.5/s"
    with pytest.raises(UsageError, match="'x' in the scenario"):
        written(data, "name")


def test_another_number_of_the_scenario_is_searched_over() -> None:
    """An answer takes a step per token of 14.8 ms and 0.1 ms for each of up to 14 at once: 4 s are some 245."""
    found = find(
        scenario('"latency.p95 < 4s"', rate="2/s"),
        "classes.chat.max_tokens",
        aim=lambda start: Aim(100, 10, 2000, whole=True),
        hold=10.0,
        longest=20.0,
    )
    assert found.key == "classes.chat.max_tokens"
    assert found.capacity.value == pytest.approx(245, rel=0.06)


def test_a_step_is_not_ended_before_there_is_anything_to_see() -> None:
    plan, _ = fit_objectives(plan_of(scenario('"ttft.p95 < 1s"')))
    summary = Summary(phases=(PhaseInfo("warm-up", 0.0, 10.0, False), PhaseInfo("step", 10.0, 40.0)))
    assert clear(plan.objectives, summary, 12.0) == ""
    assert clear(plan.objectives, summary, 40.0) == ""


@pytest.fixture(scope="module")
def batches() -> SearchResult:
    """Users who send texts to be embedded, so many at once. A request takes 4 ms and 8 ms for 1000 tokens, one after
    the other, and the objective bounds how long one may take."""
    text = """
        objectives = ["latency.p95 < 200ms"]
        [targets.sim]
        base_url = "sim:"
        model = "sim-model"
        [classes.embed]
        api = "embeddings"
        prompt = { tokens = 50 }
        batch = 4
        [load]
        users = 4
        duration = "10s"
    """
    return find(
        text, "classes.embed.batch", aim=lambda start: Aim(4, 1, 512, whole=True), hold=5.0, longest=5.0,
        figure=Figure.parse("throughput.input"),
    )  # fmt: skip


def test_the_best_batch_is_the_smallest_that_is_as_good_as_the_largest_that_is_fast_enough(
    batches: SearchResult,
) -> None:
    """Four users wait for each other: 4 x (4 ms + 0.4 ms a text) + 6 ms < 200 ms up to some 110 texts; from 60 on there
    is less than 6 % to be gained."""
    assert batches.best is not None
    assert batches.best.high == pytest.approx(105, rel=0.25)
    assert 45 <= (batches.best.value or 0) <= batches.best.high
    assert batches.best.ended is Ended.FOUND
    assert batches.capacity.value is None
    assert batches.exit_status() is ExitStatus.PASS
    assert all(step.figure_shown for step in batches.steps)


def test_the_best_value_is_reported_and_documented(batches: SearchResult) -> None:
    lines = search_text.render(batches, 140).splitlines()
    assert lines[0].startswith("Best ")
    assert "throughput.input" in lines[0]
    jsonschema.validate(json.loads(render(batches)), SEARCH_SCHEMA)


@pytest.mark.parametrize(
    ("text", "less"), [("throughput.output", False), ("latency.p95", True), ("errors.rate{class=chat}", True)]
)
def test_figures_know_which_way_is_better(text: str, less: bool) -> None:
    assert Figure.parse(text).less is less


@pytest.mark.parametrize("text", ["nonsense.p95", "throughput", "recovery.time{after=x}", "success.count"])
def test_what_is_no_figure_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--best: "):
        Figure.parse(text)


def test_the_reason_of_steps_that_measured_nothing_is_made_harmless(small: SearchResult) -> None:
    refused = replace(small.steps[0], answer=Answer.INVALID, reasons=["sent late: use fewer\x1b[1m cores"])
    found = replace(small, capacity=replace(small.capacity, ended=Ended.INVALID), steps=[refused])
    text = search_text.render(found, 120)
    assert "sent late" in text
    assert "\x1b" not in text


def test_how_far_the_steps_can_be_trusted_is_told(small: SearchResult) -> None:
    doubted = replace(small.steps[0], validity="SUSPECT", reasons=["sent late: use fewer\x1b[1m cores"])
    sound = [replace(step, validity="VALID", reasons=[]) for step in small.steps[2:]]
    found = replace(small, steps=[doubted, doubted, *sound])
    text = search_text.render(found, 120)
    assert f"validity of the steps: {len(found.steps) - 2} VALID, 2 SUSPECT\n  2 steps: sent late" in text
    assert "\x1b" not in text
    told = json.loads(render(found))["validity"]
    assert told["steps"] == {"VALID": len(found.steps) - 2, "SUSPECT": 2}
    assert list(told["reasons"].values()) == [2]
    jsonschema.validate(document(found), SEARCH_SCHEMA)
    many = replace(small, steps=[replace(doubted, reasons=[f"reason {n}" for n in range(6)])])
    assert "and 2 more reasons; --out writes them all" in search_text.render(many, 120)
