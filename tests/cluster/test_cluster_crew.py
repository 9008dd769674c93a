"""How many workers a load gets, and what is said of it."""

from __future__ import annotations

import pytest
from virtual_run import plan_of

from llmload.cluster.crew import FIRST_SECONDS, TOKEN_SECONDS, asked, choose, connections, expected_pace, shortages
from llmload.metrics.precision import DEFAULT_CAPACITY, FULL, Capacity, Pace
from llmload.room import Room

REMOTE = """
[targets.main]
base_url = "http://192.0.2.1:8000/v1"
model = "m"
[classes.chat]
api = "chat"
stream = true
max_tokens = 100
[load]
rate = "480/s"
duration = "10s"
"""
SIM = REMOTE.replace('"http://192.0.2.1:8000/v1"', '"sim:"')


def test_a_light_load_gets_one_worker() -> None:
    crew = choose(plan_of(REMOTE, 'load.rate="5/s"'), 64)
    assert (crew.workers, crew.wanted) == (1, 1)
    assert crew.why == (
        "1 worker: the peak of 5.00/s and 500 events/s takes 0.9% of what one worker can do (its ceiling); workers are "
        "filled to 60% of it"
    )


def test_a_heavy_load_gets_as_many_as_it_takes() -> None:
    share = DEFAULT_CAPACITY.share(Pace(480, 48_000))
    assert share == pytest.approx(0.84)
    assert choose(plan_of(REMOTE), 64).workers == 2
    crew = choose(plan_of(REMOTE, 'load.rate="4800/s"'), 64)
    assert crew.workers == 14
    assert crew.workers * FULL >= 10 * share > (crew.workers - 1) * FULL
    assert "takes 8.4 times what one worker can do (its ceiling)" in crew.why


def test_workers_that_were_asked_for_are_told_their_load_too() -> None:
    crew = asked(plan_of(REMOTE), 2, 2)
    assert (crew.workers, crew.wanted) == (2, 2)
    assert crew.why == (
        "2 workers, as asked for: the peak of 480/s and 48,000 events/s takes 84% of what one "
        "worker can do (its ceiling)"
    )
    assert asked(plan_of(REMOTE), 1, 2).wanted == 2


def test_more_workers_than_cores_are_told() -> None:
    why = asked(plan_of(REMOTE), 3, 2).why
    assert why.endswith("there are more workers than cores (2), so they wait for each other")


def test_answers_that_are_not_streamed_cost_their_calls_alone() -> None:
    assert expected_pace(plan_of(REMOTE, "classes.chat.stream=false")) == Pace(480, 0)
    assert choose(plan_of(REMOTE, "classes.chat.stream=false"), 64).workers == 1


def test_the_peak_decides_not_the_mean() -> None:
    spike = 'load.curve={type="spike", base="1/s", peak="2000/s", at="5s", width="1s"}'
    plan = plan_of(REMOTE.replace('rate = "480/s"\n', ""), spike)
    assert expected_pace(plan).calls == pytest.approx(2000)
    assert choose(plan, 64).workers == 6


def test_a_machines_own_capacity_counts_where_it_is_known() -> None:
    assert choose(plan_of(REMOTE), 64, Capacity(10_000, 1_000)).workers == 9
    assert choose(plan_of(REMOTE), 64, Capacity(1_000_000, 100_000)).workers == 1


@pytest.mark.parametrize(
    ("scenario", "cores", "workers", "words"),
    [
        (SIM, 1, 1, "(1 core)"),
        (SIM, 2, 1, "(2 cores, less one for the simulator)"),
        (SIM, 4, 2, "(4 cores, less one for the simulator and one for the parent)"),
        (REMOTE, 2, 2, "(2 cores)"),
        (REMOTE, 8, 7, "(8 cores, less one for the parent)"),
    ],
)
def test_simulator_and_parent_keep_their_places(scenario: str, cores: int, workers: int, words: str) -> None:
    crew = choose(plan_of(scenario, 'load.rate="48000/s"'), cores)
    assert crew.workers == workers
    assert crew.wanted == 64
    assert f"all that this machine has room for {words}: the peak of 48000/s" in crew.why


@pytest.mark.parametrize("cap", ["load.max_in_flight=3", "load.users=3", 'load.users={type="ramp", from=0, to=3}'])
def test_there_are_never_more_workers_than_places_under_a_cap(cap: str) -> None:
    crew = choose(plan_of(REMOTE, 'load.rate="4800/s"', cap), 64)
    assert (crew.workers, crew.wanted) == (3, 3)


def test_users_are_reckoned_with_answers_of_a_usual_length() -> None:
    plan = plan_of(REMOTE.replace('rate = "480/s"', "users = 100"), 'load.think="1s"')
    cycle = FIRST_SECONDS + 100 * TOKEN_SECONDS + 1
    assert expected_pace(plan) == Pace(100 / cycle, 100 / cycle * 100)
    assert connections(plan) == 100


def test_as_many_connections_as_calls_under_way() -> None:
    assert connections(plan_of(REMOTE)) == pytest.approx(480 * (FIRST_SECONDS + 100 * TOKEN_SECONDS))
    assert connections(plan_of(REMOTE, "load.max_in_flight=50")) == 50
    assert connections(plan_of(REMOTE, "load.users=20")) == 20
    assert connections(plan_of(REMOTE, "classes.chat.max_tokens=1")) == 480 * 2, "opened ahead: two seconds of the peak"


def test_a_load_that_fits_needs_no_word() -> None:
    assert list(shortages(plan_of(SIM), 1, Room(2, 20_000, 28_000))) == []


def test_too_few_descriptors_are_told_beforehand() -> None:
    (said,) = shortages(plan_of(REMOTE), 1, Room(2, 1024, 28_000))
    assert said == (
        "about 1,056 connections open at once, if answers last as long as planned for (200 ms, and 20.0 ms for each "
        "token): the worker may have 1,024 file descriptors; raise the hard limit (ulimit -Hn 2048), or set "
        "max_in_flight"
    )
    assert list(shortages(plan_of(REMOTE), 2, Room(2, 1024, 28_000))) == []
    (simulated,) = shortages(plan_of(SIM), 2, Room(2, 1024, 28_000))
    assert "the simulator may have 1,024 file descriptors" in simulated


def test_too_few_ports_are_told_beforehand() -> None:
    (said,) = shortages(plan_of(REMOTE.replace('rate = "480/s"', "users = 500")), 2, Room(2, 10_000, 400))
    assert said.startswith("about 500 connections open at once: this machine has 400 local ports towards a target; ")
    assert "split the load over more machines" in said
    simulated = shortages(plan_of(SIM.replace('rate = "480/s"', "users = 500")), 2, Room(2, 10_000, 400))
    assert "machines" not in next(simulated)
