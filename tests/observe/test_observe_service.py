"""What servers tell of themselves, and that those that mean no good get neither time, memory nor keys."""

from __future__ import annotations

import shutil
import socket
import ssl
import threading
import time
from pathlib import Path

import pytest
import told_servers as servers
from ping_servers import certificate

from llmload.analysis.environments import TARGET
from llmload.observe import service
from llmload.observe.service import Way, ask


def told(url: str, **way: object) -> dict[str, str]:
    return ask({"main": Way(url, **way)})["main"]  # type: ignore[arg-type]


@pytest.mark.parametrize("software", servers.MODELS)
def test_the_usual_servers_are_known_by_what_they_tell(software: str) -> None:
    with servers.serving(servers.server_like(software)) as url:
        facts = told(url)
    assert facts.pop("address") == "127.0.0.1"
    assert {name: facts.pop(name) for name in ("http", "tls", "answered", "server")} == {
        "http": "1.1",
        "tls": "none",
        "answered": "HTTP 200",
        "server": f"{software}/test",
    }
    assert facts == {"software": software, **servers.TOLD[software]}


@pytest.mark.parametrize("software", servers.MODELS)
def test_neither_keys_nor_places_of_files_come_along(software: str) -> None:
    with servers.serving(servers.server_like(software)) as url:
        text = repr(told(url))
    for secret in (servers.KEY, "bob", "/home", "gpu-7"):
        assert secret not in text


def test_once_the_software_is_known_no_page_of_another_is_asked_for() -> None:
    asked: list[str] = []
    with servers.serving(servers.server_like("vLLM", asked)) as url:
        told(url)
    assert asked == ["/v1/models", "/version"]


def test_behind_a_path_of_a_gateway_the_pages_stand_there() -> None:
    with servers.serving(servers.server_like("vLLM", prefix="/llm")) as url:
        facts = told(url.replace("/v1", "/llm/v1"))
    assert facts["version"] == servers.TOLD["vLLM"]["version"]


def test_a_hosted_service_is_asked_for_its_models_only() -> None:
    asked: list[str] = []

    def hosted(to: servers.BaseHTTPRequestHandler) -> None:
        asked.append(to.path)
        servers.answer(
            to, {"data": [{"id": "gpt"}]}, openai_version="2020-10-01", cf_ray="8f2-FRA", openai_organization="org-me",
            x_gate_version="7",
        )  # fmt: skip

    with servers.serving(hosted) as url:
        facts = told(url)
    assert asked == ["/v1/models"]
    assert (facts["api_version"], facts["edge"], facts["versions"]) == ("2020-10-01", "FRA", "x-gate-version 7")
    assert "org-me" not in repr(facts)


def test_the_model_that_is_meant_is_the_one_that_is_told_of() -> None:
    models = [{"id": name, "owned_by": "vllm", "max_model_len": length} for name, length in (("a", 1), ("b", 2))]
    with servers.serving(lambda to: servers.answer(to, {"data": models})) as url:
        assert told(url, model="b", pages=False)["context"] == "2"
        assert told(url, model="c", pages=False)["context"] == "1"


def test_of_many_models_a_dozen_is_named() -> None:
    models = [{"id": f"m{number:02}"} for number in range(40)]
    with servers.serving(lambda to: servers.answer(to, {"data": models})) as url:
        assert told(url, pages=False)["models"].endswith("m11 and 28 more")


def test_what_refuses_to_list_tells_by_its_headers_all_the_same() -> None:
    with servers.serving(
        lambda to: servers.answer(to, {"error": "no key"}, 401, Server="gate/3", Via="1.1 kong/3")
    ) as url:
        facts = told(url)
    assert (facts["answered"], facts["server"], facts["via"]) == ("HTTP 401", "gate/3", "1.1 kong/3")
    assert "trouble" not in facts


def test_headers_with_the_key_go_to_the_target_and_redirects_are_not_followed() -> None:
    keys: list[str] = []

    def elsewhere(to: servers.BaseHTTPRequestHandler) -> None:
        keys.append(to.headers["Authorization"])
        servers.answer(to, {}, 200)

    with servers.serving(elsewhere) as other:

        def away(to: servers.BaseHTTPRequestHandler) -> None:
            assert to.headers["Authorization"] == "Bearer mine"
            servers.answer(to, {}, 307, Location=f"{other}/models")

        with servers.serving(away) as url:
            facts = told(url, headers={"Authorization": "Bearer mine"})
    assert keys == []
    assert facts["answered"] == "HTTP 307"


def test_a_secret_that_a_server_repeats_is_struck_out() -> None:
    with servers.serving(lambda to: servers.answer(to, {"data": [{"id": "key-4711"}]}, Server="key-4711")) as url:
        facts = ask({"main": Way(url, pages=False)}, lambda text: text.replace("4711", "***"))["main"]
    assert (facts["models"], facts["server"]) == ("key-***", "key-***")


@pytest.mark.parametrize("behaviour", [servers.huge, servers.nested, servers.of_other_shapes, servers.no_http])
def test_hostile_answers_tell_nothing_and_break_nothing(behaviour: servers.Behaviour) -> None:
    with servers.serving(behaviour) as url:
        facts = told(url)
    assert set(facts) <= set(TARGET)
    assert "version" not in facts


@pytest.mark.parametrize("behaviour", [servers.trickling, servers.trickling_head])
def test_a_server_that_never_ends_is_left_when_time_is_up(
    behaviour: servers.Behaviour, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "SECONDS", 0.3)
    with servers.serving(behaviour) as url:
        began = time.monotonic()
        facts = told(url)
        assert time.monotonic() - began < 5
        for thread in threading.enumerate():
            if thread.name == "llmload-fingerprint":
                thread.join(5)
                assert not thread.is_alive()
    assert facts["trouble"] == "it took longer than 0.3 s"


def test_what_others_wrote_is_one_short_clean_line() -> None:
    with servers.serving(servers.dirty) as url:
        facts = told(url)
    for value in facts.values():
        assert value.isprintable()
        assert len(value) <= 200


def test_over_tls_version_and_cipher_are_facts_and_a_certificate_that_is_not_accepted_is_trouble(
    tmp_path: Path,
) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl command to make a certificate")
    authority, context = certificate(tmp_path)
    with servers.serving(servers.server_like("vLLM"), context) as url:
        facts = told(url, tls=ssl.create_default_context(cafile=str(authority)))
        refused = told(url, tls=ssl.create_default_context())
    assert facts["software"] == "vLLM"
    assert facts["tls"].startswith("TLSv1.")
    assert set(refused) == {"trouble"}
    assert refused["trouble"].startswith("the certificate is not accepted: ")


def test_a_proxy_that_is_not_there_is_trouble_of_the_proxy() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        proxy = f"http://127.0.0.1:{taken.getsockname()[1]}"
        assert told("http://localhost:1/v1", proxy=proxy) == {"trouble": "its proxy can not be reached"}


def test_nobody_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        assert told(url) == {"trouble": "it can not be reached"}
    assert told("http://no-such-host.invalid/v1")["trouble"] in ("it can not be reached", "it took longer than 5 s")


def test_a_socket_in_the_file_system(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()

        def serve() -> None:
            peer, _ = listening.accept()
            with peer:
                peer.recv(4096)
                peer.sendall(b"HTTP/1.1 200 OK\r\nServer: u\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")

        thread = threading.Thread(target=serve)
        thread.start()
        facts = told("http://localhost/v1", unix_socket=path, pages=False)
        thread.join()
    assert facts["server"] == "u"
    assert "address" not in facts


def test_targets_are_asked_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "SECONDS", 0.4)
    with servers.serving(servers.trickling) as slow, servers.serving(servers.server_like("vLLM")) as quick:
        found = ask({"slow": Way(slow), "quick": Way(quick)})
    assert (found["quick"]["software"], "trouble" in found["slow"]) == ("vLLM", True)
