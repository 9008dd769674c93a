"""The prober: a process of its own that asks one light request at a fixed rate, and tells when each was answered.

Nothing that the run does holds it up, and no answer holds up the next probe: each is asked by a thread with a
connection of its own as long as it waits. Another thread looks at the clock 200 times a second; when it oversleeps,
this process was not given the CPU, and answers may have been heard late: every answer is told with the longest such nap
that it may have fallen into.

It reads one line of JSON from its standard input (a ``Setup``) and ends when that does. It writes a ``RECORD`` for each
probe to its standard output, in the order in which they were over.
"""

from __future__ import annotations

import gc
import os
import struct
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import orjson
import urllib3

from llmload.clock import NS, monotonic_ns
from llmload.room import raise_descriptors

__all__ = ["BROKEN", "RECORD", "TIMED_OUT", "UNREACHED", "UNSENT", "Prober", "Setup"]

RECORD: Final = struct.Struct("=5q")
"""When it was due, sent and over (monotonic ns); for how long this process may not have noticed that it was (ns); its
HTTP status, or one of the following."""
TIMED_OUT: Final = -1
UNREACHED: Final = -2
BROKEN: Final = -3
UNSENT: Final = -4
_TICK: Final = NS // 200
_NAP: Final = NS // 5000
"""Oversleeping that is worth a word: what the system's timers take anyway is less."""
_LARGEST: Final = 1 << 16
"""Bytes of an answer that are read, so that its connection can be used again."""
_LATEST: Final = NS
"""A probe that can't go out until so long after it was due is left out: the machine slept."""
_SPARE: Final = 4
_PATIENCE: Final = 1.0
"""Seconds that are waited for answers when all is over."""


@dataclass(frozen=True, slots=True)
class Setup:
    """``url``: what is asked; ``rate``: probes per second; ``timeout``: seconds until one is given up."""

    url: str
    rate: float
    timeout: float
    verify: bool = True
    ca_file: str = ""


class Prober:
    """``run`` probes until ``ended`` says so, and ``tell``s of each."""

    def __init__(self, setup: Setup, tell: Callable[[bytes], object], ended: Callable[[], bool]) -> None:
        self._setup: Final = setup
        self._tell: Final = tell
        self._ended: Final = ended
        self._most: Final = int(setup.rate * setup.timeout) + _SPARE
        url = urllib3.util.parse_url(setup.url)
        tls: dict[str, Any] = {} if setup.verify else {"cert_reqs": "CERT_NONE"}
        if setup.ca_file:
            tls["ca_certs"] = setup.ca_file
        secure = url.scheme == "https"
        pool, more = (urllib3.HTTPSConnectionPool, tls) if secure else (urllib3.HTTPConnectionPool, {})
        self._path: Final = url.request_uri
        self._pool: Final = pool((url.host or "").strip("[]"), url.port, maxsize=self._most, block=False, **more)
        self._over: Final[deque[tuple[int, int, int, int]]] = deque()
        self._naps: Final[deque[tuple[int, int]]] = deque(maxlen=4096)
        self._waiting: Final[dict[int, int]] = {}
        """Probe by when it was due -> when it was sent."""

    def run(self) -> None:
        """Probe, then wait for what is still unanswered."""
        threads = ThreadPoolExecutor(self._most, "probe")
        due, step = monotonic_ns(), NS / self._setup.rate
        first, sent = due, 0
        while not self._ended():
            wake = min(due, monotonic_ns() + _TICK)
            now = self._sleep(wake)
            while due <= now:
                self._send(threads, due, now)
                sent += 1
                due = first + round(sent * step)
            self._report(wake)
        until = monotonic_ns() + round(_PATIENCE * NS)
        while self._waiting and monotonic_ns() < until:
            wake = monotonic_ns() + _TICK
            self._sleep(wake)
            self._report(wake)
        now = monotonic_ns()
        self._over.extend((due, sent, now, TIMED_OUT) for due, sent in sorted(self._waiting.items()))
        self._report(now)

    def _sleep(self, wake: int) -> int:
        time.sleep(max(0, wake - monotonic_ns()) / NS)
        now = monotonic_ns()
        if now - wake > _NAP:
            self._naps.append((wake, now))
        return now

    def _send(self, threads: ThreadPoolExecutor, due: int, now: int) -> None:
        full = len(self._waiting) >= self._most
        self._waiting[due] = now
        if full or now - due > _LATEST:
            self._over.append((due, now, now, UNSENT))
        else:
            threads.submit(self._probe, due)

    def _probe(self, due: int) -> None:
        sent = self._waiting[due] = monotonic_ns()
        end, status = sent, BROKEN
        try:
            end, status = self._ask()
        finally:
            self._over.append((due, sent, end, status))

    def _ask(self) -> tuple[int, int]:
        """When it was over, and how: at the head of an answer. What follows is read, for the next one's sake."""
        end, status = self._once()
        # A connection that was kept may have been closed by the server just then: that is no loss.
        return self._once() if status == BROKEN else (end, status)

    def _once(self) -> tuple[int, int]:
        try:
            answer = self._pool.urlopen(
                "GET", self._path, redirect=False, retries=False, preload_content=False,
                timeout=urllib3.Timeout(total=self._setup.timeout), headers={"Accept": "*/*", "User-Agent": "llmload"},
            )  # fmt: skip
            end, status = monotonic_ns(), int(answer.status)
            endless = "event-stream" in answer.headers.get("Content-Type", "")
            if endless or len(answer.read(_LARGEST, decode_content=False)) == _LARGEST:
                answer.close()
            answer.release_conn()
        except urllib3.exceptions.NewConnectionError:
            return monotonic_ns(), UNREACHED
        except urllib3.exceptions.TimeoutError:
            return monotonic_ns(), TIMED_OUT
        except (urllib3.exceptions.HTTPError, OSError, ValueError):
            return monotonic_ns(), BROKEN
        return end, status

    def _report(self, known: int) -> None:
        """Tell of what was over by ``known`` (ns): until then it is known when this process napped."""
        while self._over and self._over[0][2] <= known:
            due, sent, end, status = self._over.popleft()
            self._waiting.pop(due, None)
            nap = max((stop - start for start, stop in self._naps if start < end and stop > sent), default=0)
            self._tell(RECORD.pack(due, sent, end, nap, status))


def child_main() -> None:
    """What the process does."""
    setup = Setup(**orjson.loads(sys.stdin.buffer.readline()))
    urllib3.disable_warnings()
    raise_descriptors()
    ended = threading.Event()

    def listen() -> None:
        while os.read(sys.stdin.fileno(), _LARGEST):
            pass
        ended.set()

    threading.Thread(target=listen, daemon=True).start()
    gc.freeze()
    Prober(setup, partial(os.write, sys.stdout.fileno()), ended.is_set).run()
    os._exit(0)  # threads that still wait for an answer hold up the end of nothing


if __name__ == "__main__":
    child_main()
