"""Real servers for tests: on free ports of 127.0.0.1, their data in a directory of the test, ended by process id."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import urllib3


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def get(url: str, query: Mapping[str, str] | None = None, method: str = "GET") -> Any:
    """The JSON that is there; None while nobody answers well."""
    where = f"{url}?{urlencode(query)}" if query else url
    try:
        answer = urllib3.request(method, where, timeout=5, retries=False)
    except urllib3.exceptions.HTTPError:
        return None
    return json.loads(answer.data or b"{}") if answer.status in (200, 204) else None


@contextmanager
def server(program: str, arguments: list[str], directory: Path, alive: str) -> Iterator[None]:
    """The server, from when ``alive`` answers."""
    if not shutil.which(program):
        pytest.skip(f"needs {program}, a Debian package")
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen([program, *arguments], cwd=directory, stdout=log, stderr=log)
    try:
        for _ in range(300):
            try:
                if urllib3.request("GET", alive, timeout=1, retries=False).status < 300:
                    break
            except urllib3.exceptions.HTTPError:
                pass
            assert process.poll() is None, (directory / "log").read_text()[-2000:]
            time.sleep(0.1)
        yield
    finally:
        process.kill()
        process.wait()


@contextmanager
def prometheus(directory: Path, scraped: int) -> Iterator[str]:
    """A Prometheus that scrapes a port of this machine once a second; its address."""
    port = free_port()
    config = directory / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 1s}\n"
        f"scrape_configs: [{{job_name: llmload, static_configs: [{{targets: ['127.0.0.1:{scraped}']}}]}}]\n"
    )
    arguments = [
        f"--config.file={config}",
        f"--storage.tsdb.path={directory}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    url = f"http://127.0.0.1:{port}"
    with server("prometheus", arguments, directory, f"{url}/-/ready"):
        yield url


@contextmanager
def written_prometheus(directory: Path, *features: str) -> Iterator[str]:
    """A Prometheus that scrapes nothing and takes remote writes; its address."""
    port = free_port()
    config = directory / "prometheus.yml"
    config.write_text("{}")
    arguments = [
        f"--config.file={config}", f"--storage.tsdb.path={directory}", f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-remote-write-receiver", *(f"--enable-feature={feature}" for feature in features),
    ]  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    with server("prometheus", arguments, directory, f"{url}/-/ready"):
        yield url


@contextmanager
def victoria_metrics(directory: Path) -> Iterator[str]:
    """A VictoriaMetrics; its address. What it was told can be asked for seconds later, or after ``settle``."""
    port = free_port()
    arguments = [
        f"-storageDataPath={directory}", f"-httpListenAddr=127.0.0.1:{port}", "-search.latencyOffset=0s",
        "-retentionPeriod=100y",
    ]  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    with server("victoria-metrics", arguments, directory, f"{url}/health"):
        yield url


def settle(victoria: str) -> None:
    """Have a VictoriaMetrics show all that it was told."""
    urllib3.request("GET", f"{victoria}/internal/force_flush", timeout=10, retries=False)


@contextmanager
def influxdb(directory: Path) -> Iterator[str]:
    """An InfluxDB of version 1; its address."""
    port, inner = free_port(), free_port()
    config = directory / "influxdb.conf"
    config.write_text(
        f'reporting-disabled = true\nbind-address = "127.0.0.1:{inner}"\n'
        f'[meta]\ndir = "{directory}/meta"\n[data]\ndir = "{directory}/data"\nwal-dir = "{directory}/wal"\n'
        f'[http]\nbind-address = "127.0.0.1:{port}"\nlog-enabled = false\n'
    )
    url = f"http://127.0.0.1:{port}"
    with server("influxd", ["-config", str(config)], directory, f"{url}/ping"):
        yield url
