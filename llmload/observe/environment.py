"""What the generator runs on: a fingerprint for results. Nothing in it names the machine or its user."""

from __future__ import annotations

import os
import platform
import ssl
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Final

import psutil

from llmload import __version__
from llmload.room import room
from llmload.safe import clean

__all__ = ["cpus", "environment"]

_PACKAGES: Final = ("aiohttp", "uvloop", "numpy", "orjson", "hdrhistogram", "pydantic", "rich")
_IPV4: Final = "/proc/sys/net/ipv4"
_FILES: Final[Mapping[str, str]] = {
    "governor": "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
    "clock": "/sys/devices/system/clocksource/clocksource0/current_clocksource",
    "ports": f"{_IPV4}/ip_local_port_range",
    "congestion": f"{_IPV4}/tcp_congestion_control",
    "slow_start": f"{_IPV4}/tcp_slow_start_after_idle",
    "reuse": f"{_IPV4}/tcp_tw_reuse",
    "backlog": "/proc/sys/net/core/somaxconn",
    "receive_buffer": f"{_IPV4}/tcp_rmem",
    "send_buffer": f"{_IPV4}/tcp_wmem",
}
"""Facts that are all that a file of Linux holds."""
_MEMORY_LIMITS: Final = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_QUOTAS: Final = ("/sys/fs/cgroup/cpu.max", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
"""Version 2 and 1 of control groups."""
_PERIOD: Final = "cpu.cfs_period_us"
"""Beside the quota in version 1."""
_CONTAINERS: Final[Mapping[str, str]] = {"/.dockerenv": "docker", "/run/.containerenv": "podman"}
_KUBERNETES: Final = "/var/run/secrets/kubernetes.io"
_UNLIMITED: Final = 2**60
"""Bytes from which a limit is none."""


def environment() -> dict[str, str]:
    """Versions, size, limits and settings of this machine, as texts by the names in
    ``analysis.environments.GENERATOR``; "" where the system doesn't say."""
    return {
        "llmload": __version__,
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "system": platform.system(),
        "release": platform.release(),
        "machine": platform.machine(),
        "cpu": _cpu(),
        "cpus": str(cpus()),
        "quota": _quota(),
        "memory": _gib(psutil.virtual_memory().total),
        "memory_limit": _memory_limit(),
        "container": _container(),
        "virtual_machine": _virtual_machine(),
        "descriptors": str(room().descriptors),
        **{name: _line(path) for name, path in _FILES.items()},
        "openssl": ssl.OPENSSL_VERSION,
        **{name: _version(name) for name in _PACKAGES},
        **_now(),
    }


def cpus() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _now() -> dict[str, str]:
    """What is true of this moment only."""
    times = psutil.cpu_times()
    found = {"memory_free": _gib(psutil.virtual_memory().available), "load": "", "steal": ""}
    with suppress(OSError, AttributeError):
        found["load"] = " ".join(f"{each:.2f}" for each in psutil.getloadavg())
    if hasattr(times, "steal"):
        found["steal"] = f"{times.steal / max(1e-9, sum(times)):.2%}"
    return found


def _line(path: str) -> str:
    """What a small file holds, on one line; "" where it can't be read."""
    with suppress(OSError, UnicodeDecodeError), Path(path).open("r", encoding="utf-8") as file:
        return clean(file.read(4096), 200)
    return ""


def _gib(size: float) -> str:
    return f"{size / 2**30:.1f} GiB"


def _quota() -> str:
    """Cores' worth of time that the control group allows, "none" without a bound, "" where nothing tells."""
    for path in _QUOTAS:
        quota, _, period = _line(path).partition(" ")
        if quota in ("max", "-1"):
            return "none"
        with suppress(ValueError, ZeroDivisionError):
            return f"{int(quota) / int(period or _line(str(Path(path).with_name(_PERIOD)))):g} cores"
    return ""


def _memory_limit() -> str:
    for path in _MEMORY_LIMITS:
        text = _line(path)
        if text == "max" or (text.isdecimal() and int(text) >= _UNLIMITED):
            return "none"
        if text.isdecimal():
            return _gib(int(text))
    return ""


@cache
def _container() -> str:
    """What kind of container this is in, "none" where no sign of one is found, "" on other systems than Linux."""
    if sys.platform != "linux":
        return ""
    if Path(_KUBERNETES).exists():
        return "kubernetes"
    for path, kind in _CONTAINERS.items():
        if Path(path).exists():
            return kind
    return _line("/run/systemd/container") or "none"


@cache
def _virtual_machine() -> str:
    """The maker that a virtual machine names, "yes" where it names none; "none" on bare metal, "" if nobody knows."""
    flags = _cpuinfo("flags").split()
    if not flags:
        return ""
    if "hypervisor" not in flags:
        return "none"
    return _line("/sys/class/dmi/id/sys_vendor") or _line("/sys/hypervisor/type") or "yes"


@cache
def _cpu() -> str:
    """The processor's model; "" where the system doesn't say."""
    return _cpuinfo("model name", "cpu model", "Model") or platform.processor()


@cache
def _cpuinfo(*names: str) -> str:
    """The first value that Linux has of the first processor under one of these names."""
    with suppress(OSError, UnicodeDecodeError):
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() in names:
                return value.strip()
    return ""


@cache
def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
