from __future__ import annotations

import pytest
from scenario_kit import SMALL, compiled, only_problem, problems

from llmload.arrivals.closed import Users
from llmload.arrivals.process import Gamma, Poisson, Uniform

HEAD = SMALL.partition("[load]")[0]


def load(text: str) -> str:
    return f"{HEAD}[load]\n{text}\n"


PHASES = load(
    """
[[load.phases]]
name = "warm-up"
duration = "10s"
curve = { type = "ramp", from = "0/s", to = "20/s" }
measure = false
[[load.phases]]
name = "hold"
duration = "20s"
rate = "20/s"
mix = { chat = 2 }
"""
)


def test_phases_follow_each_other_on_one_curve() -> None:
    plan = compiled(PHASES)
    assert [(p.name, p.start, p.end, p.measure, p.weights) for p in plan.phases] == [
        ("warm-up", 0, 10, False, None),
        ("hold", 10, 30, True, {"chat": 2.0}),
    ]
    assert plan.load.curve.expected(10) == pytest.approx(100)
    assert plan.load.curve.expected(30) == pytest.approx(500)


def test_a_phase_takes_from_the_load_what_it_does_not_say() -> None:
    text = load('rate = "10/s"\nphases = [{name = "a", duration = "5s"}, {name = "b", duration = "5s", rate = "20/s"}]')
    assert compiled(text).load.curve.expected(10) == pytest.approx(150)


ACROSS = load(
    """
curve = { type = "burst", base = "1/s", peak = "11/s", period = "10s", width = "4s", offset = "3s" }
phases = [{ name = "first", duration = "5s" }, { name = "second", duration = "15s", measure = false }]
"""
)


def test_one_curve_may_go_over_all_phases_which_then_only_cut_it() -> None:
    plan = compiled(ACROSS, scale_time=0.5)
    assert [(p.name, p.start, p.end, p.measure) for p in plan.phases] == [
        ("first", 0, 2.5, True),
        ("second", 2.5, 10, False),
    ]
    assert plan.load.curve.expected(plan.load.duration) == pytest.approx((20 + 80) / 2)
    paced = ACROSS.replace("[load]", "[load]\nusers = 5")
    assert compiled(paced).load.model == "paced"


def test_a_curve_that_knows_its_length_needs_no_duration() -> None:
    text = load('curve = { type = "steps", levels = ["1/s", "2/s"], each = "5s" }')
    assert compiled(text).load.duration == 10


def test_a_curve_and_a_duration_that_disagree_are_an_error() -> None:
    text = load('duration = "1m"\ncurve = { type = "steps", levels = ["1/s", "2/s"], each = "5s" }')
    problem = only_problem(text)
    assert problem.key == "load.curve"
    assert "it lasts 10.0 s, but it is to last 60.0 s" in problem.what


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ('rate = "10/s"\nduration = "1m"', "open"),
        ('users = 10\nthink = "1s"\nduration = "1m"', "closed"),
        ('users = { type = "ramp", from = 1, to = 10 }\nduration = "1m"', "closed"),
        ('users = 10\nrate = "10/s"\nduration = "1m"', "paced"),
    ],
)
def test_rates_make_it_open_users_closed_and_both_paced(text: str, model: str) -> None:
    plan = compiled(load(text)).load
    assert plan.model == model
    assert (plan.users is not None) == (model == "paced")


def test_a_closed_load_has_its_users_as_the_curve() -> None:
    plan = compiled(load('users = 10\nthink = "2s"\nthink_random = true\nduration = "1m"')).load
    assert (plan.curve.peak(), plan.think, plan.think_random) == (10.0, 2.0, True)


@pytest.mark.parametrize(
    ("text", "process"), [("uniform", Uniform()), ("poisson", Poisson()), ('gamma"\ncv = 2.0 #', Gamma(2.0))]
)
def test_the_process_is_chosen_by_name(text: str, process: object) -> None:
    assert compiled(load(f'rate = "10/s"\nduration = "1m"\nprocess = "{text}"')).load.process == process


def test_scaling_shrinks_rates_times_and_requests_alike() -> None:
    text = PHASES.replace("[load]", "[load]\nmax_requests = 400\nmax_in_flight = 50")
    plan = compiled(text, scale_rate=0.5, scale_time=0.1)
    assert plan.load.curve.peak() == pytest.approx(10)
    assert [(phase.start, phase.end) for phase in plan.phases] == [(0, 1), (1, pytest.approx(3))]
    assert plan.phases[-1].end == plan.load.duration
    assert plan.load.max_requests == 20
    assert plan.load.max_in_flight == 50


def test_the_windows_and_delays_of_objectives_shrink_with_time() -> None:
    override = 'objectives=[{rule="errors.rate < 1%", window="10m", delay="1m", abort=true}]'
    (objective,) = compiled(PHASES, None, override, scale_time=0.1).objectives
    assert (objective.window, objective.delay) == (60.0, 6.0)
    (objective,) = compiled(PHASES, None, override, scale_time=0.0001).objectives
    assert objective.window == 1.0


@pytest.mark.parametrize("factor", [0.5, 0.01, 0.0001])
def test_however_small_the_scale_somebody_is_left_to_call(factor: float) -> None:
    plan = compiled(load('users = 100\nduration = "1m"\nmax_requests = 10'), scale_rate=factor)
    assert Users(plan.load.curve).peak() == max(1, round(100 * factor))
    assert plan.load.max_requests == max(1, round(10 * factor))


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ('duration = "1m"', "load", "says nothing about how many requests"),
        ('rate = "10/s"', "load.duration", "is missing"),
        ('rate = "0/s"\nduration = "1m"', "load", "makes no requests at all"),
        ('users = 0\nduration = "1m"', "load", "makes no requests at all"),
        (
            'rate = "1/s"\nduration = "1m"\ncurve = { type = "constant", rate = "1/s" }',
            "load.curve",
            "both rate and curve",
        ),
        ('rate = "1/s"\nduration = "1m"\nthink = "1s"', "load.think", "only users think"),
        ('users = 9\nduration = "1m"\nmax_in_flight = 3', "load.max_in_flight", "users are their own cap"),
        ('rate = "1/s"\nduration = "1m"\nprocess = "gamma"', "load.process", "coefficient of variation"),
        ('rate = "1/s"\nduration = "1m"\ncv = 2.0', "load.cv", "means nothing"),
        ('rate = "1/s"\nduration = "1m"\nprocess = "gamma"\ncv = 0', "load", "must be above 0"),
        ('rate = "1/s"\nduration = "1m"\non_limit = "drop"', "load.on_limit", "no limit"),
        ('rate = "1/s"\nduration = "1m"\nphases = [{name="a", duration="1s"}]', "load.duration", "of their own"),
        (
            'curve = {type="constant", rate="1/s"}\nphases = [{name="a", duration="1s", rate="1/s"}]',
            "load.curve",
            "'a' has a rate of its own",
        ),
        ('curve = {type="constant", rate="1/s"}\nphases = [{name="a"}]', "load.phases[0].duration", "is missing"),
        (
            'curve = {type="steps", levels=["1/s", "2/s"], each="5s"}\nphases = [{name="a", duration="11s"}]',
            "load.curve",
            "it lasts 10.0 s",
        ),
        ('users = "10/s"\nduration = "1m"', "load.users", "must be a number of users"),
        ('users = {type="constant", rate="10/s"}\nduration = "1m"', "load.users.rate", "no number of users"),
        ('curve = {type="ramp", from=1, to="2/s"}\nduration = "1m"', "load.curve.from", "is a number of users"),
        (
            'curve = {type="spike", base="1/s", peak="2/s", at="50s", width="20s"}\nduration = "1m"',
            "load.curve",
            "ends",
        ),
        ('rate = "1/s"\nphases = [{name="a", duration="1s", measure=false}]', "load.phases", "nothing is measured"),
        (
            'phases = [{name="a", duration="1s", rate="1/s"}, {name="b", duration="1s", users=3}]',
            "load.phases[1]",
            "has users",
        ),
        ('phases = [{name="a", duration="1s"}]', "load.phases[0]", "says nothing about"),
        (
            'rate = "1/s"\nphases = [{name="a", duration="1s"}, {name="a", duration="1s"}]',
            "load.phases[1].name",
            "already",
        ),
    ],
)
def test_what_does_not_go_together_in_a_load_is_said(text: str, key: str, words: str) -> None:
    problem = only_problem(load(text))
    assert problem.key == key
    assert words in problem.what
    assert problem.line > 0


def test_a_plain_zero_is_good_as_a_rate_and_as_users() -> None:
    assert compiled(load('curve = {type="ramp", from=0, to="2/s"}\nduration = "1m"')).load.curve.peak() == 2
    assert compiled(load('users = {type="ramp", from=0, to=2}\nduration = "1m"')).load.curve.peak() == 2


def test_every_wrong_unit_in_a_curve_is_named() -> None:
    found = problems(
        load('curve = {type="sum", parts=[{curve={type="steps", levels=[1, "1/s", 2]}}]}\nduration = "1m"')
    )
    assert [problem.key for problem in found] == [
        "load.curve.parts[0].curve.levels[0]",
        "load.curve.parts[0].curve.levels[2]",
    ]
    assert found[0].hint == 'write it as a rate, "1/s"'
