"""`[observe.NAME]`: what is to be looked at beside the answers."""

from __future__ import annotations

import pytest
from scenario_kit import SMALL, compiled, only_problem

from llmload.scenario.plan import Observer


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
