"""`[observe.NAME]`: what is to be looked at beside the answers."""

from __future__ import annotations

import pytest
from scenario_kit import SMALL, compiled, only_problem

from llmload.metrics.observed import FIGURES
from llmload.scenario.plan import Observer
from llmload.scenario.series import SETS


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("{process=1234}", Observer("server", process=1234)),
        ("{process='1234'}", Observer("server", process=1234)),
        ("{process='target', every='2s', children=false}", Observer("server", "target", every=2.0, children=False)),
        ("{process='sim'}", Observer("server", process="sim")),
        ("{port=8000}", Observer("server", port=8000)),
        ("{port='8000'}", Observer("server", port=8000)),
        ("{pid_file='/run/server.pid'}", Observer("server", pid_file="/run/server.pid")),
    ],
)
def test_a_process_is_named_in_one_of_three_ways(table: str, expected: Observer) -> None:
    assert compiled(SMALL, None, f"observe.server={table}").observers == (expected,)


def test_a_set_may_stand_alone() -> None:
    (observer,) = compiled(SMALL, None, "observe=vllm").observers
    assert observer == compiled(SMALL, None, "observe.vllm={metrics='target', set='vllm'}").observers[0]


def test_a_pid_file_lies_beside_the_scenario() -> None:
    (observer,) = compiled(SMALL, None, "observe.server={pid_file='server.pid'}").observers
    assert observer.pid_file.startswith("/")
    assert observer.pid_file.endswith("/server.pid")


@pytest.mark.parametrize(
    ("overrides", "key", "words"),
    [
        (["observe.server={}"], "observe.server", "does not say what to observe"),
        (["observe.server={every='1s'}"], "observe.server", 'add process = "target"'),
        (["observe.server={process=1, port=2}"], "observe.server", "has both process and port"),
        (["observe.server={metrics='target'}"], "observe.server", "needs figures or a set"),
        (["observe.server={process=1, set='vllm'}"], "observe.server", "needs metrics"),
        (["observe.server={metrics='http://me:pw@h/m', set='vllm'}"], "observe.server.metrics", "without a password"),
        (["observe.server={metrics='target', set='vlm'}"], "observe.server.set", "vllm"),
        (["observe.server=vlm"], "observe.server", "vllm"),
        (["observe.server={metrics='target', figures={A='b'}}"], "observe.server.figures.A", ""),
        (["observe.server={metrics='target', figures={a='rate(b'}}"], "observe.server.figures.a", "is no figure"),
        (["observe.server=vllm", "objectives=['target.quue.max<1']"], "objectives[0]", "did you mean queue"),
        (["observe.server={process=0}"], "observe.server.process", "must be a process id"),
        (["observe.server={process=true}"], "observe.server.process", "must be a process id"),
        (["observe.server={process='nginx'}"], "observe.server.process", 'must be a process id, "target"'),
        (["observe.server={port=70000}"], "observe.server.port", "65535"),
        (["observe.server={port=80, every='10ms'}"], "observe.server.every", "0.1"),
        (["observe.server={port=80, evry='1s'}"], "observe.server.evry", "did you mean every"),
        (
            ["observe.server={port=80}", "objectives=['target.cpu.mean{observe=sever} < 50%']"],
            "objectives[0]",
            "did you mean server?",
        ),
        (["tags={observe='x'}"], "tags.observe", "is no name for a tag"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(overrides: list[str], key: str, words: str) -> None:
    problem = only_problem(SMALL, None, *overrides)
    assert problem.key == key
    assert words in str(problem)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("{probe='/health'}", Observer("server", probe="/health", rate=20.0, timeout=5.0, stall=0.1)),
        (
            "{probe='https://h:1/live?x=1', rate='100/s', timeout='1s', stall='50ms'}",
            Observer("server", probe="https://h:1/live?x=1", rate=100.0, timeout=1.0, stall=0.05),
        ),
    ],
)
def test_a_probe_is_a_path_or_a_url(table: str, expected: Observer) -> None:
    assert compiled(SMALL, None, f"observe.server={table}").observers == (expected,)


@pytest.mark.parametrize(
    ("table", "key", "words"),
    [
        ("{probe='health'}", ".probe", 'must be a path at the target, like "/health"'),
        ("{probe='/a b'}", ".probe", "must be a path"),
        ("{probe='http://u:p@h/'}", ".probe", "without a password"),
        ("{probe='/h', rate='2000/s'}", ".rate", "from 0.1/s to 1000/s"),
        ("{probe='/h', rate=0}", ".rate", ""),
        ("{probe='/h', timeout='2m'}", ".timeout", "60"),
        ("{probe='/h', timeout='100ms'}", "", "before it shows a stall"),
        ("{probe='/h', rate='1000/s'}", "", "5,000 probes wait at once"),
        ("{port=80, rate='5/s'}", "", "rate is of a probe, and there is none"),
        ("{port=80, probe='/h'}", "", "has both port and probe"),
    ],
)
def test_what_is_wrong_with_a_probe_is_said(table: str, key: str, words: str) -> None:
    problem = only_problem(SMALL, None, f"observe.server={table}")
    assert problem.key == f"observe.server{key}"
    assert words in str(problem)


def test_stalls_are_no_figure_and_yet_may_be_judged() -> None:
    rules = "objectives=['target.stalls.count <= 0', 'target.probe.p99 < 50ms', 'target.probe.max < 1s']"
    plan = compiled(SMALL, None, "observe.server={probe='/health'}", rules)
    assert [objective.stat for objective in plan.objectives] == ["stalls.count", "probe.p99", "probe.max"]


def test_a_set_by_its_name_alone_is_that_of_the_targets_page() -> None:
    (observer,) = compiled(SMALL, None, "observe.engine=vllm").observers
    assert observer.metrics == "target"
    assert dict(observer.figures)["queue"].name == "vllm:num_requests_waiting"


def test_figures_of_ones_own_stand_beside_a_set() -> None:
    table = "{metrics='http://h:1/m', set='process', figures={jobs='max(my_jobs)', memory='my_bytes'}}"
    (observer,) = compiled(SMALL, None, f"observe.engine={table}", "objectives=['target.jobs.rise<5']").observers
    figures = dict(observer.figures)
    assert figures["jobs"].how == "max"
    assert figures["memory"].name == "my_bytes", "the user's own word wins"


def test_every_set_makes_known_figures() -> None:
    for figures in SETS.values():
        assert figures.keys() <= FIGURES.keys()
