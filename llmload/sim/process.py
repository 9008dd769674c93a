"""The simulator in a process of its own.

The parent writes to the child's standard input: one line of JSON with the settings, then lines with orders. The child
answers with one line on its standard output: the port, or why there is none. When the input ends, whatever the
reason, the child ends: so it dies with its parent even if that is killed. It has a session of its own, so Ctrl-C in
the terminal does not take it away from a client that is still draining.
"""

from __future__ import annotations

import asyncio
import gc
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final, Self

import orjson

from llmload.errors import LlmloadError, UsageError
from llmload.room import raise_descriptors
from llmload.sim.server import SimServer
from llmload.sim.spec import SimSpec
from llmload.sim.truth import TruthFile

__all__ = ["SimProcess", "child_main", "run_loop"]

_START_LIMIT: Final = 30.0
_STOP_LIMIT: Final = 1.0
_LINE_LIMIT: Final = 64 * 2**20
_CODE_ROOT: Final = str(Path(__file__).resolve().parents[2])


class SimProcess:
    """``with SimProcess(spec) as sim: ... sim.url``: a simulator on 127.0.0.1, running until the block ends.

    ``truth_log``: where the child writes what it did (see ``sim.truth``), complete once the block has ended.
    UsageError if the port or the log can't be had.
    """

    def __init__(self, spec: SimSpec, *, port: int = 0, truth_log: Path | None = None) -> None:
        self._setup: Final = {
            "spec": spec.model_dump(mode="json", by_alias=True),
            "port": port,
            "truth_log": str(truth_log.absolute()) if truth_log else None,
        }
        self.port = 0

    @property
    def url(self) -> str:
        """The base URL, with the version prefix."""
        return f"{self.root}/v1"

    @property
    def root(self) -> str:
        """Where ``/health`` and ``/metrics`` are."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def alive(self) -> bool:
        """Whether the child still runs."""
        return self._child.poll() is None

    def __enter__(self) -> Self:
        self._errors = tempfile.TemporaryFile()
        path = os.pathsep.join(filter(None, (_CODE_ROOT, os.environ.get("PYTHONPATH"))))
        self._child = subprocess.Popen(
            [sys.executable, "-m", "llmload.sim"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": path},
        )
        try:
            self._tell(orjson.dumps(self._setup))
            self.port = self._read_port()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def begin(self, at: int) -> None:
        """The run begins at ``at`` (monotonic ns): the windows of faults count from there."""
        self._tell(b"begin %d" % at)

    def stop(self) -> None:
        """End the child, within a second or by force."""
        child = self._child
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    pass  # it died first
        try:
            child.wait(_STOP_LIMIT)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        self._errors.close()

    def _tell(self, line: bytes) -> None:
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(line + b"\n")
            self._child.stdin.flush()
        except BrokenPipeError:
            raise self._died() from None

    def _read_port(self) -> int:
        assert self._child.stdout is not None
        ready, _, _ = select.select([self._child.stdout], [], [], _START_LIMIT)
        line = self._child.stdout.readline() if ready else b""
        if not line:
            raise self._died()
        answer = orjson.loads(line)
        if "error" in answer:
            raise UsageError(f"the simulator could not start: {answer['error']}")
        return int(answer["port"])

    def _died(self) -> LlmloadError:
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return LlmloadError(f"the simulator's process ended: {lines[-1] if lines else 'it said nothing'}")


def run_loop(main: Coroutine[Any, Any, None]) -> None:
    """Run on uvloop where there is one, with room for as many connections as may be."""
    raise_descriptors()
    try:
        import uvloop
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)


def child_main() -> None:
    """What the child process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    run_loop(_serve_parent())


async def _serve_parent() -> None:
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader(limit=_LINE_LIMIT)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin.buffer)
    setup = orjson.loads(await orders.readline())
    loop.add_signal_handler(signal.SIGTERM, orders.feed_eof)
    log = None
    try:
        log = TruthFile(Path(setup["truth_log"])) if setup["truth_log"] else None
        server = SimServer(SimSpec.model_validate(setup["spec"]), port=setup["port"], log=log)
        async with server:
            gc.freeze()
            _say({"port": server.port})
            await _follow(orders, server.begin)
    except UsageError as error:
        _say({"error": str(error)})
    finally:
        if log is not None:
            log.close()


async def _follow(orders: asyncio.StreamReader, begin: Callable[[int], None]) -> None:
    """Carry out orders until there will be no more."""
    while line := await orders.readline():
        order, _, value = line.decode().strip().partition(" ")
        if order == "begin":
            begin(int(value))


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(answer, option=orjson.OPT_APPEND_NEWLINE))
    sys.stdout.buffer.flush()
