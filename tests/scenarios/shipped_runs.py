"""The shipped scenarios, compiled, and run in virtual time at demonstration size."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from virtual_run import Ran, run_plan

from llmload.scenario.compile import compile_scenario
from llmload.scenario.files import Source, read_source
from llmload.scenario.load import environments, load_scenario
from llmload.scenario.plan import Plan
from llmload.verdict.judge import Judgement, judge

__all__ = ["DIRECTORY", "NAMES", "demo", "full", "judged", "missed", "missed_at_full_size", "ran", "source", "variants"]

DIRECTORY = Path(__file__).resolve().parents[2] / "scenarios"
NAMES = sorted(path.stem for path in DIRECTORY.glob("*.toml"))


def source(name: str) -> Source:
    """The file of a scenario."""
    return read_source(str(DIRECTORY / f"{name}.toml"))


def variants() -> list[tuple[str, str]]:
    """(scenario, environment) of all there are; "" is the file without one."""
    return [(name, environment) for name in NAMES for environment in ("", *environments(source(name)))]


@cache
def full(name: str, environment: str = "", url: str = "http://localhost:8000/v1") -> Plan:
    """At full size, against a target named on the command line."""
    if len(targets := load_scenario(source(name), environ={}).data["targets"]) == 1:
        return compile_scenario(load_scenario(source(name), environment, demo=None, target_url=url, environ={}))
    overrides = [f'targets.{target}.base_url="{url}"' for target in targets]
    return compile_scenario(load_scenario(source(name), environment, overrides, demo=None, environ={}))


@cache
def demo(name: str, environment: str = "") -> Plan:
    """As ``llmload run NAME`` has it: at demonstration size, if the file has one, against the simulator."""
    return compile_scenario(load_scenario(source(name), environment, demo=None, environ={}))


@cache
def ran(name: str, environment: str = "") -> Ran:
    """The demonstration, run."""
    return run_plan(demo(name, environment))


def judged(name: str, environment: str = "") -> list[Judgement]:
    """What became of its objectives."""
    return judge(demo(name, environment).objectives, ran(name, environment).summary)


def missed(name: str, environment: str = "") -> list[str]:
    """What the missed objectives say."""
    return [judgement.objective.says for judgement in judged(name, environment) if not judgement.passed]


def missed_at_full_size(name: str, environment: str = "") -> list[str]:
    """What the missed objectives say of a run at full size against the simulator."""
    plan = compile_scenario(load_scenario(source(name), environment, demo=False, environ={}))
    found = judge(plan.objectives, run_plan(plan).summary)
    return [judgement.objective.says for judgement in found if not judgement.passed]
