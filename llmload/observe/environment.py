"""What the generator runs on: a fingerprint for results."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata

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
        "cpus": str(_cpus()),
        **{name: _version(name) for name in _PACKAGES},
    }


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
