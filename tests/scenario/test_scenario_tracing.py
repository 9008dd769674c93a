"""`[tracing]`: the ids of a trace on each request, and who writes them."""

from __future__ import annotations

import pytest
from scenario_kit import SMALL, compiled, only_problem

from llmload.tracing import Tracing

OWN = "'Traceparent'='00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'"


def test_nothing_is_traced_unless_asked_for() -> None:
    assert compiled(SMALL).tracing is None


@pytest.mark.parametrize(
    ("table", "share"), [("{}", 1.0), ("{share=0.25}", 0.25), ("{share='5%'}", 0.05), ("{share=0}", 0.0)]
)
def test_a_share_of_the_calls_is_sampled_all_unless_said(table: str, share: float) -> None:
    assert compiled(SMALL, None, f"tracing={table}").tracing == Tracing(share)


@pytest.mark.parametrize(
    ("override", "key", "words"),
    [
        ("tracing={share=1.5}", "tracing.share", "must be a share"),
        ("tracing={share='many'}", "tracing.share", ""),
        ("tracing={shar=1}", "tracing.shar", "did you mean share"),
    ],
)
def test_what_is_no_share_is_said(override: str, key: str, words: str) -> None:
    problem = only_problem(SMALL, None, override)
    assert problem.key == key
    assert words in f"{problem.what} {problem.hint}"


@pytest.mark.parametrize(
    ("overrides", "key"),
    [
        ([f"targets.main.headers={{{OWN}}}"], "targets.main.headers.Traceparent"),
        ([f"classes.chat.headers={{{OWN}}}"], "classes.chat.headers.Traceparent"),
        (
            [
                "targets.main.dialect='http'",
                "classes.chat.api='http'",
                f"classes.chat.http={{path='/x', headers={{{OWN}}}}}",
            ],
            "classes.chat.http.headers.Traceparent",
        ),
        (
            [
                "targets.main.dialect='websocket'",
                "classes.chat.api='socket'",
                f"classes.chat.socket={{path='/ws', messages=1, headers={{{OWN}}}}}",
            ],
            "classes.chat.socket.headers.Traceparent",
        ),
        ([f"dimensions.tier.gold={{headers={{{OWN}}}}}"], "dimensions.tier.gold.headers.Traceparent"),
    ],
)
def test_a_header_of_ones_own_is_not_sent_beside_it(overrides: list[str], key: str) -> None:
    compiled(SMALL, None, *overrides)
    problem = only_problem(SMALL, None, "tracing={}", *overrides)
    assert problem.key == key
    assert "is sent already, as [tracing] is on" in problem.what
    assert "leave out this header, or [tracing] and --trace" in problem.hint
