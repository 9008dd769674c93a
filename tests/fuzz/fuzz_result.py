"""Result files: a Result that can be shown, or a ResultError."""

from __future__ import annotations

import copy
import sys
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import orjson
from fuzz_case import Case, Fuzz

from llmload.errors import ResultError
from llmload.reports.result import parse_result
from llmload.reports.text import render

sys.path.append(str(Path(__file__).parents[1] / "reports"))

__all__ = ["RESULT"]

_ODD: tuple[Any, ...] = (
    None, True, 0, -1, 1, 2**63, -(2**63), 1e308, -0.0, 0.5, "", "x", "\x1b[31m", "9" * 300, [], {}, [None],
    {"": 0}, "1.0", "inf",
)  # fmt: skip


@cache
def _sample() -> dict[str, Any]:
    """A whole result, but for most of its windows and cells: a case must be small to be quick."""
    from reports_samples import result

    document = orjson.loads(orjson.dumps(result().to_json()))
    summary = document["summary"]
    for name, part in summary.items():
        if isinstance(part, list) and len(part) > 2:
            summary[name] = part[:2]
        elif isinstance(part, dict) and len(part) > 3 and name != "health":
            summary[name] = dict(list(part.items())[:3])
    for cell in summary["cells"]:
        for kind in ("good", "failed"):
            cell[kind] = dict(list(cell[kind].items())[:2])
    document["judgements"] = document["judgements"][:2]
    return document


def _made(random: Random) -> bytes:
    document = copy.deepcopy(_sample())
    for _ in range(random.choice((0, 1, 1, 1, 2))):
        _change(random, document)
    return orjson.dumps(document)


def _change(random: Random, node: Any) -> None:
    """One place of the document, found by walking down, made odd, dropped, or doubled."""
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            return
        key = random.choice(keys)
        if not isinstance(node[key], dict | list) or random.random() < 0.15:
            break
        node = node[key]
    what = random.randrange(4)
    if what == 0:
        del node[key]
    elif what == 1 and isinstance(node, dict):
        node[f"{key}x"] = node[key]
    else:
        node[key] = random.choice(_ODD)


def check_result(case: Case) -> None:
    try:
        result = parse_result(case.data, "case.json")
    except ResultError as error:
        if not str(error).startswith("case.json: "):
            raise
        return
    if case.odd % 4 == 0:
        orjson.dumps(result.to_json(), default=str)
    if case.odd % 16 == 0:
        shown = render(result, 100, False)
        assert "\x1b" not in shown
    result.exit_status()


_WORDS = [
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b'"',
    b"null",
    b"1e999",
    b"-",
    b"0",
    b"\xff",
    b"[" * 2000,
    b'"summary":',
    b'"kind":',
]
RESULT = Fuzz("result", _made, check_result, _WORDS, 1, (b",",))
