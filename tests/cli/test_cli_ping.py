"""``llmload ping``: what it prints where, its exit status, and that no secret is among it."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "observe"))
from ping_servers import NOTHING, certificate, served

LLMLOAD = [sys.executable, "-m", "llmload"]


def llmload(*words: str, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*LLMLOAD, *words], capture_output=True, text=True, timeout=60, **more)


def scenario(folder: Path, target: str) -> str:
    path = folder / "mine.toml"
    text = f'name = "mine"\n{target}\n[classes.c]\nprompt = "x"\n[load]\nrate = "1/s"\nduration = "1s"\n'
    path.write_text(text)
    return str(path)


def test_a_url_a_table_on_stdout_and_a_line_for_each_round_on_stderr():
    with served() as port:
        done = llmload("ping", f"http://127.0.0.1:{port}/v1", "-n", "3", "-i", "0")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"main: 127.0.0.1:{port}\n  addresses 127.0.0.1 (used)\n")
    assert "asked HEAD /v1, without a key: HTTP 404\n" in done.stdout
    assert "throughput not measured\n" in done.stdout
    rows = {line[:21].strip(): line.split() for line in done.stdout.splitlines()}
    assert rows["TCP connect"][2:4] == ["3", "0%"]
    assert rows["HTTP, kept connection"][3:5] == ["3", "0%"]
    assert len([line for line in done.stderr.splitlines() if line.startswith("main: tcp ")]) == 3


def test_json_takes_stdout_and_the_table_goes_to_stderr():
    with served() as port:
        done = llmload("ping", f"http://127.0.0.1:{port}", "-n", "2", "-i", "1ms", "--json", "-", "-q")
    document = orjson.loads(done.stdout)
    assert (document["kind"], document["schema_version"], document["interrupted"]) == ("llmload-ping", 1, False)
    main = document["targets"]["main"]
    assert main["steps"]["tcp"]["tried"] == 2
    assert main["network"] == main["steps"]["tcp"]["median"]
    assert main["throughput"] is None
    assert "TCP connect" in done.stderr
    assert "main: tcp" not in done.stderr


def test_a_scenario_with_its_certificates_and_without_its_key(tmp_path: Path):
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl command to make a certificate")
    file, context = certificate(tmp_path)
    seen: list[bytes] = []

    def answer(number: int, request: bytes) -> bytes:
        seen.append(request)
        return NOTHING

    with served(answer, context) as port:
        table = (
            f'[targets.main]\nbase_url = "https://localhost:{port}/v1"\nmodel = "m"\nca_file = "{file}"\n'
            'api_key = { env = "MY_KEY" }\nheaders = { x-token = "${MY_TOKEN}" }\n'
        )
        out = tmp_path / "ping.json"
        keys = {"MY_KEY": "sk-very-secret-key", "MY_TOKEN": "very-secret-token", "PATH": "/usr/bin:/bin"}
        path = scenario(tmp_path, table)
        done = llmload("ping", path, "-n", "1", "--json", str(out), env=keys, cwd=Path.cwd())
    assert done.returncode == 0, done.stderr
    assert "TLSv1.3" in done.stdout
    everything = done.stdout + done.stderr + out.read_text() + repr(seen)
    assert "secret" not in everything


def test_the_embedded_simulator_can_be_pinged():
    done = llmload("ping", "quickstart", "-n", "1", "-q")
    assert done.returncode == 0, done.stderr
    assert "HTTP, kept connection" in done.stdout


def test_a_target_that_never_answers_is_unreachable(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with served() as good:
        table = (
            f'[targets.a]\nbase_url = "http://127.0.0.1:{good}"\nmodel = "m"\n'
            f'[targets.b]\nbase_url = "http://127.0.0.1:{port}"\nmodel = "m"\n'
        )
        path = scenario(tmp_path, table)
        done = llmload("ping", path, "-n", "1")
    assert done.returncode == 4
    assert "no answer: TCP connect: connection refused" in done.stdout
    assert "HTTP 404" in done.stdout


def test_ctrl_c_shows_what_was_measured_until_then():
    with served() as port:
        url = f"http://127.0.0.1:{port}"
        command = [*LLMLOAD, "ping", url, "-n", "1000", "-i", "50ms", "--json", "-"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stderr is not None
            for _ in range(3):
                process.stderr.readline()
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    document = orjson.loads(out)
    assert document["interrupted"] is True
    assert 2 <= document["targets"]["main"]["steps"]["tcp"]["tried"] < 1000
    assert b"Traceback" not in err


def test_throughput_is_measured_when_asked_for():
    body = b"x" * 1_000_000
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    with served(lambda number, request: whole if b"GET /big" in request else NOTHING) as port:
        url = f"http://127.0.0.1:{port}"
        done = llmload("ping", url, "-n", "1", "--download", "/big")
        none = llmload("ping", url, "-n", "1", "--download", "/other")
    assert "/s down" in done.stdout
    assert "throughput not measured" in none.stdout
    assert "main: throughput not measured: HTTP 404" in none.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["ftp://host"], "URL: must be like"),
        (["http://host:1/v1", "-i", "often"], "--interval: 'often' is not a duration"),
        (["http://host:1/v1", "-t", "0"], "--timeout: 0 is out of range; give 1.00 ms to 1h"),
        (["http://host:1/v1", "--path", "health"], "--path: 'health' is no path"),
        (["http://host:1/v1", "--download", "/a b"], "--download: '/a b' is no path"),
        (["http://host:1/v1", "--env", "x"], "--env, --set and --url change a scenario"),
        (["no-such-thing.toml"], "no-such-thing.toml"),
    ],
)
def test_a_mistake_is_named_and_nothing_is_sent(words: list[str], says: str):
    done = llmload("ping", *words)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
