"""The targets of a plan are asked by the way that calls go, with their credentials, and nothing of those is told."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from virtual_run import plan_of

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "observe"))
import told_servers as servers

from llmload import __version__
from llmload.app import fingerprint as module
from llmload.app.fingerprint import Inquiry, fingerprint
from llmload.scenario.plan import Auth, Plan

TEXT = """
targets.main = {{ base_url = "{url}", model = "m"{more} }}
classes.chat = {{ api = "chat", prompt = "x" }}
load = {{ rate = "1/s", duration = "1s" }}
"""


def plan(url: str, more: str = "") -> Plan:
    return plan_of(TEXT.format(url=url, more=more))


def test_the_embedded_simulator_is_known_without_being_asked() -> None:
    found = fingerprint(plan("sim:"))
    assert found.targets["main"]["software"] == "llmload sim"
    assert found.targets["main"]["version"] == __version__
    assert found.generator["llmload"] == __version__


def test_without_a_plan_there_is_the_generator_alone() -> None:
    assert fingerprint(None).targets == {}


def test_a_key_that_can_not_be_had_is_trouble_and_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    asked = plan("http://127.0.0.1:1/v1", ', api_key = { env = "NO_SUCH_KEY" }')
    assert Inquiry(asked).found()["main"]["trouble"].startswith("it was not asked: the API key is to come from")


def test_the_key_goes_along_and_is_struck_out_where_a_server_repeats_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "key-of-mine-4711")
    seen: list[str] = []

    def repeats(to: servers.BaseHTTPRequestHandler) -> None:
        seen.append(to.headers["Authorization"])
        servers.answer(to, {"data": [{"id": f"for {to.headers['Authorization']}"}]}, Server="key-of-mine-4711")

    with servers.serving(repeats) as url:
        facts = Inquiry(plan(url, ', api_key = { env = "MY_KEY" }')).found()["main"]
    assert set(seen) == {"Bearer key-of-mine-4711"}
    assert "4711" not in repr(facts)
    assert facts["server"] == "***"


def test_each_dialect_lists_its_models_where_they_are() -> None:
    asked: list[str] = []

    def listens(to: servers.BaseHTTPRequestHandler) -> None:
        asked.append(to.path)
        servers.answer(to, {"data": [{"id": "m"}]})

    with servers.serving(listens) as url:
        root = url.removesuffix("/v1")
        azure = plan(f"{root}/openai", ', dialect = "azure-openai", options = { api_version = "2024-10-21" }')
        for each in (azure, plan(url, ', dialect = "anthropic"'), plan(f"{root}/api", ', dialect = "ollama"')):
            assert Inquiry(each).found()["main"]["models"] == "m"
    assert asked[:2] == ["/openai/models?api-version=2024-10-21", "/v1/models"]
    assert asked[2] == "/api/tags"
    assert "/api/version" in asked[3:]


def test_a_websocket_target_is_asked_over_http() -> None:
    with servers.serving(servers.server_like("vLLM")) as url:
        socket = plan(url)
        socket = replace(socket, targets=(replace(socket.targets[0], base_url=url.replace("http:", "ws:")),))
        assert Inquiry(socket).found()["main"]["software"] == "vLLM"


def test_a_command_that_takes_too_long_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LONGEST", 0.2)
    waiting = plan("http://127.0.0.1:1/v1")
    command = (sys.executable, "-c", "import time; time.sleep(1)")
    target = replace(waiting.targets[0], auth=Auth("command", command=command))
    found = Inquiry(replace(waiting, targets=(target,))).found()["main"]
    assert found == {"trouble": "its key took longer than 0.2 s"}


def test_a_command_that_fails_is_trouble() -> None:
    command = plan("http://127.0.0.1:1/v1")
    target = replace(command.targets[0], auth=Auth("command", command=(sys.executable, "-c", "raise SystemExit(3)")))
    found = Inquiry(replace(command, targets=(target,))).found()["main"]
    assert "failed" in found["trouble"]
