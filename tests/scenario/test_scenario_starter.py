from __future__ import annotations

from scenario_kit import compiled

from llmload.scenario.preview import preview
from llmload.scenario.starter import STARTER


def test_the_starter_compiles_against_the_simulator_without_any_variable() -> None:
    plan = compiled(STARTER)
    assert plan.targets[0].base_url == "sim:"
    assert plan.targets[0].auth.kind == "none"
    assert plan.sim is not None
    assert plan.load.duration <= 60
    assert preview(plan).total.cost < plan.budget.ask


def test_the_starter_takes_target_and_model_from_the_environment() -> None:
    plan = compiled(STARTER, environ={"LLMLOAD_URL": "https://host/v1", "LLMLOAD_MODEL": "big"})
    assert (plan.targets[0].base_url, plan.classes[0].model) == ("https://host/v1", "big")
    assert plan.targets[0].auth.source == "OPENAI_API_KEY"


def test_the_starters_environment_is_a_short_run() -> None:
    assert compiled(STARTER, "smoke").load.duration == 5


def test_the_faults_that_the_starter_suggests_exist() -> None:
    text = STARTER.replace("# { kind", "{ kind")
    sim = compiled(text).sim
    assert sim is not None
    assert len(sim.faults) == 2
