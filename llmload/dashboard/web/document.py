"""Frame -> what the page is told in words and figures, ready to be shown: it only sets texts.

Figures are written here, as in the terminal; what others wrote is cleaned and bounded here, and the page never takes it
for anything but text.
"""

from __future__ import annotations

from typing import Any, Final

from llmload.dashboard import health
from llmload.dashboard.canvas import safe
from llmload.dashboard.digest import DRAWN, Digest, Row
from llmload.dashboard.frame import Frame
from llmload.dashboard.header import STAGES
from llmload.dashboard.objectives import margin_of
from llmload.dashboard.observed import newest
from llmload.dashboard.outcomes import ranked
from llmload.dashboard.series import clock
from llmload.dashboard.web.panels import PANELS
from llmload.units import format_count, format_ns, format_rate, format_share
from llmload.verdict.judge import Judgement
from llmload.verdict.objectives import Objective

__all__ = ["COLUMNS", "about", "state"]

_PLANNED_POINTS: Final = 240
_MOST: Final = 50
"""Rows of a table, at most."""
_ERRORS: Final = 12
_PERCENTILES: Final = (50.0, 95.0, 99.0)
_TITLES: Final = {"ttft": "TTFT", "itl": "chunk gap", "latency": "latency"}
_CHARTED: Final = frozenset(line.column for panel in PANELS for line in panel.lines)
COLUMNS: Final = (
    "class", "calls", "errors", *(f"{_TITLES[metric]} p{p:g}" for metric in DRAWN for p in _PERCENTILES), "calls/s",
    "tokens/s",
)  # fmt: skip
"""Of the table of figures."""


def about(frame: Frame) -> dict[str, Any]:
    """What does not change while the run goes on."""
    return {
        "title": safe(frame.title),
        "target": safe(frame.target),
        "duration": frame.duration,
        "phases": [
            {"name": safe(info.name), "start": info.start, "end": info.end, "measure": info.measure}
            for info in frame.summary.phases[:_MOST]
        ],
        "planned": _planned(frame),
        "figures": list(COLUMNS),
    }


def _planned(frame: Frame) -> list[tuple[float, float]]:
    """(s, calls/s) of the planned curve; empty where no rate is planned."""
    if frame.planned_rate is None:
        return []
    step = frame.duration / _PLANNED_POINTS
    middles = ((k + 0.5) * step for k in range(_PLANNED_POINTS))
    return [(round(t, 3), float(f"{frame.planned_rate(t):.5g}")) for t in middles]


def state(frame: Frame, digest: Digest) -> dict[str, Any]:
    """How things stand at this moment."""
    rows = [digest.total, *digest.classes] if len(digest.classes) > 1 else [digest.total]
    left = frame.duration - frame.elapsed
    return {
        "stage": STAGES[frame.stage],
        "over": frame.stage == "done",
        "phase": safe(frame.phase),
        "measured": all(info.measure for info in frame.summary.phases if info.name == frame.phase),
        "warming": digest.warming,
        "elapsed": round(frame.elapsed, 2),
        "clock": f"{clock(frame.elapsed)} / {clock(frame.duration)}",
        "left": f"{clock(left)} left" if frame.stage == "running" and left > 0 else "",
        "now": _now(frame, digest),
        "rows": [_row(row) for row in rows[:_MOST]],
        "outcomes": _outcomes(digest.total),
        "errors": _errors(frame),
        "objectives": [_objective(judgement) for judgement in frame.judgements[:_MOST]],
        "validity": _validity(frame),
        "health": health.figures(list(frame.summary.health.values()), digest.lag),
        "observed": [
            {"name": safe(name), "trouble": safe(seen.trouble), "values": list(newest(seen, frame.elapsed))}
            for name, seen in sorted(frame.summary.observed.items())[:_MOST]
        ],
        "messages": [safe(text) for text in frame.messages],
    }


def _now(frame: Frame, digest: Digest) -> list[tuple[str, str]]:
    now = digest.total.now
    parts: list[tuple[str, str]] = []
    if frame.planned_rate is not None:
        parts.append(("planned", format_rate(now.planned)))
    elif frame.users:
        parts.append(("users", format_count(frame.users)))
    return [
        *parts,
        ("sent", format_rate(now.sent)),
        ("completed", format_rate(now.completed)),
        ("in flight", format_count(frame.in_flight)),
        ("tokens", format_rate(now.output_tokens)),
        ("goodput", "-" if now.goodput is None else format_share(now.goodput)),
    ]


def _row(row: Row) -> list[str]:
    """The cells, by ``COLUMNS``."""
    rate = row.error_rate
    return [
        safe(row.name) or "all",
        format_count(row.calls),
        "-" if rate is None else format_share(rate),
        *(
            format_ns(row.percentile(metric, p) * 1e3) if row.histograms[metric].count else "-"
            for metric in DRAWN
            for p in _PERCENTILES
        ),
        format_rate(row.now.completed).removesuffix("/s"),
        format_rate(row.now.output_tokens).removesuffix("/s"),
    ]


def _outcomes(row: Row) -> list[tuple[str, str, str, bool]]:
    """(outcome, calls, share, whether it is an error)."""
    return [
        (str(outcome), format_count(count), format_share(count / row.calls), outcome.error)
        for outcome, count in ranked(row)
    ]


def _errors(frame: Frame) -> list[tuple[str, str, str, str]]:
    """(how often, what, what the first of them said, when last)."""
    groups = sorted(frame.summary.errors.values(), key=lambda group: (-group.count, group.outcome, group.status))
    return [
        (
            format_count(group.count),
            f"{group.outcome} {group.status}" if group.status else str(group.outcome),
            safe(group.sample),
            clock(group.last_at),
        )
        for group in groups[:_ERRORS]
    ]


def _objective(judgement: Judgement) -> dict[str, Any]:
    observed = judgement.observed
    return {
        "standing": "none" if observed is None else "met" if judgement.passed else "missed",
        "rule": safe(str(judgement.objective)),
        "observed": "no data" if observed is None else judgement.objective.kind.show(observed),
        "margin": margin_of(judgement),
        "note": safe(judgement.note),
        "bound": _bound(judgement.objective),
    }


def _bound(objective: Objective) -> dict[str, Any] | None:
    """For the chart of this figure of all calls, if there is one."""
    column = f"{objective.metric}.{objective.stat}"
    if objective.where or objective.relation or column not in _CHARTED:
        return None
    return {"column": column, "value": objective.value, "rule": safe(str(objective))}


def _validity(frame: Frame) -> dict[str, Any]:
    if frame.validity is None:
        return {"level": "", "reasons": []}
    return {
        "level": str(frame.validity.level),
        "reasons": [
            {"level": str(reason.level), "text": safe(reason.text), "remedy": safe(reason.remedy)}
            for reason in frame.validity.reasons[:_MOST]
        ],
    }
