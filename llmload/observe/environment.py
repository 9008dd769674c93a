"""What the generator runs on: a fingerprint for results."""

from __future__ import annotations

import os
import platform
import sys
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path

__all__ = ["environment"]

_PACKAGES = ("aiohttp", "uvloop", "numpy", "orjson", "hdrhistogram", "pydantic", "rich")


def environment() -> dict[str, str]:
    """Versions and size of this machine, as texts; nothing that names it or its user."""
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "system": platform.system(),
        "release": platform.release(),
        "machine": platform.machine(),
        "cpu": _cpu(),
        "cpus": str(_cpus()),
        **{name: _version(name) for name in _PACKAGES},
    }


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


@cache
def _cpu() -> str:
    """The processor's model; "" where the system doesn't say."""
    with suppress(OSError, UnicodeDecodeError):
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() in ("model name", "cpu model", "Model"):
                return value.strip()
    return platform.processor()


@cache
def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
