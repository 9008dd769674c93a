from __future__ import annotations

from scenario_kit import SMALL, compiled, only_problem

SIM = SMALL.replace("http://localhost:8000/v1", "sim:") + "[sim]\n"


def test_windows_of_faults_shrink_with_time_and_what_they_do_does_not() -> None:
    fault = '{ kind = "slow", delay = "2s", from = "10s", to = "20s", every = "1m", for = "5s" }'.replace(
        "delay", "first"
    )
    sim = compiled(SIM + f"faults = [{fault}]", scale_time=0.1).sim
    assert sim is not None
    (slow,) = sim.faults
    assert (slow.start, slow.stop, slow.every, slow.duration) == (1.0, 2.0, 6.0, 0.5)


def test_models_that_are_listed_are_all_there_are() -> None:
    sim = compiled(SIM + 'models = ["only"]').sim
    assert sim is not None
    assert sim.models == ("only",)


def test_a_scenario_without_a_simulated_target_has_no_simulator() -> None:
    assert compiled(SMALL + "[sim]\nslots = 3\n").sim is None


def test_problems_in_the_simulators_settings_have_their_place() -> None:
    problem = only_problem(SIM + "slots = 3\ncontext_window = 200_000\n")
    assert (problem.line, problem.key) == (10, "sim")
    assert "must fit into kv_tokens" in problem.what
