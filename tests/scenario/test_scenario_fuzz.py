"""Whatever a scenario holds: a Plan comes out, or messages; never another exception."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import tomli
from hypothesis import given, settings
from hypothesis import strategies as st
from scenario_kit import EVERYTHING, HERE, source

from llmload.errors import UsageError
from llmload.scenario.compile import compile_scenario
from llmload.scenario.document import Document
from llmload.scenario.load import Loaded, load_scenario
from llmload.scenario.preview import preview

DATA = tomli.loads(EVERYTHING.replace("${GATEWAY_KEY:-none}", "x").replace("${LLMLOAD_URL:-sim:}", "sim:"))
ODD: list[Any] = [
    0, -1, 1, 2**70, -(2**70), 0.0, -0.5, 1e308, float("nan"), float("inf"), True, "", "x", "0/s", "1/s", "10s", "0s",
    "5%", "50..10", "9" * 400, "9" * 400 + "s", "\x00", "\ud800", "${X}", "sim:", "gamma", "embeddings", "models", [],
    [[]], {}, [1], {"": 1},
    {"type": "sum", "parts": []}, {"type": "constant", "rate": "1/s"}, [{"name": "p", "duration": "1s"}],
    {"mean": 10, "sd": float("inf")}, [[1, [[1, 2]]]], "ttft.p95 < 1s", "errors.rate{x=y} < 1%",
]  # fmt: skip


def paths(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from paths(item, (*path, key))


PATHS = list(paths({key: value for key, value in DATA.items() if key not in ("environments", "demo")}))


def mutate(data: dict[str, Any], rng: random.Random) -> None:
    path = rng.choice(PATHS)
    node: Any = data
    try:
        for part in path[:-1]:
            node = node[part]
        node[path[-1]]
    except (KeyError, IndexError, TypeError):
        return  # an earlier mutation took it away
    if not isinstance(node, (dict, list)):
        return
    match rng.randrange(4):
        case 0 if isinstance(node, dict):
            node.pop(path[-1], None)
        case 1 if isinstance(node, dict):
            node[rng.choice(["type", "rate", "users", "duration", "x", "curve"])] = copy.deepcopy(rng.choice(ODD))
        case _:
            node[path[-1]] = copy.deepcopy(rng.choice(ODD))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 4))
def test_a_mutated_scenario_compiles_or_is_explained(seed: int, times: int) -> None:
    rng = random.Random(seed)
    data = copy.deepcopy({key: value for key, value in DATA.items() if key not in ("environments", "demo")})
    for _ in range(times):
        mutate(data, rng)
    with suppress(UsageError):
        preview(compile_scenario(Loaded(Document(data, {}, "fuzz.toml"), HERE, "fuzz", simulated=True)))


@settings(max_examples=80, deadline=None)
@given(st.integers(0, len(EVERYTHING)), st.integers(0, 60), st.text(max_size=8), st.booleans())
def test_a_scenario_with_a_piece_torn_out_compiles_or_is_explained(
    at: int, length: int, instead: str, demo: bool
) -> None:
    text = EVERYTHING[:at] + instead + EVERYTHING[at + length :]
    with suppress(UsageError):
        compile_scenario(load_scenario(source(text), "smoke", demo=demo, environ={}))


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_a_scenario_or_is_explained(text: str) -> None:
    with suppress(UsageError):
        compile_scenario(load_scenario(source(text), demo=None, environ={}))
