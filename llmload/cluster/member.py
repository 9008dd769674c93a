"""One worker as its parent sees it: the process, the pipe, and what was last heard of it."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Final

from llmload.cluster.losses import Ledger

__all__ = ["Member"]

_REAP_SECONDS: Final = 1.0
_KILLED: Final = " (by someone, or by the system because memory ran out)"


@dataclass(slots=True)
class Member:
    """What the parent knows of one worker."""

    process: BaseProcess
    pipe: Connection
    ledger: Ledger
    heard: float = field(default_factory=time.monotonic)
    """Monotonic seconds of its last word."""
    silent: bool = False
    finished: bool = False
    in_flight: int = 0
    unsent: int = 0
    traceback: str = ""
    ended: str = ""
    """Why we ended it ourselves, in words."""

    def ending(self) -> str:
        """How a process that is gone came to its end."""
        if self.traceback:
            return f"failed ({self.traceback.splitlines()[-1]})"
        if self.ended:
            return self.ended
        self.process.join(_REAP_SECONDS)
        code = self.process.exitcode
        if code is None or code >= 0:
            return "closed its pipe" if code is None else f"ended before its time, with status {code}"
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        return f"was ended by {name}" + (_KILLED if name == "SIGKILL" else "")
