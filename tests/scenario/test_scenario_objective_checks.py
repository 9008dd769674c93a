"""Objectives about pairs that no class makes are refused, with what would be right."""

from __future__ import annotations

import pytest
from virtual_run import plan_of

from llmload.errors import LlmloadError

TEXT = """
name = "pairs"
objectives = ["RULE"]
[targets.a]
base_url = "sim:"
model = "m"
[targets.b]
base_url = "sim:"
model = "m"
[targets.c]
base_url = "sim:"
model = "m"
[classes.both]
paired = true
targets = ["a", "b"]
[classes.alone]
[load]
rate = "1/s"
duration = "1s"
"""


def compiled(where: str) -> None:
    plan_of(TEXT.replace("RULE", f"paired.latency.mean{{{where}}} < 1s"))


@pytest.mark.parametrize("where", ["target=a,against=b", "target=b,against=a", "target=b,against=a,class=both"])
def test_pairs_that_a_class_makes_are_fine(where: str) -> None:
    compiled(where)


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("target=c,against=a", "no class makes pairs of a and c"),
        ("target=b,against=a,class=alone", "class 'alone' makes no pairs of a and b"),
        ("target=b,against=d", "there is no target 'd'"),
        ("target=d,against=b", "there is no target 'd'"),
    ],
)
def test_pairs_that_nobody_makes_are_refused(where: str, says: str) -> None:
    with pytest.raises(LlmloadError, match=says):
        compiled(where)
