"""Failover and circuit breakers, inferred from who served: what happened when the one that served began to fail.

The *incumbents* are those who served in quiet times: every value with at least a tenth of the good calls since the last
disturbance, of the last ``QUIET_CALLS`` of them at most. An *outage* begins with a failed call of an incumbent (or one
that names nobody). It is over for the callers with the first good call of somebody else, the *successor*, which is the
moment of the failover: the time between is the time to fail over. Where nobody takes over, it ends when the incumbent
serves ``CALM`` calls without a failure between them; up to ``BLIP`` failures that end so were no outage at all.

A gateway may ask the other one within the same request; its callers then see no failure at all, and the outage begins
with the successor's first good call: such a *seamless* failover has lost no call and taken no time.

After a failover, good calls of the incumbent and its failures are probes (what a circuit breaker calls half-open) until
the incumbent has most of the good calls again, ``CALM`` of them without a failure: it is back, the circuit closed.

So a breaker's *opened* is a failover, and the failures before it are those that it took to open it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from llmload.clock import NS
from llmload.metrics.track import Track

__all__ = ["Outage", "outages"]

CALM: Final = 20
BLIP: Final = 2
QUIET_CALLS: Final = 1000
_SHARE: Final = 0.1
_KNOWN: Final = 20
"""Good calls after which it is known who serves in quiet times."""


@dataclass(slots=True)
class Outage:
    """One that served failed. Times are seconds since the start of the run.

    ``failed``: calls lost until somebody else served (or it came back); ``failed_after``: calls that failed later, of
    the incumbent (probes) or of others, which is a cascade (``cascade`` of them). ``switched``: when the successor
    first served, None if nobody did. ``back``: when the incumbent served again for good, None if it did not.
    ``last``: the last thing known of it.
    """

    incumbent: str
    start: float
    failed: int = 0
    successor: str = ""
    switched: float | None = None
    failed_after: int = 0
    cascade: int = 0
    probes: int = 0
    back: float | None = None
    last: float = 0.0

    @property
    def time_to_fail_over(self) -> float:
        """Seconds from the first failure to the successor's first good call, or so far without one: then it is
        longer."""
        return (self.last if self.switched is None else self.switched) - self.start


class _Step(NamedTuple):
    """Calls of one value that came to the same end in one bin, at the time of the first of them."""

    t: float
    value: str
    failed: bool
    calls: int
    last: float
    clean: bool
    """Nothing failed in the bin: how its calls lay among the failures is not known otherwise."""


def _steps(track: Track) -> Iterator[_Step]:
    for _, turns in sorted(track.bins.items()):
        found = []
        clean = not any(turn.failed for turn in turns.values())
        for value, turn in turns.items():
            if turn.ok:
                found.append(_Step(turn.first_ok / NS, value, False, turn.ok, turn.last_ok / NS, clean))
            if turn.failed:
                found.append(_Step(turn.first_failed / NS, value, True, turn.failed, turn.last_failed / NS, clean))
        yield from sorted(found)


@dataclass
class _Quiet:
    """Who serves in quiet times."""

    recent: deque[_Step] = field(default_factory=deque)
    calls: dict[str, int] = field(default_factory=dict)
    total: int = 0

    def add(self, step: _Step) -> None:
        self.recent.append(step)
        self.calls[step.value] = self.calls.get(step.value, 0) + step.calls
        self.total += step.calls
        while self.total - self.recent[0].calls >= QUIET_CALLS:  # the last step always stays
            old = self.recent.popleft()
            self.calls[old.value] -= old.calls
            self.total -= old.calls

    def forget(self) -> None:
        self.recent.clear()
        self.calls.clear()
        self.total = 0

    @property
    def incumbents(self) -> list[str]:
        """Most calls first."""
        named = [value for value, calls in self.calls.items() if value and calls >= _SHARE * self.total > 0]
        return sorted(named, key=lambda value: -self.calls[value])


class _Watch:
    """Follows the steps; ``found`` holds the outages so far."""

    def __init__(self) -> None:
        self.found: list[Outage] = []
        self._quiet = _Quiet()
        self._open: Outage | None = None
        self._incumbents: list[str] = []
        self._calm_since: float | None = None
        self._own = self._others = self._calls = 0

    def take(self, step: _Step) -> None:
        if self._open is None:
            self._while_quiet(step)
        elif self._open.switched is None:
            self._while_down(self._open, step)
        else:
            self._while_away(self._open, step)
        if self._open is not None:
            self._open.last = max(self._open.last, step.last)

    def finish(self) -> list[Outage]:
        if self._open is not None and (self._open.switched is not None or self._open.failed > BLIP):
            self.found.append(self._open)
        return self.found

    def _while_quiet(self, step: _Step) -> None:
        incumbents = self._quiet.incumbents
        if not step.failed:
            if step.value and step.value not in incumbents and self._quiet.total >= _KNOWN:
                self._open = Outage(incumbents[0] if incumbents else "", step.t, 0, step.value, step.t)
                self._incumbents = incumbents
                self._start_counting()
            else:
                self._quiet.add(step)
        elif incumbents and step.value in (*incumbents, ""):
            self._open = Outage(step.value or incumbents[0], step.t, step.calls, last=step.last)
            self._incumbents = incumbents
            self._calm_since = None

    def _while_down(self, outage: Outage, step: _Step) -> None:
        if step.failed:
            outage.failed += step.calls
            self._calm_since = None
        elif step.value and step.value not in self._incumbents:
            outage.successor, outage.switched = step.value, step.t
            self._start_counting()
        elif self._calm(step):
            if outage.failed > BLIP:
                outage.back, outage.last = self._calm_since, self._calm_since or step.t
                self.found.append(outage)
            self._open = None

    def _while_away(self, outage: Outage, step: _Step) -> None:
        own = step.value in (*self._incumbents, "")
        if step.failed:
            outage.failed_after += step.calls
            outage.cascade += 0 if own else step.calls
            outage.probes += step.calls if own else 0
            self._start_counting()
            return
        self._own += step.calls if own else 0
        self._others += 0 if own else step.calls
        if not own and self._others > self._own:
            outage.probes += self._own
            self._start_counting()
        elif own and self._own > self._others and self._calm(step):
            outage.back, self._open = self._calm_since, None
            self.found.append(outage)
            self._quiet.forget()
            self._quiet.add(step)

    def _start_counting(self) -> None:
        self._own = self._others = 0
        self._calm_since = None

    def _calm(self, step: _Step) -> bool:
        if not step.clean:
            self._calm_since = None
            return False
        if self._calm_since is None:
            self._calm_since, self._calls = step.t, 0
        self._calls += step.calls
        return self._calls >= CALM


def outages(track: Track) -> list[Outage]:
    """The outages of a run, in order; the last may not be over."""
    watch = _Watch()
    for step in _steps(track):
        watch.take(step)
    return watch.finish()
