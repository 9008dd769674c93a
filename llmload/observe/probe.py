"""A light request at a fixed rate beside the load: what the prober, a process of its own, tells of it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Final

import orjson

from llmload.clock import NS
from llmload.metrics.observed import Observed
from llmload.metrics.probed import Answered, Probed
from llmload.observe.prober import BROKEN, RECORD, TIMED_OUT, UNREACHED, UNSENT, Setup
from llmload.observe.process import Unseen
from llmload.observe.stalls import Asked, StallFinder
from llmload.safe import clean

__all__ = ["ProbeWatch"]

_CODE_ROOT: Final = str(Path(__file__).resolve().parents[2])
_STOP_LIMIT: Final = 3.0
"""Seconds that the prober has to end in: it waits a second for answers."""
_PIECE: Final = 1 << 16
_BEFORE: Final = 0.0
_SILENT: Final = 5
"""Probes in a row without an answer, from which on it is said that there is none any more."""
_WHY: Final[Mapping[int, str]] = {
    TIMED_OUT: "none came in time",
    UNREACHED: "nothing listens there",
    BROKEN: "the connection broke",
}


class ProbeWatch:
    """Samples the answers to a probe into an ``Observed``. ``find`` says what is asked, or raises Unseen."""

    def __init__(self, what: str, find: Callable[[], Setup], limit: float) -> None:
        """``limit``: seconds above the median from which an answer shows a stall."""
        self.seen: Final = Observed()
        self._what: Final = what
        self._find: Final = find
        self._limit: Final = limit
        self._finder: Final = StallFinder(limit)
        self._child: subprocess.Popen[bytes] | None = None
        self._start = 0
        self._held: list[tuple[int, ...]] = []
        self._rest = b""
        self._answered = False
        self._unanswered = 0
        """Probes since the last that was answered."""
        self._timeout = 0.0
        self._errors: IO[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Of the prober, while there is one."""
        return None if self._child is None else self._child.pid

    def begin(self, start: int) -> None:
        """The run begins at ``start`` (monotonic ns)."""
        self._start = start

    def look(self, at: float, last: bool = False) -> None:
        """Take in what was told since the last look; the first one starts the prober, the last one ends it."""
        if self._child is None and self.seen.probed is None:
            self._launch()
        self._held += self._told()
        if last:
            self.close()
        if self._start:
            told, self._held = self._held, []
            self._enter(told)
        if self._child is not None and self._child.poll() is not None and not last:
            self.seen.trouble = f"the prober ended: {self._said()}"

    def close(self) -> None:
        """End the prober, and take in what it still says."""
        child, self._child = self._child, None
        if child is None:
            return
        assert child.stdin is not None
        assert child.stdout is not None
        with suppress(OSError):
            child.stdin.close()
        try:
            child.wait(_STOP_LIMIT)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        self._held += self._records(child.stdout.fileno())
        child.stdout.close()
        if self._errors is not None:
            self._errors.close()

    def _launch(self) -> None:
        try:
            setup = self._find()
        except Unseen as why:
            self.seen.trouble = str(why)
            return
        path = os.pathsep.join(filter(None, (_CODE_ROOT, os.environ.get("PYTHONPATH"))))
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self._child = subprocess.Popen(
            [sys.executable, "-m", "llmload.observe.prober"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, start_new_session=True,
            env={**os.environ, "PYTHONPATH": path},
        )  # fmt: skip
        self.seen.what, self.seen.trouble = self._what, ""
        self.seen.probed = Probed(setup.rate, self._limit)
        self._timeout = setup.timeout
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        with suppress(BrokenPipeError):
            self._child.stdin.write(orjson.dumps(asdict(setup)) + b"\n")
            self._child.stdin.flush()
        os.set_blocking(self._child.stdout.fileno(), False)

    def _said(self) -> str:
        """The last line of what went wrong in the prober."""
        assert self._errors is not None
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return clean(lines[-1], 200) if lines else "it said nothing"

    def _told(self) -> Iterator[tuple[int, ...]]:
        if self._child is not None and self._child.stdout is not None:
            yield from self._records(self._child.stdout.fileno())

    def _records(self, pipe: int) -> Iterator[tuple[int, ...]]:
        """What is in the pipe."""
        with suppress(BlockingIOError):
            while piece := os.read(pipe, _PIECE):
                self._rest += piece
        whole = len(self._rest) // RECORD.size * RECORD.size
        told, self._rest = self._rest[:whole], self._rest[whole:]
        yield from RECORD.iter_unpack(told)

    def _enter(self, told: list[tuple[int, ...]]) -> None:
        probed = self.seen.probed
        if probed is None or not told:
            return
        asked, answers = [], []
        for due, sent, end, nap, status in told:
            at = (due - self._start) / NS
            if status == UNSENT:
                probed.unsent += at >= _BEFORE
                continue
            lost = status < 0
            # One that was refused waited for nothing, and got as little as one that waited in vain.
            took = max((end - due) / NS, self._timeout if status in (UNREACHED, BROKEN) else 0.0)
            self.seen.samples("probe").read(at, took)
            if at >= _BEFORE:
                answers.append(Answered(at, took, max(nap, sent - due) / NS, lost))
            if status != UNREACHED:
                begun = (sent - self._start) / NS
                asked.append(Asked(begun, (end - self._start) / NS, nap / NS, answered=not lost))
            self._judge(status)
        probed.take(answers)
        for stall in self._finder.find(asked):
            if stall.at >= _BEFORE:
                probed.stalled(stall)
        probed.doubtful = self._finder.doubtful

    def _judge(self, status: int) -> None:
        """What to say of how it is answered: nothing where all is well."""
        if status < 0:
            self._unanswered += 1
            if not self._answered and not self.seen.trouble:
                self.seen.trouble = f"no probe was answered: {_WHY[status]}"
            elif self._answered and self._unanswered >= _SILENT:
                self.seen.trouble = f"probes are not answered any more: {_WHY[status]}"
            return
        self._answered, self._unanswered = True, 0
        refused = status >= 300
        self.seen.trouble = ""
        self.seen.what = f"{self._what}, answered HTTP {status}" if refused else self._what
