"""What parent and workers say to each other over a pipe.

Pickled values, one class per kind of message (and ``courier.Batch``). Both ends are processes of one run of one
version, so nothing foreign is ever read.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from llmload.scenario.plan import Plan

__all__ = ["Begin", "Drain", "Failed", "Finished", "Job", "NoRoom", "Ready", "Stop", "Unreachable", "receive", "send"]


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker is started with."""

    plan: Plan
    shard: int
    of: int


@dataclass(frozen=True, slots=True)
class Begin:
    """Parent: the run starts at this monotonic ns (one clock for all processes of a machine)."""

    at: int


@dataclass(frozen=True, slots=True)
class Drain:
    """Parent: start no more calls, let those in flight end."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Parent: end now."""


@dataclass(frozen=True, slots=True)
class Ready:
    """Worker: connections are open. ``fallback``: why the measuring path is not the direct one, or ""."""

    path: str
    fallback: str


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Worker: a target can't be reached, or its key can't be found; nothing was sent."""

    text: str
    usage: bool = False


@dataclass(frozen=True, slots=True)
class NoRoom:
    """Worker: this machine lets it have too little to go on; what, in words."""

    text: str


@dataclass(frozen=True, slots=True)
class Failed:
    """Worker: a bug of ours; the traceback."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """Worker: everything was sent; it exits now."""


def send(pipe: Connection, message: Any) -> None:
    """Write one message; blocks while the pipe is full. Raises OSError when the other end is gone."""
    pipe.send_bytes(pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL))


def receive(pipe: Connection) -> Any:
    """Read one message; blocks. Raises EOFError or OSError when the other end is gone."""
    return pickle.loads(pipe.recv_bytes())  # noqa: S301 - our own process at the other end
