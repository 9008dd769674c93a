"""Pinging the targets of a plan: each by the way that the calls go, through its proxy and with its certificates."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from yarl import URL

from llmload.clock import NS, monotonic_ns
from llmload.metrics.ping import STEPS, Ping, Pinged
from llmload.observe.ping import Pinger
from llmload.observe.route import Route
from llmload.scenario.plan import Target
from llmload.transport.connector import tls_context
from llmload.transport.keyring import proxy_login
from llmload.units import format_ns

__all__ = ["Pings", "Ways", "route_to", "tls_of"]

_PORTS: Final = {"http": 80, "https": 443}
_SHORT_ROUNDS: Final = 5
_SHORT_SECONDS: Final = 1.0
"""When no further round is begun; a step that takes longer is lost. The whole ends after twice that."""
_SHORT_TARGETS: Final = 16


def route_to(target: Target, path: str = "") -> Route:
    """The way to a target; ``path`` in place of that of its base URL. Raises UsageError (``ca_file``)."""
    url, proxy = URL(target.base_url), URL(target.proxy) if target.proxy else None
    return Route(
        host=url.host or "",
        port=url.port or _PORTS[url.scheme],
        path=path or url.raw_path or "/",
        tls=tls_of(target) if url.scheme == "https" else None,
        proxy=None if proxy is None else (proxy.host or "", proxy.port or 80),
        login=proxy_login(target),
        unix_socket=target.unix_socket,
    )


def tls_of(target: Target) -> ssl.SSLContext:
    """What a target's certificates are checked with, by blocking sockets. Raises UsageError (``ca_file``)."""
    found = tls_context(target)
    if isinstance(found, ssl.SSLContext):
        return found
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class Pings:
    """Round trips to several targets, in turns. To be closed."""

    def __init__(self, targets: Sequence[Target], timeout: float, path: str = "") -> None:
        self._pingers: Final = {target.name: Pinger(route_to(target, path), timeout) for target in targets}

    def rounds(self, count: int, interval: float, told: Callable[[str], None]) -> None:
        """So many rounds, each beginning ``interval`` seconds after the one before, or at once if that took longer;
        ``told`` a line of each."""
        start = time.monotonic()
        for number in range(count):
            time.sleep(max(0.0, start + number * interval - time.monotonic()))
            for name, pinger in self._pingers.items():
                told(f"{name}: {_line(pinger.once()) or pinger.trouble}")

    def download(self, path: str, told: Callable[[str], None]) -> None:
        """The speed of a download from each; ``told`` where there is none."""
        for name, pinger in self._pingers.items():
            if why := pinger.download(path):
                told(f"{name}: throughput not measured: {why}")

    def found(self) -> Mapping[str, Ping]:
        """What was found so far, by target."""
        return {name: pinger.found() for name, pinger in self._pingers.items()}

    def close(self) -> None:
        """Close all connections."""
        for pinger in self._pingers.values():
            pinger.close()


def _line(took: Mapping[str, int | None]) -> str:
    """One round in a line."""
    steps = (name for name in STEPS if name in took)
    return ", ".join(f"{name} {'lost' if (ns := took[name]) is None else format_ns(ns)}" for name in steps)


class Ways:
    """The way to each of some targets, before a load and after it."""

    def __init__(self, targets: Sequence[Target]) -> None:
        self._targets: Final = targets
        self._before: dict[str, Ping] = {}
        self._after: dict[str, Ping] = {}

    def before(self) -> None:
        """Take it; about a second."""
        self._before = _short_ping(self._targets)

    def after(self) -> None:
        """Take it again."""
        self._after = _short_ping(self._targets)

    @property
    def pinged(self) -> dict[str, Pinged]:
        """What was found so far, by target."""
        return {name: Pinged(ping, self._after.get(name)) for name, ping in self._before.items()}

    @property
    def notes(self) -> list[str]:
        """What there is to say before the load."""
        said = [
            f"ping to {name} was not answered before the load: {ping.trouble}"
            for name, ping in self._before.items()
            if not ping.answered
        ]
        if len(self._targets) > _SHORT_TARGETS:
            said.append(f"of {len(self._targets)} targets the first {_SHORT_TARGETS} are pinged")
        return said


def _short_ping(targets: Sequence[Target]) -> dict[str, Ping]:
    """A few rounds to each of the first targets, all at the same time, in about a second at most."""
    if not targets:
        return {}
    with ThreadPoolExecutor(min(len(targets), _SHORT_TARGETS)) as pool:
        found = pool.map(_short, targets[:_SHORT_TARGETS])
        return {target.name: ping for target, ping in zip(targets, found, strict=False)}


def _short(target: Target) -> Ping:
    began = monotonic_ns()
    pinger = Pinger(route_to(target), _SHORT_SECONDS, began + round(2 * _SHORT_SECONDS * NS))
    try:
        for _ in range(_SHORT_ROUNDS):
            pinger.once()
            if monotonic_ns() - began > _SHORT_SECONDS * NS:
                break
        return pinger.found()
    finally:
        pinger.close()
