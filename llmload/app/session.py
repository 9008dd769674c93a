"""One run, from a Plan to a Result: workers, dashboard, outputs, rules that end it early."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from llmload import __version__
from llmload.app.bulletin import Bulletin
from llmload.app.call_log import CallLog
from llmload.app.checkpoint import Checkpoint
from llmload.app.closing import finish, linger
from llmload.app.counting import counted_by_targets
from llmload.app.fingerprint import Inquiry
from llmload.app.interrupts import Interrupts
from llmload.app.options import Options
from llmload.app.pinging import Ways
from llmload.app.simulated import Apart, real_targets, shown, target_watch, with_simulator
from llmload.app.staff import briefing, staff
from llmload.calibration.calibration import Calibration
from llmload.calibration.outlook import error_bar, warnings
from llmload.calibration.store import Stored
from llmload.clock import NS, monotonic_ns
from llmload.cluster.behind import run_behind
from llmload.cluster.crew import Crew, places
from llmload.cluster.local import LocalCluster, Lost, Silent
from llmload.dashboard.frame import Frame, Stage
from llmload.errors import InterruptedRun
from llmload.metrics.precision import ErrorBar
from llmload.metrics.summary import PhaseInfo, Summary
from llmload.observe.environment import cpus, environment
from llmload.observe.machine import MachineWatch
from llmload.outputs.base import Judges, Speaks
from llmload.reports.counters import counters_of
from llmload.reports.result import LoadInfo, Result, ScenarioInfo
from llmload.room import need_descriptors, raise_descriptors, room
from llmload.scenario.plan import Plan
from llmload.sim.process import SimProcess
from llmload.units import counted
from llmload.verdict.judge import Judgement, abort_due, judge
from llmload.verdict.objectives import parse_objective
from llmload.verdict.validity import RunFacts, Validity, validity

__all__ = ["Options", "run_plan"]

_NO_OBJECTIVES = (parse_objective("success.count > 0", says="not one call went well"),)
"""What a run is judged by that has no objectives: a target that fails every call must not pass."""

_TAKE_SECONDS = 0.5
"""How often what the workers sent is added up."""
_LEAST_DESCRIPTORS = 18
"""Of this process, beside one for each worker."""
_LOOK_SECONDS = 1.0
"""How often the machine is looked at and rules that may end the run are judged."""


def run_plan(plan: Plan, options: Options) -> Result:
    """Run it and return what was found, however it ended.

    Raises UnreachableError, UsageError (no key, no way to count), OutOfDescriptors, OutputError: before any request.
    """
    crew = staff(plan, options.workers, options.calibrated)
    raise_descriptors()
    need_descriptors(_LEAST_DESCRIPTORS + crew.workers)
    tracing = None if plan.tracing is None else plan.tracing.of_new_run()
    plan = replace(plan, objectives=plan.objectives or _NO_OBJECTIVES, tracing=tracing)
    with (
        with_simulator(plan, options.truth_log) as (started, simulator),
        nullcontext(counted_by_targets(started)) as resolved,  # before Ctrl-C means to drain
        Interrupts() as interrupts,
    ):
        try:
            for output in options.outputs:
                output.start(resolved)
            options.display.start()
            ways = Ways(real_targets(plan, resolved) if options.ping else ())
            ways.before()
            log = CallLog(options.outputs, options.chunks, resolved.tracing is not None)
            inquiry = Inquiry(plan)
            with LocalCluster(resolved, crew.workers, log.add if log.wanted else None) as cluster:
                run = _Session(resolved, options, crew, cluster, simulator, interrupts, log, inquiry, ways)
                result = run.run()
            linger(options.outputs, result, options.display, interrupts)
            said = finish(options.outputs, result, options.display)
            return replace(result, notes=tuple(dict.fromkeys((*result.notes, *said))))
        finally:
            options.display.stop()
            finish(options.outputs, None, options.display)


class _Session:
    def __init__(
        self,
        plan: Plan,
        options: Options,
        crew: Crew,
        cluster: LocalCluster,
        simulator: SimProcess | None,
        interrupts: Interrupts,
        log: CallLog,
        inquiry: Inquiry,
        ways: Ways,
    ) -> None:
        self._log = log
        self._ways = ways
        self._plan = plan
        self._options = options
        self._crew = crew
        self._cluster = cluster
        self._simulator = simulator
        self._interrupts = interrupts
        self._summary = Summary()
        self._judgements: list[Judgement] = []
        self._validity: Validity | None = None
        self._notes: list[str] = []
        self._aborted = ""
        self._interrupted = ""
        self._obeyed = 0
        self._draining = False
        self._lost = 0
        self._bulletin = Bulletin()
        self._apart: Apart | None = None
        self._environment = environment()
        self._inquiry = inquiry
        self._targets: dict[str, dict[str, str]] = {}
        self._target = target_watch(plan, simulator)
        self._checkpoints = [output for output in options.outputs if isinstance(output, Checkpoint)]

    # -- the run -----------------------------------------------------------------------------------------

    def run(self) -> Result:
        try:
            return self._run()
        finally:
            self._target.close()

    def _run(self) -> Result:
        self._show("starting", 0.0)
        self._warn()
        for text in (*briefing(self._plan, self._crew), *self._options.notes, *self._ways.notes):
            self._note(text)
        self._observe(monotonic_ns())
        self._targets = self._inquiry.found()
        self._cluster.begin(self._unless_interrupted)
        started = datetime.now(UTC) + timedelta(seconds=(self._cluster.start - monotonic_ns()) / NS)
        self._summary = self._empty(self._cluster.start)
        if self._simulator is not None:
            self._apart = Apart(self._simulator.pid, self._cluster.pids.values())
            self._simulator.begin(self._cluster.start)
        if self._cluster.fallback:
            self._note(f"measured by reading in tasks, not at the socket: {self._cluster.fallback}")
        ours = (os.getpid(), *self._target.pids, *([self._simulator.pid] if self._simulator is not None else []))
        watch = MachineWatch(self._cluster.pids, ours)
        run_behind(self._turns(started, watch))
        self._take()
        self._observe(monotonic_ns(), last=True)
        ended = monotonic_ns()
        if self._obeyed < 2:
            self._ways.after()
        result = self._result(started, (ended - self._cluster.start) / NS)
        self._show("done", result.duration)
        return result

    def _turns(self, started: datetime, watch: MachineWatch) -> Iterator[None]:
        """The run itself, in small steps."""
        take = look = self._cluster.start
        for event in self._cluster.events():
            now = monotonic_ns()
            if event is not None:
                self._tell(event)
            if now >= take:
                take = now + round(_TAKE_SECONDS * NS)
                self._take()
                yield
            if now >= look:
                look = now + round(_LOOK_SECONDS * NS)
                self._look(watch, now)
                yield
            self._observe(now)
            self._keep(started)
            yield
            self._obey_interrupts()
            self._show(self._stage(now), (now - self._cluster.start) / NS)
            yield

    def _warn(self) -> None:
        """Before anything is sent: what the calibration of this machine says of the plan."""
        known = self._options.calibrated
        if known is not None and known.calibration is not None:
            most = places(self._plan, room().cores)
            for text in warnings(known.calibration, self._plan, self._crew.workers, most):
                self._note(text)

    def _tell(self, event: Lost | Silent) -> None:
        if isinstance(event, Lost):
            self._lost += 1
            for line in event.traceback.splitlines():
                self._options.display.message(line)
        self._note(str(event))

    def _unless_interrupted(self) -> None:
        if self._interrupts.count:
            raise InterruptedRun(f"{self._interrupts.reason}: the run had not begun, and nothing was sent")

    def _empty(self, start: int) -> Summary:
        phases = tuple(PhaseInfo(phase.name, phase.start, phase.end, phase.measure) for phase in self._plan.phases)
        return Summary(start=start, phases=phases, observed=dict(self._target.seen))

    def _take(self) -> None:
        delta = self._cluster.take()
        self._summary.merge(delta)
        for output in self._options.outputs:
            output.update(delta, self._summary)
        self._log.flush(self._cluster.start)

    def _keep(self, started: datetime) -> None:
        """Checkpoints, when it is time for them: of everything folded until this moment."""
        for checkpoint in self._checkpoints:
            if self._validity is not None and checkpoint.due():
                self._take()
                duration = (monotonic_ns() - self._cluster.start) / NS
                checkpoint.save(self._so_far(started, duration, self._validity))

    def _look(self, watch: MachineWatch, now: int) -> None:
        seconds = (now - self._cluster.start) / NS
        if self._apart is not None:
            self._apart.look()
        for health in watch.sample(seconds):
            if health.worker in self._summary.health:
                self._summary.health[health.worker].merge(health)
        self._tell_news(seconds)
        self._judgements = judge(self._plan.objectives, self._summary, latest=True)
        self._validity = validity(self._summary, self._facts())
        for output in self._options.outputs:
            if isinstance(output, Judges):
                output.judged(self._judgements, self._validity)
            if isinstance(output, Speaks):
                for text in output.messages():
                    self._note(text)
        if self._draining:
            return
        if due := abort_due(self._plan.objectives, self._summary, seconds):
            self._abort(f"objective missed: {due.objective.rule}")
        elif self._simulator is not None and not self._simulator.alive:
            self._abort("the simulator died")
        elif self._plan.budget.stop and self._summary.select(measured=False).cost >= self._plan.budget.stop:
            self._abort(f"the budget of ${self._plan.budget.stop:g} is spent")
        elif why := self._options.until(self._summary, seconds):
            self._abort(why)

    def _observe(self, now: int, last: bool = False) -> None:
        for text in self._target.look(now, self._cluster.start, last):
            self._note(text)

    def _tell_news(self, seconds: float) -> None:
        for text in self._bulletin.news(self._summary.health, seconds):
            self._note(text)

    def _abort(self, why: str) -> None:
        self._aborted = why
        self._draining = True
        self._note(f"run ended early: {why}")
        self._cluster.drain()

    def _obey_interrupts(self) -> None:
        while self._obeyed < self._interrupts.count:
            self._obeyed += 1
            self._interrupted = self._interrupts.reason
            if self._obeyed < 2:
                self._draining = True
                self._cluster.drain()
                waiting = f"{counted(self._cluster.in_flight, 'call')} in flight"
                self._note(f"{self._interrupted}: no more requests; waiting for {waiting}. Again to stop at once.")
            else:
                self._cluster.stop()

    # -- what is seen --------------------------------------------------------------------------------------

    def _stage(self, now: int) -> Stage:
        over = (now - self._cluster.start) / NS >= self._plan.load.duration
        return "draining" if over or self._draining else "running"

    def _note(self, text: str) -> None:
        if text not in self._notes:
            self._notes.append(text)
            self._options.display.message(text)

    def _show(self, stage: Stage, elapsed: float) -> None:
        load = self._plan.load
        seconds = min(max(0.0, elapsed), load.duration)
        closed = load.model == "closed"
        self._options.display.update(
            Frame(
                title=self._plan.name,
                target=", ".join(shown(target.base_url, self._simulator) for target in self._plan.targets),
                summary=self._summary,
                stage=stage,
                phase=self._phase(seconds) if len(self._plan.phases) > 1 else "",
                elapsed=max(0.0, elapsed),
                duration=load.duration,
                planned_rate=None if closed else load.curve.rate,
                users=round(load.curve.rate(seconds)) if closed else 0,
                in_flight=self._cluster.in_flight,
                judgements=tuple(self._judgements),
                validity=self._validity,
                messages=tuple(self._notes[-3:]),
            )
        )

    def _phase(self, seconds: float) -> str:
        for phase in self._plan.phases:
            if seconds < phase.end:
                return phase.name
        return self._plan.phases[-1].name

    # -- the end -------------------------------------------------------------------------------------------

    def _facts(self) -> RunFacts:
        load = self._plan.load
        return RunFacts(
            workers=self._crew.workers,
            cpus=cpus(),
            max_in_flight=load.max_in_flight,
            on_limit=load.on_limit,
            duration=load.duration,
            interrupted=self._interrupted,
            aborted=self._aborted,
            lost_workers=self._lost,
            simulator_died=self._simulator is not None and not self._simulator.alive,
            lost_lines=self._log.lost,
            objectives=self._plan.objectives,
            judgements=tuple(self._judgements),
            demo=self._plan.demo,
            ping=self._ways.pinged,
        )

    def _result(self, started: datetime, duration: float) -> Result:
        self._tell_news(duration)
        self._log.close()
        self._judgements = judge(self._plan.objectives, self._summary)
        self._validity = validity(self._summary, self._facts())
        known = self._options.calibrated or Stored(None)
        return replace(
            self._so_far(started, duration, self._validity),
            notes=(*self._notes, *filter(None, [known.why])),
            error_bar=self._error_bar(known.calibration),
        )

    def _so_far(self, started: datetime, duration: float, validity: Validity) -> Result:
        return Result(
            version=__version__,
            scenario=ScenarioInfo.of(self._plan),
            started=started.isoformat(timespec="milliseconds"),
            duration=duration,
            summary=self._summary,
            validity=validity,
            judgements=tuple(self._judgements),
            load=LoadInfo.of(self._plan.load),
            slo=self._plan.slo,
            workers=self._crew.workers,
            interrupted=self._interrupted,
            aborted=self._aborted,
            environment=self._environment,
            target_environment=self._targets,
            counters=counters_of(self._plan),
            ping=self._ways.pinged,
            notes=tuple(self._notes),
        )

    def _error_bar(self, calibration: Calibration | None) -> ErrorBar | None:
        return None if calibration is None else error_bar(calibration, self._summary, self._crew.workers)
