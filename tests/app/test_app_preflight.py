"""Before a run: what can't work ends in an error that says what would; the rest is noted; nobody is billed for it."""

from __future__ import annotations

import gc
import shutil
import socket
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path

import orjson
import pytest
from virtual_run import plan_of

from llmload.app import preflight as module
from llmload.app.preflight import preflight
from llmload.dialects import DIALECTS
from llmload.errors import UnreachableError, UsageError
from llmload.observe.machine import Glance
from llmload.scenario.plan import Auth, Plan, Target
from llmload.sim.process import SimProcess
from llmload.sim.spec import SimSpec

sys.path.insert(0, str(Path(__file__).parent.parent / "observe"))
from ping_servers import certificate, proxied, served

KEY = "sk-a-very-secret-key-0123"
SCENARIO = """
[targets.main]
base_url = "http://127.0.0.1:1/v1"
model = "sim-a"
[classes.main]
prompt = { tokens = 20 }
[load]
rate = "1/s"
duration = "1s"
"""
MODELS = [{"id": "sim-a"}, {"id": "sim-b"}]
SEEN = Glance.seen
LISTED = [name for name, kind in DIALECTS.items() if kind.models is not None]


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """What else this machine does is looked at in a test of its own."""
    monkeypatch.setattr(Glance, "seen", lambda self, seconds: (0.0, 0.0))
    monkeypatch.setenv("MY_KEY", KEY)


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimProcess]:
    keys = {KEY: {}, "sk-of-the-tenant-456": {}}
    with SimProcess(SimSpec(models=("sim-a", "sim-b"), keys=keys)) as simulator:
        yield simulator


def plan(base: str, model: str = "sim-a", scenario: str = SCENARIO, **target: object) -> Plan:
    made = plan_of(scenario)
    classes = tuple(replace(cls, model=model) for cls in made.classes)
    return replace(made, classes=classes, targets=(replace(made.targets[0], base_url=base, **target),))


def auth(dialect: str = "openai", source: str = "MY_KEY") -> Auth:
    header, prefix = DIALECTS[dialect].key
    return Auth("env", source, header=header, prefix=prefix)


def answering(
    status: int = 200, document: object = None, headers: Mapping[str, str] | None = None, date: float | None = None
) -> object:
    """An answer for ``served``: to the list, and 404 to a single model."""
    body = orjson.dumps({"data": MODELS} if document is None else document)

    def answer(number: int, request: bytes) -> bytes:
        path = request.split()[1].partition(b"?")[0]
        code, said = (status, body) if path.endswith((b"/models", b"/tags")) else (404, b"{}")
        lines = {"Date": formatdate(time.time() if date is None else date, usegmt=True), **(headers or {})}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"HTTP/1.1 {code} X\r\n{head}Content-Length: {len(said)}\r\n\r\n".encode() + said

    return answer


def looked_at(answer: object, model: str = "sim-a", **target: object) -> tuple[str, ...]:
    with served(answer) as port:  # type: ignore[arg-type]
        return preflight(plan(f"http://127.0.0.1:{port}/v1", model, **target))


# -- against every API of the simulator -------------------------------------------------------------------------


def at(simulator: SimProcess, dialect: str, model: str = "sim-a", **more: object) -> Plan:
    base = simulator.root + DIALECTS[dialect].sim_base
    return plan(base, model, **{"dialect": dialect, "auth": auth(dialect), **more})


@pytest.mark.parametrize("dialect", LISTED)
def test_a_good_key_and_a_model_that_is_there(simulator: SimProcess, dialect: str) -> None:
    assert preflight(at(simulator, dialect)) == ()


@pytest.mark.parametrize("dialect", sorted(set(LISTED) - {"azure-openai"}))
def test_a_model_that_is_not_there(simulator: SimProcess, dialect: str) -> None:
    with pytest.raises(UsageError, match=r"has no model 'sim-aa': did you mean sim-(a|b)") as caught:
        preflight(at(simulator, dialect, "sim-aa"))
    assert "\n    --skip-preflight runs all the same" in str(caught.value)


@pytest.mark.parametrize("dialect", LISTED)
def test_a_key_that_is_refused_is_named_by_its_variable(
    simulator: SimProcess, dialect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "sk-wrong-but-secret-99")
    with pytest.raises(UsageError, match=r"refuses the key from \$MY_KEY: HTTP 40[13]: ") as caught:
        preflight(at(simulator, dialect))
    assert "wrong-but-secret" not in str(caught.value)


def test_names_of_deployments_are_not_in_azure_s_list(simulator: SimProcess) -> None:
    assert preflight(at(simulator, "azure-openai", "my-deployment")) == ()


@pytest.mark.parametrize("dialect", sorted(set(DIALECTS) - set(LISTED)))
def test_where_there_is_no_such_list_only_a_connection_is_made(simulator: SimProcess, dialect: str) -> None:
    seen: list[bytes] = []

    def answer(number: int, request: bytes) -> bytes:
        seen.append(request)
        return b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n"

    options = {"project": "p", "location": "l"} if dialect == "vertex" else {}
    with served(answer) as port:
        assert preflight(plan(f"http://127.0.0.1:{port}", dialect=dialect, options=options)) == ()
    assert seen == []


def test_a_target_that_wants_a_key_and_has_none(simulator: SimProcess) -> None:
    with pytest.raises(UsageError, match=r"wants a key: HTTP 401") as caught:
        preflight(at(simulator, "openai", auth=Auth()))
    assert 'api_key = { env = "OPENAI_API_KEY" }' in str(caught.value)


def test_a_key_that_stands_in_headers(simulator: SimProcess) -> None:
    headers = {"Authorization": "Bearer sk-of-nobody-000000"}
    with pytest.raises(UsageError, match="refuses what stands in headers") as caught:
        preflight(at(simulator, "openai", auth=Auth(), headers=headers))
    assert "sk-of-nobody" not in str(caught.value)


# -- which keys and models are looked at --------------------------------------------------------------------------

DIMENSIONS = SCENARIO.replace(
    "[load]",
    """
[dimensions.credential.good]
api_key = { env = "TENANT_KEY" }
[dimensions.credential.bad]
weight = 1
api_key = { env = "BAD_KEY" }
expect_status = [401]
[load]""",
)


def test_every_key_is_tried_but_those_that_are_to_be_refused(
    simulator: SimProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BAD_KEY", "sk-a-bad-one-555555")
    monkeypatch.setenv("TENANT_KEY", "sk-of-the-tenant-456")
    base = f"{simulator.root}/v1"
    assert preflight(plan(base, scenario=DIMENSIONS)) == ()
    monkeypatch.setenv("TENANT_KEY", "sk-of-the-tenant-000")
    with pytest.raises(UsageError, match=r"refuses the key from \$TENANT_KEY \(api_keys\.[\w.-]+\): HTTP 401"):
        preflight(plan(base, scenario=DIMENSIONS))


def test_a_class_that_expects_404_may_ask_for_a_model_that_is_not_there(simulator: SimProcess) -> None:
    made = at(simulator, "openai", "no-such-model")
    classes = tuple(replace(cls, expect_status=frozenset({404})) for cls in made.classes)
    assert preflight(replace(made, classes=classes)) == ()


# -- servers in the field ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_server_without_a_list_is_no_error(status: int) -> None:
    assert looked_at(answering(status)) == ()


@pytest.mark.parametrize("document", [{}, {"data": []}, [], {"data": "none"}])
def test_a_list_that_says_nothing_is_no_error(document: object) -> None:
    assert looked_at(answering(document=document)) == ()


def test_a_server_that_has_one_model_and_takes_any_is_noted() -> None:
    (note,) = looked_at(answering(document={"data": [{"id": "x.gguf", "owned_by": "llamacpp"}]}))
    assert note.endswith("answers with x.gguf, whatever model is asked for")


def test_a_model_that_is_not_listed_but_has_a_page_of_its_own_is_there() -> None:
    def answer(number: int, request: bytes) -> bytes:
        body = b'{"id": "x"}' if request.split()[1] == b"/v1/models/an-alias" else orjson.dumps({"data": MODELS})
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    assert looked_at(answer, "an-alias") == ()


def test_a_list_with_more_pages_does_not_tell_that_a_model_is_missing() -> None:
    def answer(number: int, request: bytes) -> bytes:
        single = request.split()[1].startswith(b"/v1/models/")
        body = orjson.dumps({"data": MODELS, "has_more": True})
        return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (500 if single else 200, len(body)) + body

    (note,) = looked_at(answer, "other", dialect="anthropic")
    assert "does not say on the first page of its list if it has 'other'" in note


def test_trouble_with_the_list_is_noted() -> None:
    (note,) = looked_at(answering(503, {"error": {"message": "overloaded"}}))
    assert note.endswith("does not say what models it has: HTTP 503: overloaded")


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{", b"rubbish\r\n\r\n"])
def test_a_list_that_breaks_off_is_noted(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SECONDS", 0.5)
    (note,) = looked_at(lambda number, request: said)
    assert "what models it has" in note


def test_a_list_that_never_comes_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SECONDS", 0.3)
    began = time.monotonic()
    (note,) = looked_at(lambda number, request: None)
    assert time.monotonic() - began < 5.0
    assert note.endswith("does not say within 0.3 s what models it has")


def test_a_list_without_an_end_is_not_taken_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LIMIT", 10_000)
    (note,) = looked_at(answering(document={"data": [{"id": "x" * 100}] * 1000}))
    assert "does not say what models it has" in note


def test_nobody_there() -> None:
    with pytest.raises(UnreachableError, match=r"target main \(http://127\.0\.0\.1:1/v1\) can't be reached"):
        preflight(plan("http://127.0.0.1:1/v1"))


def test_all_troubles_are_told_and_that_of_nobody_there_decides(simulator: SimProcess) -> None:
    made = at(simulator, "openai", "sim-z")
    other = Target("other", "http://127.0.0.1:1/v1")
    classes = tuple(replace(cls, targets=("main", "other")) for cls in made.classes)
    with pytest.raises(UnreachableError) as caught:
        preflight(replace(made, targets=(*made.targets, other), classes=classes))
    assert "has no model 'sim-z'" in str(caught.value)
    assert "target other (http://127.0.0.1:1/v1) can't be reached" in str(caught.value)


def test_the_words_of_a_server_are_harmless_and_hold_no_key() -> None:
    words = f"\x1b[31mno\n key {KEY} is good [red]" + "x" * 1000
    with pytest.raises(UsageError) as caught:
        looked_at(answering(401, {"error": {"message": words}}), auth=auth())
    first, second = str(caught.value).splitlines()
    assert KEY not in str(caught.value)
    assert first.isprintable()
    assert len(first) < 400
    assert second.startswith("    put the right one there")
    names = [{"id": f"\x1b[2J{KEY}-{number}"} for number in range(100)]
    with pytest.raises(UsageError) as caught:
        looked_at(answering(document={"data": names}), auth=auth())
    assert KEY not in str(caught.value)
    assert all(line.isprintable() for line in str(caught.value).splitlines())


@pytest.mark.parametrize(
    ("date", "words"), [(-3600, "60 m 00 s ahead of"), (3600, "60 m 00 s behind"), (0, ""), (-3, "")]
)
def test_clocks_that_lie_apart_are_noted(date: float, words: str) -> None:
    notes = looked_at(answering(date=time.time() + date))
    assert bool(notes) == bool(words)
    assert all("this machine's clock is " in note and "target main" in note for note in notes)


@pytest.mark.parametrize("date", ["", "yesterday", "Mon, 99 Foo 99999 99:99:99 GMT"])
def test_a_date_that_is_none_is_not_believed(date: str) -> None:
    assert looked_at(answering(headers={"Date": date})) == ()


def test_the_embedded_simulator_is_not_looked_at() -> None:
    assert preflight(plan("sim:")) == ()


# -- the way there ------------------------------------------------------------------------------------------------


def test_it_goes_through_the_proxy_and_trusts_whom_the_calls_trust(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl command to make a certificate")
    file, context = certificate(tmp_path)
    asked: list[bytes] = []
    with served(answering(), context) as port, proxied(port, asked) as proxy:  # type: ignore[arg-type]
        base = f"https://localhost:{port}/v1"
        way = {"auth": auth(), "proxy": f"http://me:word@127.0.0.1:{proxy}"}
        assert preflight(plan(base, ca_file=str(file), **way)) == ()
        with pytest.raises(UnreachableError, match="certificate"):
            preflight(plan(base, **way))
    with warnings.catch_warnings():  # where TLS in a tunnel fails, aiohttp leaves its socket to the collector
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    assert asked[0].startswith(f"CONNECT localhost:{port} ".encode())
    assert b"Basic bWU6d29yZA==" in asked[0]
    assert KEY.encode() not in b"".join(asked)


def test_models_beyond_those_that_are_looked_for_are_told() -> None:
    models = [f"m-{n}" for n in range(20)]
    listed = answering(document={"data": [{"id": model} for model in models]})
    with served(listed) as port:  # type: ignore[arg-type]
        made = plan(f"http://127.0.0.1:{port}/v1")
        (cls,) = made.classes[:1]
        made = replace(made, classes=tuple(replace(cls, name=model, model=model) for model in models))
        said = preflight(made)
    assert "target main: of 20 models the first 16 were looked for before the run" in said


def test_it_goes_to_the_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with served(answering(), family=socket.AF_UNIX, where=path):  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="has no model 'other'"):
            preflight(plan("http://llm/v1", "other", unix_socket=path))
        assert preflight(plan("http://llm/v1", unix_socket=path)) == ()


# -- this machine -------------------------------------------------------------------------------------------------


def test_company_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Glance, "seen", lambda self, seconds: (0.62, 0.11))
    others, steal = looked_at(answering())
    assert others.startswith("before the run other programs used 62% of this machine")
    assert steal == "before the run the hypervisor took 11% of this machine's time"


def test_a_glance_at_this_machine() -> None:
    began = time.monotonic()
    others, steal = SEEN(Glance(), 0.2)
    assert time.monotonic() - began >= 0.19
    assert 0.0 <= others <= 1.0
    assert 0.0 <= steal <= 1.0
