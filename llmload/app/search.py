"""A capacity search, carried out: step after step is run and judged, until the analysis knows enough.

How a plan is run is a parameter, so that the same search runs against real sockets and in virtual time.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import numpy as np

from llmload import __version__
from llmload.analysis.peak import Measured, next_best, peak
from llmload.analysis.search import SURE, Aim, Answer, Capacity, Ended, Tried, capacity, next_value
from llmload.analysis.series import Series
from llmload.app.figure import Figure
from llmload.app.interrupts import Interrupts
from llmload.app.levels import Levels
from llmload.app.session import Options, run_plan
from llmload.app.simulated import is_simulated
from llmload.calibration.store import Stored
from llmload.errors import ExitStatus, LlmloadError, UsageError
from llmload.metrics.summary import Summary
from llmload.observe.environment import environment
from llmload.reports.searched import SearchResult, Step
from llmload.scenario.plan import Plan
from llmload.verdict.judge import Judgement, judge
from llmload.verdict.objectives import Objective
from llmload.verdict.sureness import reading
from llmload.verdict.validity import Validity
from llmload.verdict.verdict import Decision, decide
from llmload.verdict.view import whole_view

__all__ = ["Runner", "Search", "StepRun", "Until", "clear", "run_real", "search"]

Until = Callable[[Summary, float], str]
"""Asked once a second while a step runs: why it may end now, "" while it may not."""

_FIRST_LOOK: Final = 0.25
"""Share of a step's measured time after which it may be ended because the objectives are surely missed."""
_FIRST_GOOD: Final = 0.5
"""The same for objectives surely met: overload that creeps takes time to show."""
_CREEP: Final = 1.15
"""Times the calls in flight of the first third: more in the last one is a queue that grows."""
_LEAST_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class StepRun:
    """What a run of one step came to; ``ended``: why it was over early."""

    summary: Summary
    validity: Validity
    interrupted: str = ""
    ended: str = ""


Runner = Callable[[Plan, Until], StepRun]


@dataclass(frozen=True)
class Search:
    """``pause``: seconds between two steps in which the target recovers (the embedded simulator is a new one for every
    step and needs none). ``figure``: search for the value at which that is best, not for the highest that holds.
    ``tell`` hears what goes on."""

    aim: Aim
    levels: Levels
    run: Runner
    figure: Figure | None = None
    pause: float = 5.0
    tell: Callable[[str], None] = lambda text: None
    left_out: Sequence[str] = ()
    name: Callable[[str, int, Step], str] = lambda key, number, step: ""
    show: Callable[[str, float], str] = lambda key, value: f"{value:g}"


@dataclass
class _Progress:
    tried: list[Tried] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    stopped: str = ""
    status: ExitStatus = ExitStatus.PASS


def run_real(workers: int | None, calibrated: Stored | None = None) -> Runner:
    """Steps as ``llmload run`` runs them."""

    def run(plan: Plan, until: Until) -> StepRun:
        result = run_plan(plan, Options(workers, calibrated=calibrated, until=until))
        return StepRun(result.summary, result.validity, result.interrupted, result.aborted)

    return run


def search(wanted: Search) -> SearchResult:
    """Carry it out. What was found until somebody stopped it, or the target could not be reached any more, is returned.

    Raises whatever keeps the first step from being run.
    """
    started, progress = datetime.now(UTC), _Progress()
    with Interrupts() as interrupts:
        while (value := _next(wanted, progress)) is not None:
            if progress.steps and _pause(wanted, interrupts):
                progress.stopped, progress.status = interrupts.reason, ExitStatus.INTERRUPTED
            if progress.stopped or not _step(wanted, value, progress):
                break
    base = wanted.levels.base
    return SearchResult(
        version=__version__,
        scenario={"name": base.name, "environment": base.environment, "fingerprint": base.fingerprint},
        started=started.isoformat(timespec="milliseconds"),
        key=wanted.levels.key,
        objectives=[str(objective) for objective in base.objectives],
        left_out=wanted.left_out,
        steps=progress.steps,
        capacity=_capacity(wanted, progress),
        figure=wanted.figure.name if wanted.figure else "",
        best=peak(wanted.aim, _measured(wanted.figure, progress.steps)) if wanted.figure else None,
        whole=wanted.aim.whole,
        stopped=progress.stopped,
        status=progress.status,
        environment=environment(),
    )


_NOTHING: Final = Capacity(None, None, None, None, None, None, Ended.NOT)


def _next(wanted: Search, progress: _Progress) -> float | None:
    if wanted.figure is not None:
        return next_best(wanted.aim, _measured(wanted.figure, progress.steps))
    return next_value(wanted.aim, progress.tried)


def _capacity(wanted: Search, progress: _Progress) -> Capacity:
    """What is known of it, where it is what was searched for."""
    return capacity(wanted.aim, progress.tried) if progress.tried and wanted.figure is None else _NOTHING


def _measured(figure: Figure, steps: Sequence[Step]) -> list[Measured]:
    """Larger is better; where the objectives were missed there is nothing to be had."""
    sign = -1.0 if figure.less else 1.0
    return [
        Measured(step.value, None, 0.0)
        if step.figure is None or step.answer in (Answer.INVALID, Answer.MISSED)
        else Measured(step.value, sign * step.figure, step.figure_error)
        for step in steps
    ]


def _pause(wanted: Search, interrupts: Interrupts) -> bool:
    """Whether somebody wants the search to end."""
    end = time.monotonic() + (0.0 if is_simulated(wanted.levels.base) else wanted.pause)
    while not interrupts.count and (left := end - time.monotonic()) > 0:
        time.sleep(min(left, 0.1))
    return bool(interrupts.count)


def _step(wanted: Search, value: float, progress: _Progress) -> bool:
    """Make one step; whether there can be another."""
    number = len(progress.steps) + 1
    spent = sum(step.cost for step in progress.steps)
    plan = wanted.levels.plan(value, number, _pace(wanted, value, progress.steps), spent)
    measured = plan.phases[-1]
    seconds = f"{measured.start:g} s + {measured.end - measured.start:g} s"
    wanted.tell(f"step {number}: {wanted.show(wanted.levels.key, value)} for {seconds} ...")
    settling = wanted.levels.settling if wanted.figure is None else math.inf
    try:
        ran = wanted.run(plan, lambda summary, now: clear(plan.objectives, summary, now, settling))
    except LlmloadError as error:
        if not progress.steps or isinstance(error, UsageError):
            raise
        progress.stopped, progress.status = str(error), error.status
        return False
    if ran.interrupted:
        progress.stopped = f"{ran.interrupted}, in step {number} at {wanted.show(wanted.levels.key, value)}"
        progress.status = ExitStatus.INTERRUPTED
        return False
    step = _judged(plan, value, ran, wanted.figure)
    progress.steps.append(step)
    progress.tried.append(Tried(value, step.reading))
    wanted.tell(wanted.name(wanted.levels.key, number, step))
    stop = wanted.levels.base.budget.stop
    if stop and spent + step.cost >= stop:
        progress.stopped, progress.status = f"the budget of ${stop:g} is spent", ExitStatus.INVALID
    return not progress.stopped


def _pace(wanted: Search, value: float, steps: Sequence[Step]) -> float:
    """Calls/s to expect: those planned, or as many for each user as in the nearest step before."""
    base = wanted.levels.base.load
    if base.model != "closed":
        return value if wanted.levels.key == "load.rate" else base.curve.peak()
    near = min((step for step in steps if step.completed), key=lambda step: abs(step.value - value), default=None)
    return 0.0 if near is None else near.completed


def clear(objectives: Sequence[Objective], summary: Summary, now: float, settling: float = 0.0) -> str:
    """Why a step may end ``now`` (s since its start), "" while it may not: its answer is beyond doubt. Not before
    ``settling`` seconds are over can objectives be surely met.

    Looks are rare enough, and the threshold high enough (``SURE``), for repeated looks not to matter: the rule of
    Haybittle and Peto (J. L. Haybittle, Br. J. Radiol. 44, 1971).
    """
    start, end = summary.phases[-1].start, summary.phases[-1].end
    passed = now - start
    if passed < max(_LEAST_SECONDS, _FIRST_LOOK * (end - start)) or now >= end:
        return ""
    judgements = judge(objectives, summary, int(now))
    if any(judgement.interval is None and judgement.objective.percentile for judgement in judgements):
        return ""
    found, _ = reading(judgements, summary)
    if found.z > SURE:
        return f"surely missed after {passed:.0f} s"
    settled = now >= settling and passed >= _FIRST_GOOD * (end - start)
    if found.z < -SURE and settled and not _creeps(summary, start, now):
        return f"surely met after {passed:.0f} s"
    return ""


def _creeps(summary: Summary, start: float, now: float) -> bool:
    """More and more calls are in flight."""
    flight = Series.of(summary, span=(start, now)).in_flight
    third = len(flight) // 3
    if third < 1:
        return True
    before, after = flight[:third], flight[-third:]
    noise = float(np.hypot(before.std(), after.std())) / third**0.5
    return bool(after.mean() - before.mean() > 2 * noise + (_CREEP - 1) * before.mean())


def _judged(plan: Plan, value: float, ran: StepRun, figure: Figure | None = None) -> Step:
    summary = ran.summary
    best, error = figure.of(summary) if figure else (None, 0.0)
    judgements = judge(plan.objectives, summary)
    found, worst = reading(judgements, summary)
    if worst.observed is None and (whole_view(summary, ()).good and not ran.ended):
        raise UsageError(f"{worst.objective.rule} can't be judged: it has {worst.note}")
    refused = decide(judgements, ran.validity).decision is Decision.INVALID
    view = whole_view(summary, ())
    latency, ttft = view.histogram("latency"), view.histogram("ttft")
    flow, seconds = view.flow, max(view.flow.seconds, 1e-9)
    return Step(
        value=value,
        answer=Answer.INVALID if refused else found.answer,
        seconds=flow.seconds,
        requests=summary.sent,
        cost=summary.select(measured=False).cost,
        validity=ran.validity.level.value,
        reasons=_reasons(ran.validity),
        rule=worst.objective.rule,
        observed=worst.observed,
        shown=_shown(worst),
        interval=worst.interval,
        reading=None if refused else found,
        ended=ran.ended,
        planned=flow.planned / seconds,
        completed=flow.completed / seconds,
        output=flow.output_tokens / seconds,
        mean=latency.mean / 1e6,
        p50=latency.percentile(50) / 1e6,
        p95=latency.percentile(95) / 1e6,
        ttft_p95=ttft.percentile(95) / 1e6 if ttft.count else None,
        errors=view.errors / view.answered if view.answered else 0.0,
        figure=best,
        figure_shown=figure.show(best) if figure and best is not None else "",
        figure_error=error,
    )


def _reasons(validity: Validity) -> list[str]:
    """With what to do about them; that a step was ended early says nothing against it."""
    real = [reason for reason in validity.reasons if reason.code != "stopped"]
    return [f"{reason.text}: {reason.remedy}" if reason.remedy else reason.text for reason in real]


def _shown(judgement: Judgement) -> str:
    if judgement.observed is None:
        return judgement.note
    return judgement.objective.kind.show(judgement.observed)
