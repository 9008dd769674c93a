"""The sets ``redis`` and ``postgres`` of a page of metrics, on the real exporters' pages, against what the servers
themselves say of a known load."""

from __future__ import annotations

import math
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from llmload.observe.scrape import PageWatch
from llmload.scenario.series import SETS
from tests.outputs.servers import free_port

SECONDS = 100.0
"""Between two looks, as the watch is told: nobody waits for them, and how long a page takes hardly counts."""


@contextmanager
def running(arguments: list[str], log: Path, **environment: str) -> Iterator[None]:
    """A server, ended by its process id."""
    with log.open("wb") as out:
        process = subprocess.Popen(arguments, stdout=out, stderr=out, cwd="/", env={**os.environ, **environment})
    try:
        yield
        assert process.poll() is None, log.read_text()[-2000:]
    finally:
        process.terminate()
        process.wait()


def until(holds: Callable[[], bool], what: str) -> None:
    for _ in range(200):
        if holds():
            return
        time.sleep(0.1)
    pytest.fail(what)


class Look:
    """What the figures of a set are after two looks with a load between them."""

    def __init__(self, name: str, port: int) -> None:
        self.watch = PageWatch(name, lambda: f"http://127.0.0.1:{port}/metrics", list(SETS[name].items()))
        self.now = 0.0

    def first(self, figure: str) -> None:
        def seen() -> bool:
            self.watch.look(-math.inf)
            return not self.watch.seen.trouble and figure in self.watch.seen.figures

        until(seen, f"no page: {self.watch.seen.trouble}, {self.watch.seen.missing}")
        self.take()

    def take(self) -> None:
        self.now += SECONDS
        self.watch.look(self.now, last=True)
        assert not self.watch.seen.trouble
        assert not self.watch.seen.missing

    def level(self, figure: str) -> float:
        bins = self.watch.seen.figures[figure].bins
        return bins[max(bins)].mean

    def grown(self, figure: str) -> float:
        """By how much a counter grew between the latest two looks."""
        return self.level(figure) * SECONDS


# -- Redis


class Redis:
    """A connection that sends commands inline and reads one answer for each."""

    def __init__(self, port: int) -> None:
        self._connection = socket.create_connection(("127.0.0.1", port))
        self._file = self._connection.makefile("rb")

    def ask(self, command: str, times: int = 1) -> bytes:
        self._connection.sendall(f"{command}\r\n".encode() * times)
        answer = b""
        for _ in range(times):
            answer = self._file.readline()
            if answer[:1] == b"$":
                answer = self._file.read(int(answer[1:]) + 2)
        return answer

    def info(self) -> dict[str, float]:
        lines = self.ask("INFO").decode().splitlines()
        pairs = (line.split(":", 1) for line in lines if ":" in line)
        return {name: float(value) for name, value in pairs if value.replace(".", "", 1).isdigit()}

    def close(self) -> None:
        self._file.close()
        self._connection.close()


def listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """The ports of the server and of its exporter."""
    for program in ("redis-server", "prometheus-redis-exporter"):
        if not shutil.which(program):
            pytest.skip(f"needs {program}, a Debian package")
    directory, server, exporter = tmp_path_factory.mktemp("redis"), free_port(), free_port()
    of_server = ["redis-server", "--port", str(server), "--bind", "127.0.0.1", "--save", "", "--dir", str(directory)]
    of_exporter = [
        "prometheus-redis-exporter", "-redis.addr", f"redis://127.0.0.1:{server}",
        "-web.listen-address", f"127.0.0.1:{exporter}",
    ]  # fmt: skip
    with running(of_server, directory / "server.log"):
        until(lambda: listening(server), "no Redis")
        with running(of_exporter, directory / "exporter.log"):
            yield server, exporter


def test_redis_says_of_a_known_load_what_its_exporter_is_read_to_say(redis: tuple[int, int]) -> None:
    server, exporter = redis
    clients = [Redis(server) for _ in range(7)]
    try:
        look = Look("redis", exporter)
        look.first("memory")
        assert look.level("clients") == 8, "its exporter is one of them"
        before = clients[0].info()
        assert look.level("memory") == pytest.approx(before["used_memory"], rel=0.05)
        for client in clients[:5]:
            assert client.ask("PING", 2000) == b"+PONG\r\n"
        clients[5].ask(f"SETRANGE big {8 << 20} x")
        after = clients[0].info()
        look.take()
        done = after["total_commands_processed"] - before["total_commands_processed"]
        assert done == pytest.approx(10_001, abs=1)
        assert look.grown("requests") == pytest.approx(done, abs=60), "and what the exporter asks itself"
        assert look.level("memory") == pytest.approx(after["used_memory"], rel=0.05)
        assert after["used_memory"] - before["used_memory"] >= 8 << 20
    finally:
        for client in clients:
            client.close()


# -- PostgreSQL


def programs_of_postgres() -> Path | None:
    """Where Debian has them: not where programs are looked for."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


def as_postgres(arguments: list[str]) -> list[str]:
    """The server refuses to be run by root."""
    return ["runuser", "-u", "postgres", "--", *arguments] if os.geteuid() == 0 else arguments


@pytest.fixture(scope="module")
def postgres() -> Iterator[tuple[int, int, Callable[[str], str]]]:
    """The ports of the server and of its exporter, and a function that asks the server something."""
    where = programs_of_postgres()
    if where is None or not shutil.which("prometheus-postgres-exporter"):
        pytest.skip("needs postgresql and prometheus-postgres-exporter, Debian packages")
    server, exporter = free_port(), free_port()
    login: Mapping[str, str] = {
        "PGHOST": "127.0.0.1",
        "PGPORT": str(server),
        "PGUSER": "postgres",
        "PGDATABASE": "postgres",
    }
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="llmload-postgres-")))
        if os.geteuid() == 0:
            shutil.chown(directory, "postgres")
        data = directory / "data"
        subprocess.run(
            as_postgres([str(where / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "--no-sync"]),
            check=True, capture_output=True, cwd="/",
        )  # fmt: skip
        of_server = [
            str(where / "postgres"), "-D", str(data), "-p", str(server), "-h", "127.0.0.1", "-k", str(directory), "-F",
        ]  # fmt: skip
        stack.enter_context(running(as_postgres(of_server), directory / "server.log"))

        def ask(query: str) -> str:
            done = subprocess.run(
                [str(where / "psql"), "-XAtc", query], capture_output=True, text=True, check=False,
                env={**os.environ, **login},
            )  # fmt: skip
            return done.stdout.strip()

        until(lambda: ask("SELECT 1") == "1", "no PostgreSQL")
        source = f"postgresql://postgres@127.0.0.1:{server}/postgres?sslmode=disable"
        of_exporter = ["prometheus-postgres-exporter", f"--web.listen-address=127.0.0.1:{exporter}"]
        stack.enter_context(running(of_exporter, directory / "exporter.log", DATA_SOURCE_NAME=source))
        yield server, exporter, ask


def test_postgres_says_of_a_known_load_what_its_exporter_is_read_to_say(
    postgres: tuple[int, int, Callable[[str], str]],
) -> None:
    server, exporter, ask = postgres
    where = programs_of_postgres()
    assert where is not None

    def bench(*arguments: str) -> None:
        options = ["-h", "127.0.0.1", "-p", str(server), "-U", "postgres", *arguments, "postgres"]
        subprocess.run([str(where / "pgbench"), *options], check=True, capture_output=True)

    bench("-i", "-q")
    look = Look("postgres", exporter)
    look.first("connections")
    committed = "SELECT sum(xact_commit) FROM pg_stat_database"
    idle = look.level("connections")
    assert idle == int(ask("SELECT sum(numbackends) FROM pg_stat_database")) - 1, "psql is one more"
    sleepers = [
        subprocess.Popen(
            [str(where / "psql"), "-h", "127.0.0.1", "-p", str(server), "-U", "postgres", "-c", "SELECT pg_sleep(60)"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        for _ in range(5)
    ]  # fmt: skip
    try:
        sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'"
        until(lambda: ask(sleeping) == "5", "no connections")
        before = int(ask(committed))
        look.take()
        assert look.level("connections") == idle + 5
        bench("-n", "-S", "-c", "4", "-t", "500")
        done = int(ask(committed)) - before
        assert 2000 <= done < 2030
        look.take()
        assert look.grown("requests") == pytest.approx(done, abs=60), "and what the exporter asks itself"
    finally:
        for each in sleepers:
            each.terminate()
            each.wait()
