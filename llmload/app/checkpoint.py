"""The result so far, kept in files every few seconds: a run that is killed loses those seconds, not its hours.

The document is made in the process that folds, never in one that measures, and written by a thread, so that a slow
disk holds up nothing. What is made takes at most a fifth of that process's time: where there are a thousand cells
that all change, checkpoints are further apart.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from llmload.metrics.summary import Summary
from llmload.outputs.base import Finished
from llmload.reports import files
from llmload.reports.growing import GrowingDocument
from llmload.reports.result import Result
from llmload.scenario.plan import Plan

__all__ = ["EVERY", "Checkpoint"]

EVERY: Final = 3.0
"""Seconds from one checkpoint to the next."""
_COSTS: Final = 5.0
"""The least distance between two, in times of the CPU seconds that one took."""
_PATIENCE: Final = 2.0
"""How long the end of the run waits for a disk that hangs; also after how many seconds a write is called slow."""


class Checkpoint:
    """Keeps a run's result so far in ``paths``; an Output that its run also asks whether one is ``due``.

    The files are replaced as a whole. They outlast the death of every process of the run; to outlast a power cut as
    well, each would have to be forced onto the disk, and the disk may be the one that the run's log is written to.
    """

    name = "checkpoint"

    def __init__(self, paths: Sequence[Path], every: float = EVERY, kept: Callable[[], None] = lambda: None) -> None:
        """``kept`` is called, in the thread that writes, whenever one of the files was written."""
        self._paths = tuple(path.resolve() for path in paths)
        self._every = every
        self._kept = kept
        self._document = GrowingDocument()
        self._due = 0.0
        self._thread: threading.Thread | None = None
        self._lock = threading.Condition()
        """Guards everything below."""
        self._waiting: bytes | None = None
        self._writing_since = 0.0
        """Monotonic seconds; 0 when nothing is waiting or being written."""
        self._closed = False
        self._told: set[str] = set()
        self._messages: list[str] = []

    def start(self, plan: Plan) -> None:
        """Get ready. Nothing is written yet: a run that never begins leaves the files of an earlier one alone."""
        self._thread = threading.Thread(target=self._write_until_closed, name="checkpoint", daemon=True)
        self._thread.start()

    def update(self, delta: Summary, total: Summary) -> None:
        """Remember what has changed."""
        self._document.changed(delta, total)

    def due(self) -> bool:
        """Whether ``save`` should be called now; never while the last one is still being written."""
        if not self._paths:
            return False
        with self._lock:
            now, since = time.monotonic(), self._writing_since
            if since and now > since + max(_PATIENCE, self._every):
                self._tell_once(f"{self._where()} is slow to write: a run that is killed would lose more")
            return not since and now >= self._due

    def save(self, result: Result) -> None:
        """Keep this; returns when the document is made, before it is written."""
        begun, cpu = time.monotonic(), time.thread_time()
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        document = self._document.render(result.unended(now))
        self._due = begun + max(self._every, _COSTS * (time.thread_time() - cpu))
        with self._lock:
            self._waiting, self._writing_since = document, begun
            self._lock.notify()

    def messages(self) -> list[str]:
        """What the user should know since this was last called."""
        with self._lock:
            told, self._messages = self._messages, []
        return told

    def finish(self, result: Finished | None) -> None:
        """Write no more: once this has returned, the files can be given their final content."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        with self._lock:
            self._closed = True
            self._lock.notify()
        thread.join(_PATIENCE)

    def _write_until_closed(self) -> None:
        while True:
            with self._lock:
                self._lock.wait_for(lambda: self._waiting is not None or self._closed)
                document, self._waiting = self._waiting, None
                if self._closed or document is None:
                    return
            if any([self._write(path, document) for path in self._paths]):  # noqa: C419 - to all of them
                self._kept()
            with self._lock:
                self._writing_since = 0.0

    def _write(self, path: Path, document: bytes) -> bool:
        try:
            temporary = files.stage(path, document, lasting=False)
            with self._lock:  # never rename over the final result
                if self._closed:
                    os.unlink(temporary)
                    return False
                files.settle(temporary, path)
        except OSError as error:
            with self._lock:
                cause = error.strerror or str(error)
                self._tell_once(f"can't keep a checkpoint in {path}: {cause}; a run that is killed now would lose more")
            return False
        return True

    def _where(self) -> str:
        return ", ".join(map(str, self._paths))

    def _tell_once(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._messages.append(text)
