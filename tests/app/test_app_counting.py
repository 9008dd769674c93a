"""Targets that count their own tokens, before a run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from virtual_run import plan_of

from llmload.app.counting import _counted, counted_by_targets
from llmload.app.session import Options, run_plan
from llmload.engine.run import due
from llmload.errors import UsageError
from llmload.scenario.plan import Plan
from llmload.sim.process import SimProcess
from llmload.sim.spec import SimSpec
from llmload.workload.workload import Workload

SCENARIO = """
[targets.main]
base_url = "BASE"
model = "sim-model"
tokenizer = { server = true }
[classes.main]
api = "completions"
prompt = { tokens = "1..500" }
max_tokens = 2
[load]
process = "uniform"
rate = "1000/s"
duration = "1s"
"""


def plan(base: str, *overrides: str) -> Plan:
    return plan_of(SCENARIO.replace("BASE", base), *overrides)


@pytest.fixture(scope="module")
def root() -> Iterator[str]:
    with SimProcess(SimSpec.model_validate({"models": ["sim-model"]})) as sim:
        yield sim.root


def bytes_in_fours(text: str) -> int:
    return -(-len(text.encode()) // 4)


def test_not_one_of_a_thousand_prompts_is_off(root: str) -> None:
    given = plan(f"{root}/v1")
    counted = counted_by_targets(given)
    before, after = (Workload(each.classes, each.seeds.mix, each.seeds.prompts) for each in (given, counted))
    off = 0
    for k in range(1000):
        wished, call = before.call(k).input_tokens, after.call(k)
        off += not wished == call.input_tokens == bytes_in_fours(call.inputs[0])
    assert off == 0


def test_a_run_asks_exactly_what_the_server_then_reports() -> None:
    settings = ["load.rate=60/s", "load.duration=2s", "classes.main.prompt.tokens=20..90"]
    result = run_plan(plan("sim:", *settings), Options(workers=1))
    calls = result.summary.select(measured=False)
    error = calls.histogram("token_error")
    assert error.count == calls.completed > 60
    assert error.max == 0
    assert any("of the wished length, counted by target main" in note for note in result.notes)


def test_there_is_a_prompt_for_each_call_of_the_schedule(root: str) -> None:
    counted = counted_by_targets(plan(f"{root}/v1", "load.rate=30/s", "load.process=poisson"))
    fitted = counted.classes[0].prompt.fitted
    assert fitted is not None
    assert len(fitted.pool) == due(counted, 0, 1)
    sessions = ["classes.main.api=chat", "classes.main.conversation.turns=3", "load.rate=5/s"]
    some = counted_by_targets(plan(f"{root}/v1", *sessions, "targets.main.tokenizer.prompts=40"))
    assert some.classes[0].prompt.fitted is not None
    assert len(some.classes[0].prompt.fitted.pool) == 40
    workload = Workload(some.classes, 1, 2)
    following = workload.follow(workload.call(0), "An answer.")
    assert following is not None
    assert following[0].messages[-1].content in dict(some.classes[0].prompt.fitted.pool)


def test_a_plan_of_targets_that_do_not_count_is_left_alone() -> None:
    given = plan("sim:", "targets.main.tokenizer.server=false")
    assert counted_by_targets(given) is given


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/tokenize", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_llama_cpp_is_asked_in_its_own_way_and_with_the_key_of_the_target(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = set()

    async def tokenize(request: web.Request) -> web.Response:
        keys.add(request.headers.get("Authorization"))
        content = (await request.json()).get("content", "")
        return web.json_response({"tokens": list(range(len(content.split())))})

    monkeypatch.setenv("KEY_OF_THE_TEST", "secret-of-the-test")
    async with serving(tokenize) as base:
        counted = await _counted(plan(f"{base}/v1", 'targets.main.api_key={ env = "KEY_OF_THE_TEST" }'))
    call = Workload(counted.classes, counted.seeds.mix, counted.seeds.prompts).call(3)
    assert call.input_tokens == len(call.inputs[0].split())
    assert keys == {"Bearer secret-of-the-test"}


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (404, "nothing here", "it has none"),
        (200, '{"tokens": []}', "it answered 200"),
        (200, "[1]", "it answered 200: [1]"),
        (401, "bad key \x1b[31msecret-of-the-test", "it answered 401: bad key"),
    ],
)
async def test_a_server_that_can_not_count_is_named(
    status: int, body: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def tokenize(request: web.Request) -> web.Response:
        return web.Response(status=status, text=body)

    monkeypatch.setenv("KEY_OF_THE_TEST", "secret-of-the-test")
    async with serving(tokenize) as base:
        with pytest.raises(UsageError) as caught:
            await _counted(plan(f"{base}/v1", 'targets.main.api_key={ env = "KEY_OF_THE_TEST" }'))
    said = str(caught.value)
    assert f"targets.main.tokenizer.server: {base}/tokenize can't count: {words}" in said
    assert 'tokenizer = { file = "tokenizer.json" }' in said
    assert "secret-of-the-test" not in said
    assert "\x1b" not in said


async def test_a_server_that_stops_counting_is_named() -> None:
    asked = 0

    async def tokenize(request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return web.json_response({"count": 3} if asked < 20 else {"count": -1})

    async with serving(tokenize) as base:
        with pytest.raises(UsageError, match="it answered 200"):
            await _counted(plan(f"{base}/v1"))
