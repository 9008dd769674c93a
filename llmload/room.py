"""What this machine lets a process have: cores, file descriptors, local ports."""

from __future__ import annotations

import errno
import math
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from llmload.errors import OutOfDescriptors

__all__ = ["Room", "descriptors_now", "need_descriptors", "out_of_descriptors", "raise_descriptors", "room"]

_PORTS: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_QUOTA: Final = Path("/sys/fs/cgroup/cpu.max")
_QUOTA_V1: Final = (Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"), Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us"))
_MANY: Final = 2**31
"""No limit."""


@dataclass(frozen=True, slots=True)
class Room:
    """``cores``: that may be used, a container's quota counted in whole cores. ``descriptors``: file descriptors that
    a process may have open once it has raised its limit as far as it may. ``ports``: connections that may be open at
    once to one address. Where the system doesn't say, there are as many as one could want."""

    cores: int = 1
    descriptors: int = _MANY
    ports: int = _MANY


def room() -> Room:
    """What there is here and now."""
    return Room(_cores(), _descriptors(), _ports())


def raise_descriptors() -> None:
    """Let this process, and those it starts from now on, have as many file descriptors as it may."""
    with suppress(ImportError, OSError, ValueError):  # not on Windows; not everything that may be asked for is given
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != hard:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def descriptors_now() -> int:
    """How many file descriptors this process may have open as things stand."""
    with suppress(ImportError, OSError):
        import resource

        return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return _MANY


def need_descriptors(count: int) -> None:
    """Raises OutOfDescriptors unless so many more can be had now: many a library cleans up badly after finding out."""
    taken: list[int] = []
    try:
        for _ in range(count):
            taken.append(os.open(os.devnull, os.O_RDONLY))  # noqa: PERF401 - those that were had must be given back
    except OSError as error:
        if lack := out_of_descriptors(error):
            raise lack from error
    finally:
        for descriptor in taken:
            os.close(descriptor)


def out_of_descriptors(error: BaseException | None) -> OutOfDescriptors | None:
    """What to say instead of ``error`` where that, or what it came of, is a lack of file descriptors; else None.

    What it came of counts because cleaning up after such a lack tends to fail for another reason.
    """
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
            if error.errno == errno.ENFILE:
                return OutOfDescriptors("the whole system is out of file descriptors (fs.file-max): nothing can start")
            most = descriptors_now()
            text = f"out of file descriptors: a process may have {most:,}; raise the limit (ulimit -n)"
            return OutOfDescriptors(text)
        error = error.__cause__ or error.__context__
    return None


def _cores() -> int:
    allowed = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return max(1, min(allowed, math.ceil(_quota())))


def _quota() -> float:
    """Cores' worth of time that the container may use (control groups, version 2 and 1)."""
    with suppress(OSError, ValueError):
        quota, period = _QUOTA.read_text().split()
        return int(quota) / int(period)  # "max", where there is no quota, is no number
    with suppress(OSError, ValueError):
        spent, every = (int(path.read_text()) for path in _QUOTA_V1)
        return spent / every if spent > 0 else _MANY
    return _MANY


def _descriptors() -> int:
    with suppress(ImportError, OSError):
        import resource

        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        return _MANY if hard == resource.RLIM_INFINITY else hard
    return _MANY


def _ports() -> int:
    with suppress(OSError, ValueError):
        first, last = map(int, _PORTS.read_text().split())
        return last - first + 1
    return _MANY
