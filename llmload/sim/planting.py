"""Which faults strike which request, and who serves it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from llmload.clock import NS
from llmload.sim.faults import Drop, FaultBase, Slow
from llmload.sim.gateway import Gateway
from llmload.sim.script import Script
from llmload.sim.spec import SimSpec
from llmload.sim.text import draw
from llmload.sim.visits import Visit

__all__ = ["Planter", "SocketManner"]

_NEVER: Final = float("-inf")


@dataclass(frozen=True, slots=True)
class SocketManner:
    """How one socket departs from a good one: seconds before each reply; the message at which it closes, and how."""

    delay: float = 0.0
    drop_after: int | None = None
    code: int = 1011
    reason: str = ""


class Planter:
    """Writes scripts. ``waiting`` says how many sequences wait for a slot; ``block`` keeps the loop for so many
    seconds, where there is one of its own."""

    def __init__(
        self, spec: SimSpec, waiting: Callable[[], int], block: Callable[[float], None] = lambda seconds: None
    ) -> None:
        self._spec: Final = spec
        self._waiting: Final = waiting
        self._block: Final = block
        self._gateway: Final = Gateway(spec.gateway) if spec.gateway is not None else None
        self._begun: int | None = None
        self._hoard: Final[list[bytes]] = []
        self._overloaded: Final = {number: _NEVER for number, fault in enumerate(spec.faults) if fault.overload}
        """When more waited than each of these faults takes, for the last time."""

    def begin(self, at: int) -> None:
        """The run begins at ``at`` (ns): the windows of faults count from there."""
        self._begun = at

    def heard(self, at: int) -> None:
        """There was a request at ``at`` (ns); the first begins the run if nobody said when it does."""
        if self._begun is None:
            self._begun = at

    def since(self, at: int) -> float:
        """Seconds of the run at ``at`` (ns)."""
        return (at - (self._begun if self._begun is not None else at)) / NS

    def script(self, visit: Visit, key: str, model: str = "") -> Script:
        """What the faults make of this request; ``key``: whose faults."""
        script, truth = Script(), visit.truth
        tenant = truth.tenant or (self._spec.keys[key].tenant if key in self._spec.keys else "")
        for fault in self._struck(truth.received, truth.index, visit.route, key, tenant, model, visit.request.headers):
            script.age = max(0.0, self.since(truth.received) - fault.start)
            fault.plant(script)
        return script

    def cast(self, visit: Visit, script: Script) -> None:
        """Who serves it, named in the headers of its answer, and what is kept of it."""
        if script.hoard and sum(map(len, self._hoard)) + script.hoard <= script.hoard_most:
            # Written, not only reserved: the system gives memory when it is touched.
            self._hoard.append(b"x" * script.hoard)
            visit.truth.faults.append("hoard")
        if script.block:
            visit.truth.faults.append("block")
            self._block(script.block)
        if names := self._spec.instances:
            drawn = int(draw(self._spec.seed, "instance", visit.truth.index) * len(names))
            taken = drawn if script.instance is None else script.instance % len(names)
            visit.headers.append(("x-served-by", names[taken]))
        if self._gateway is not None:
            name, state = self._gateway.serve(self.since(visit.truth.received), script)
            visit.headers += [("x-served-by", name)] * bool(name) + [("x-circuit", state)]

    def manner(self, at: int, index: int, key: str, tenant: str) -> SocketManner:
        """What the faults make of a socket."""
        made = SocketManner()
        for fault in self._struck(at, index, "socket", key, tenant, "", {}):
            if isinstance(fault, Slow):
                made = replace(made, delay=made.delay + fault.first)
            elif isinstance(fault, Drop):
                made = replace(made, drop_after=fault.after, code=fault.code, reason=fault.reason)
        return made

    def _struck(
        self, at: int, index: int, route: str, key: str, tenant: str, model: str, headers: Mapping[str, str]
    ) -> list[FaultBase]:
        t = self.since(at)
        self._note_overload(t)
        return [
            fault
            for number, fault in enumerate(self._spec.faults)
            if fault.active(t)
            and self._after_overload(number, fault, t)
            and fault.matches(route, key, tenant, model, headers)
            and (fault.rate == 1 or draw(self._spec.seed, "fault", number, index) < fault.rate)
        ]

    def _note_overload(self, t: float) -> None:
        for number in self._overloaded:
            if self._waiting() > self._spec.faults[number].overload:
                self._overloaded[number] = t

    def _after_overload(self, number: int, fault: FaultBase, t: float) -> bool:
        if not fault.overload:
            return True
        last = self._overloaded[number]
        return last > _NEVER if fault.lasts is None else t - last <= fault.lasts
