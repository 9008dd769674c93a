"""Round trips to a target, as figures: what a ping found. Pure.

Jitter is the mean of the absolute differences between successive round trips: the delay variation of RFC 3393 between
neighbours, without the smoothing of RFC 3550 (section 6.4.1), whose estimate starts at 0 and takes some 16 values to be
anywhere near. Percentiles are by nearest rank.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import pairwise
from statistics import fmean, median
from typing import Any, Final

from llmload.clock import NS

__all__ = ["STEPS", "Address", "Ping", "Pinged", "Trips", "trips"]

STEPS: Final[Mapping[str, str]] = {
    "dns": "DNS lookup",
    "tcp": "TCP connect",
    "unix": "connect (unix socket)",
    "proxy": "tunnel through the proxy",
    "tls": "TLS handshake",
    "first": "HTTP, new connection",
    "kept": "HTTP, kept connection",
}
"""What is timed, in the order in which it happens; what does not happen (TLS on plain HTTP) has no figures."""


@dataclass(frozen=True, slots=True)
class Trips:
    """One step, tried so often. ``lost``: of those, not answered in time or refused. The rest in seconds; None where
    nothing was answered, ``jitter`` (see above) where fewer than two were."""

    tried: int
    lost: int = 0
    min: float | None = None
    median: float | None = None
    p99: float | None = None
    max: float | None = None
    jitter: float | None = None

    @property
    def loss(self) -> float:
        """The share that was lost."""
        return self.lost / self.tried if self.tried else 0.0


def trips(taken: Sequence[int | None]) -> Trips:
    """The figures of round trips in their order: each in ns, None for one that was lost."""
    answered = sorted(value / NS for value in taken if value is not None)
    lost = len(taken) - len(answered)
    if not answered:
        return Trips(len(taken), lost)
    steps = [abs(b - a) / NS for a, b in pairwise(value for value in taken if value is not None)]
    p99 = answered[math.ceil(0.99 * len(answered)) - 1]
    jitter = fmean(steps) if steps else None
    return Trips(len(taken), lost, answered[0], median(answered), p99, answered[-1], jitter)


@dataclass(frozen=True, slots=True)
class Address:
    """One of those that DNS gave. ``used``: round trips went there; ``trouble``: why not, where it was tried."""

    text: str
    used: bool = False
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Ping:
    """What was found of the way to one target.

    ``host``: where it is, with the port; ``via``: the proxy. Then ``addresses`` are the proxy's, as are the steps "dns"
    and "tcp". ``tls``: version and cipher. ``asked``: of the target; ``status``: what it answered last, 0 if it never
    did. ``steps``: by the names of ``STEPS``. ``resent``: TCP segments that had to be sent again on the way there; None
    where the system doesn't say. ``throughput``: bytes/s of a download; None: not measured. ``trouble``: what went
    wrong last.
    """

    host: str
    addresses: tuple[Address, ...] = ()
    via: str = ""
    tls: str = ""
    asked: str = ""
    status: int = 0
    steps: Mapping[str, Trips] = field(default_factory=dict)
    resent: int | None = None
    throughput: float | None = None
    trouble: str = ""

    @property
    def network(self) -> float | None:
        """The network's round trip, median in seconds: of a TCP connect, which the other side's kernel answers; through
        a proxy or a unix socket that of HTTP on a kept connection, in which the server's own time is. None: unknown."""
        for name in ("kept", "first") if self.via or "unix" in self.steps else ("tcp",):
            if name in self.steps and self.steps[name].median is not None:
                return self.steps[name].median
        return None

    @property
    def answered(self) -> bool:
        """Whether any request was."""
        return bool(self.status)

    def to_json(self) -> dict[str, Any]:
        """Plain values; times in seconds."""
        return _plain(self) | {
            "addresses": [_plain(address) for address in self.addresses],
            "steps": {name: _plain(self.steps[name]) for name in STEPS if name in self.steps},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Ping:
        """The inverse of ``to_json``; steps that are not known here are left out. KeyError, TypeError, ValueError."""
        known = {each.name: data[each.name] for each in fields(cls) if each.name in data}
        addresses = tuple(Address(**_known(Address, each)) for each in data["addresses"])
        steps = {name: Trips(**_known(Trips, each)) for name, each in data["steps"].items() if name in STEPS}
        return cls(**known | {"addresses": addresses, "steps": steps})


@dataclass(frozen=True, slots=True)
class Pinged:
    """One target, before the load and after it; None: not pinged then."""

    before: Ping | None = None
    after: Ping | None = None

    @property
    def network(self) -> float | None:
        """The network's round trip, the mean of before and after in seconds; None where it was measured never."""
        known = self._known()
        return fmean(known) if known else None

    @property
    def change(self) -> float:
        """By how many seconds it lay apart before and after; 0.0 where one of them is not known."""
        known = self._known()
        return max(known) - min(known) if known else 0.0

    def _known(self) -> list[float]:
        return [each.network for each in (self.before, self.after) if each is not None and each.network is not None]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {name: None if (each := getattr(self, name)) is None else each.to_json() for name in _TIMES}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Pinged:
        """The inverse of ``to_json``."""
        return cls(*(None if data.get(name) is None else Ping.from_json(data[name]) for name in _TIMES))


_TIMES: Final = ("before", "after")


def _plain(part: Any) -> dict[str, Any]:
    return {each.name: getattr(part, each.name) for each in fields(part)}


def _known(cls: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    names: Iterable[str] = (each.name for each in fields(cls))
    return {name: data[name] for name in names if name in data}
