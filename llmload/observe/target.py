"""The target from outside while the run lasts: which process it is, and when to look at it."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import psutil

from llmload.clock import NS
from llmload.metrics.observed import Observed
from llmload.observe.probe import ProbeWatch
from llmload.observe.prober import Setup
from llmload.observe.process import ProcessWatch, Unseen
from llmload.observe.scrape import PageWatch
from llmload.safe import clean
from llmload.scenario.plan import Observer, Target

__all__ = ["TargetWatch"]

_AGAIN: Final = 2.0
"""Seconds until what could not be seen is looked for again."""
_WEB: Final = {"ws": "http", "wss": "https"}
_DEFAULT_PORTS: Final = {"http": 80, "ws": 80, "https": 443, "wss": 443}


Simulated = tuple[str, int] | None
"""Root and process id of the embedded simulator, if there is one."""


class _Watch(Protocol):
    """What looks at one thing."""

    @property
    def seen(self) -> Observed: ...
    def look(self, at: float, last: bool = False) -> None: ...


class TargetWatch:
    """Looks at everything that is to be observed, each when it is due."""

    def __init__(self, observers: tuple[Observer, ...], target: Target, simulator: Simulated) -> None:
        """``target``: the first one; ``simulator``: base URL and process id of the embedded one, if there is one."""
        self._watches: Final = {each.name: _watch(each, target, simulator) for each in observers}
        self._probes: Final = [watch for watch in self._watches.values() if isinstance(watch, ProbeWatch)]
        self._every: Final = {each.name: each.every for each in observers}
        self._due: Final[dict[str, float]] = dict.fromkeys(self._watches, -math.inf)
        self._told: Final[dict[str, str]] = {}

    @property
    def seen(self) -> Mapping[str, Observed]:
        """By the observers' names; goes on growing."""
        return {name: watch.seen for name, watch in self._watches.items()}

    def look(self, now: int, start: int, last: bool = False) -> Iterator[str]:
        """Look at what is due at ``now`` (``last``: at everything), and yield what there is to say: that something
        can't be seen, or has ended. Monotonic ns; ``start`` is 0 while nobody knows when the run will begin."""
        at = (now - start) / NS if start else -math.inf
        for probe in self._probes:
            probe.begin(start)
        for name, watch in self._watches.items():
            if at < self._due[name] and not last:
                continue
            watch.look(at, last)
            trouble = watch.seen.trouble
            self._due[name] = at + (max(_AGAIN, self._every[name]) if trouble else self._every[name])
            if trouble and trouble != self._told.get(name):
                ended = watch.seen.ended if trouble.endswith("has ended") else []
                yield f"observe.{name}: {trouble}" + "".join(f", {at:,.1f} s into the run" for at in ended[-1:])
            self._told[name] = trouble

    @property
    def pids(self) -> list[int]:
        """Of processes that look on its behalf."""
        return [probe.pid for probe in self._probes if probe.pid is not None]

    def close(self) -> None:
        """End what looks; nothing if that has been done."""
        for probe in self._probes:
            probe.close()


def _watch(observer: Observer, target: Target, simulator: Simulated) -> _Watch:
    if observer.probe:
        return _probe_watch(observer, target, simulator)
    if observer.metrics:
        return _page_watch(observer, target, simulator)
    return ProcessWatch(_finder(observer, target, simulator), observer.children)


def _probe_watch(observer: Observer, target: Target, simulator: Simulated) -> ProbeWatch:
    setup = Setup(observer.probe, observer.rate, observer.timeout)
    at = _host(observer.probe)
    if observer.probe.startswith("/"):
        url = _beside(target, simulator, observer.probe)
        setup = replace(setup, url=url, verify=target.verify_tls, ca_file=target.ca_file)
        at = "the embedded simulator" if simulator and url.startswith(simulator[0]) else _host(url)
    path = urlsplit(setup.url).path or "/"

    def find() -> Setup:
        if observer.probe.startswith("/") and target.unix_socket:
            raise Unseen("the target is reached over a unix socket: give the probe a URL")
        return setup

    return ProbeWatch(f"{observer.rate:g} probes/s of {clean(path, 80)} at {at}", find, observer.stall)


def _beside(target: Target, simulator: Simulated, path: str) -> str:
    """A path at the target's host."""
    if simulator is not None and target.base_url.startswith(simulator[0]):
        return f"{simulator[0]}{path}"
    url = urlsplit(target.base_url)
    return f"{_WEB.get(url.scheme, url.scheme)}://{url.netloc.rpartition('@')[2]}{path}"


def _page_watch(observer: Observer, target: Target, simulator: Simulated) -> PageWatch:
    if observer.metrics != "target":
        return PageWatch(f"metrics of {_host(observer.metrics)}", lambda: observer.metrics, observer.figures)
    page = _beside(target, simulator, "/metrics")
    at = "the embedded simulator" if simulator and page.startswith(simulator[0]) else _host(page)
    return PageWatch(f"metrics of {at}", lambda: page, observer.figures)


def _host(url: str) -> str:
    return clean(urlsplit(url).netloc.rpartition("@")[2], 80)


def _finder(observer: Observer, target: Target, simulator: Simulated) -> Callable[[], int]:
    if observer.port is not None:
        return partial(_listening, observer.port)
    if observer.pid_file:
        return partial(_written, Path(observer.pid_file))
    if observer.process == "target":
        return partial(_of_target, target, simulator)
    if observer.process == "sim":
        return partial(_of_simulator, simulator)
    return partial(int, observer.process or 0)


def _of_simulator(simulator: Simulated) -> int:
    if simulator is None:
        raise Unseen("no target is the embedded simulator")
    return simulator[1]


def _of_target(target: Target, simulator: Simulated) -> int:
    if simulator is not None and target.base_url.startswith(simulator[0]):
        return simulator[1]
    if target.unix_socket:
        raise Unseen("the target is reached over a unix socket: give its process, or a pid_file")
    url = urlsplit(target.base_url)
    if not _is_here(url.hostname or ""):
        host = clean(url.hostname or "", 80)
        raise Unseen(f"the target is on another machine, {host}: only processes of this one can be seen")
    return _listening(url.port or _DEFAULT_PORTS.get(url.scheme, 80))


def _is_here(host: str) -> bool:
    """Whether the name or address is of this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    with suppress(ValueError):
        if ipaddress.ip_address(host).is_loopback:
            return True
    return any(address.address == host for addresses in psutil.net_if_addrs().values() for address in addresses)


def _listening(port: int) -> int:
    """The process that listens on a TCP port; of several that share a socket, the one that the others come from."""
    denied = f"no permission to see which process listens on port {port}: run llmload as its user"
    try:
        found = [each for each in psutil.net_connections("tcp") if _listens(each, port)]
    except psutil.AccessDenied:
        raise Unseen(denied) from None
    if not found:
        raise Unseen(f"nothing on this machine listens on port {port}")
    known = sorted({each.pid for each in found if each.pid})
    if not known:
        raise Unseen(denied)
    return _eldest(known[0], port)


def _listens(each: Any, port: int) -> bool:
    return bool(each.status == psutil.CONN_LISTEN and each.laddr and each.laddr.port == port)


def _eldest(pid: int, port: int) -> int:
    """The system names one process of those that share a socket: go up as long as the parent has it too."""
    with suppress(psutil.Error):
        parent = psutil.Process(pid).parent()
        while parent is not None and any(_listens(each, port) for each in parent.net_connections("tcp")):
            pid, parent = parent.pid, parent.parent()
    return pid


def _written(path: Path) -> int:
    """The process id in a file."""
    try:
        with path.open("rb") as file:
            text = file.read(64).decode("ascii", "replace").strip()
    except OSError as error:
        raise Unseen(f"the pid_file {clean(path.name, 80)} can't be read: {error.strerror}") from None
    if not text.isdecimal() or not 1 <= int(text) < 2**31:
        raise Unseen(f"the pid_file {clean(path.name, 80)} holds no process id")
    return int(text)
