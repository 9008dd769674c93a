"""Loads of rising height against the embedded simulator, with everything that is needed to say what they cost and how
exactly they were measured. Carried out as a run is: the same worker, parent, pipes and pinning."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import orjson
import psutil

from llmload.app.interrupts import Interrupts
from llmload.app.simulated import Apart, with_simulator
from llmload.arrivals.curves import Steps
from llmload.arrivals.process import Uniform
from llmload.calibration.calibration import Kind
from llmload.calibration.compare import Comparison, compare
from llmload.clock import NS, monotonic_ns
from llmload.cluster.local import LocalCluster, Lost
from llmload.errors import ExitStatus, InterruptedRun, LlmloadError
from llmload.records import Api, Record
from llmload.scenario.plan import Limits, Load, Phase, Plan, Target
from llmload.sim.spec import SimSpec
from llmload.workload.spec import Lengths, PromptSpec, RequestClass

__all__ = ["Ramp", "Ramped", "Sample", "climb"]

_SAMPLE_SECONDS: Final = 0.5
_FULL: Final = 0.92
"""Share of a core from which a higher load would tell nothing new."""
_DRAIN: Final = 3.0
"""Seconds for answers that are late; on a machine that keeps up all are there within one."""
_PROMPTS: Final = PromptSpec(tokens=Lengths("uniform", low=10, high=80))
"""Of many lengths: with the length of the answer they tell which call is which in the simulator's log."""
_SERVICE: Final = SimSpec(
    slots=50_000, kv_tokens=100_000_000, queue_limit=100_000, prefill=0.0, prefill_chunk=10_000_000,
    step_per_sequence=0.0, answer="max",
)  # fmt: skip
_TIMES: Final = {"stream": {"first_token": 0.05, "step": 0.02}, "whole": {"first_token": 0.005, "step": 0.002}}
"""Streams of a pace that is usual (a chunk every 20 ms); answers in one piece after some hundredths of a second."""


@dataclass(frozen=True, slots=True)
class Ramp:
    """``levels``: calls/s, each for ``each`` seconds. Answers have ``shortest`` to ``longest`` tokens."""

    kind: Kind
    levels: tuple[float, ...]
    each: float
    shortest: int
    longest: int

    @property
    def answer_seconds(self) -> float:
        """How long the longest answer takes; a load has settled by then."""
        times = _TIMES[self.kind]
        return times["first_token"] + times["step"] * self.longest


@dataclass(frozen=True, slots=True)
class Sample:
    """CPU seconds so far, at ``at`` (monotonic ns): of the worker, the simulator, all of ours; and of the whole
    machine: busy, and taken by the hypervisor."""

    at: int
    worker: float
    simulator: float
    ours: float
    busy: float
    stolen: float


@dataclass(frozen=True, slots=True)
class Ramped:
    """``start``: monotonic ns. ``reached``: how many levels were tried. ``stopped``: why not all, in words."""

    start: int
    samples: tuple[Sample, ...]
    comparison: Comparison
    reached: int
    stopped: str = ""


def climb(ramp: Ramp, tell: Callable[[int], None]) -> Ramped:
    """Try the levels in turn until one is too much; ``tell`` hears the number of each as it begins.

    Raises InterruptedRun, or LlmloadError if worker or simulator fail.
    """
    with tempfile.TemporaryDirectory(prefix="llmload-") as folder:
        truth = Path(folder) / "truth.jsonl"
        with with_simulator(_plan(ramp), truth) as (plan, simulator), Interrupts() as interrupts:
            assert simulator is not None
            records: list[Record] = []
            with LocalCluster(plan, 1, records.append) as cluster:
                climber = _Climber(ramp, cluster, simulator.pid, interrupts, tell)
                Apart(simulator.pid, cluster.pids.values())
                climber.climb()
        return Ramped(
            cluster.start, tuple(climber.samples), compare(records, _lines(truth)), climber.level + 1, climber.stopped
        )


class _Climber:
    """Watches one ramp go by."""

    def __init__(
        self, ramp: Ramp, cluster: LocalCluster, simulator: int, interrupts: Interrupts, tell: Callable[[int], None]
    ) -> None:
        self.level = -1
        self.samples: list[Sample] = []
        self.stopped = ""
        self._ramp = ramp
        self._cluster = cluster
        self._interrupts = interrupts
        self._tell = tell
        self._processes = [psutil.Process(pid) for pid in (cluster.pids[0], simulator, os.getpid())]
        self._over = False

    def climb(self) -> None:
        self._cluster.begin(self._unless_interrupted)
        for event in self._cluster.events():
            if isinstance(event, Lost):
                raise _failed(event.traceback)
            self._unless_interrupted()
            self._look(monotonic_ns())

    def _unless_interrupted(self) -> None:
        if self._interrupts.count:
            raise InterruptedRun(f"{self._interrupts.reason}: the calibration was not finished, and nothing was stored")

    def _look(self, now: int) -> None:
        seconds = (now - self._cluster.start) / NS
        if seconds < 0 or self._over:
            return
        if not self.samples or now - self.samples[-1].at >= _SAMPLE_SECONDS * NS:
            with suppress(psutil.Error):  # a worker that has just finished
                self.samples.append(_sample(now, self._processes))
        level = int(seconds // self._ramp.each)
        if level > self.level:
            self._rise(level)
        if seconds > len(self._ramp.levels) * self._ramp.each + 2 * _DRAIN:
            self._end()

    def _rise(self, level: int) -> None:
        """The next level begins, unless the last one was all that can be had."""
        if level >= len(self._ramp.levels):
            return
        self.stopped = self._at_limit() if self.level >= 0 else ""
        if self.stopped:
            self._end()
            return
        self.level = level
        self._tell(level)

    def _at_limit(self) -> str:
        for before, after in list(pairwise(self.samples))[-1:]:
            seconds = (after.at - before.at) / NS
            if (after.worker - before.worker) / seconds > _FULL:
                return "the worker was at its limit"
            if (after.simulator - before.simulator) / seconds > _FULL:
                return "the simulator was at its limit, not the worker"
        return ""

    def _end(self) -> None:
        self._over = True
        self._cluster.stop()


def _failed(traceback: str) -> LlmloadError:
    last = traceback.strip().splitlines()[-1:] or ["it died"]
    error = LlmloadError(f"the worker failed, and with it the calibration: {last[0]}")
    error.status = ExitStatus.INVALID
    return error


def _sample(now: int, processes: Iterable[psutil.Process]) -> Sample:
    used = [times.user + times.system for times in (process.cpu_times() for process in processes)]
    machine = psutil.cpu_times()
    busy = sum(getattr(machine, name, 0.0) for name in ("user", "nice", "system", "irq", "softirq"))
    return Sample(now, used[0], used[1], sum(used), busy, getattr(machine, "steal", 0.0))


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for line in file:
            truth = orjson.loads(line)
            if truth.get("ended") == "finished":
                yield truth


def _plan(ramp: Ramp) -> Plan:
    edges = [ramp.each * number for number in range(len(ramp.levels) + 1)]
    cls = RequestClass(
        name=ramp.kind, weight=1.0, api=Api.CHAT, targets=("main",), model="sim-model", stream=ramp.kind == "stream",
        prompt=_PROMPTS, max_tokens=Lengths("uniform", low=ramp.shortest, high=ramp.longest),
    )  # fmt: skip
    return Plan(
        name="calibration",
        description="",
        targets=(Target("main", "sim:"),),
        classes=(cls,),
        load=Load("open", Steps(ramp.levels, ramp.each), Uniform(), edges[-1]),
        phases=tuple(Phase(f"{number}", start, end) for number, (start, end) in enumerate(pairwise(edges))),
        limits=Limits(drain=_DRAIN),
        sim=_SERVICE.model_copy(update=_TIMES[ramp.kind]),
    )
