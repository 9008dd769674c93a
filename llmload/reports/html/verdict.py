"""The first screen: good enough or not, why, and whether the figures can be trusted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from llmload import units
from llmload.analysis.insights import Gravity, Insight
from llmload.reports.facts import light_reasons, service_level
from llmload.reports.html.markup import Html, Node, element, joined
from llmload.reports.judged import observed_of, ordered, remedied, times_of
from llmload.reports.result import Result
from llmload.safe import clean
from llmload.verdict.judge import Judgement
from llmload.verdict.service_level import Light
from llmload.verdict.validity import Level, Reason
from llmload.verdict.verdict import Decision

__all__ = ["headline", "insights", "objectives", "standing", "trust"]

_SIGNS: Final[Mapping[Decision, str]] = {Decision.PASS: "✓", Decision.FAIL: "✗", Decision.INVALID: "?"}
_TRUST: Final[Mapping[Level, str]] = {
    Level.VALID: "The figures can be trusted: nothing was found that would distort them.",
    Level.SUSPECT: "Take the figures with care: ",
    Level.INVALID: "Don't rely on the figures: ",
}
_GRAVITIES: Final[Mapping[Gravity, str]] = {
    Gravity.GOOD: "valid", Gravity.NOTE: "note", Gravity.WARNING: "suspect", Gravity.CRITICAL: "invalid",
}  # fmt: skip
"""How the tag of an insight looks."""
_LIGHTS: Final[Mapping[Light, str]] = {
    Light.GOOD: "valid", Light.WARNING: "suspect", Light.CRITICAL: "invalid", Light.UNKNOWN: "invalid",
}  # fmt: skip
_MARKS: Final[Mapping[bool, tuple[str, str]]] = {True: ("✓ met", "met"), False: ("✗ missed", "missed")}
_SKIPPED: Final = ("– not judged", "skipped")
_UNPROVEN: Final = ("~ unproven", "met unproven")
_MOST: Final = 100
"""Objectives, reasons and notes that are shown."""
_REASONS: Final = 3
"""What is said of missed objectives on the first screen."""
_LONGEST_NAME: Final = 60
_BAR: Final = (160.0, 14.0)
"""Width and height of the bar of a margin."""


def headline(result: Result) -> Html:
    """The verdict, in one word and in a sentence, and how far to trust it."""
    decision, scenario = result.verdict.decision, result.scenario
    stopped = result.interrupted or result.aborted
    how = "Interrupted" if result.interrupted else "Aborted"
    return element(
        "header",
        element("p", element("span", _SIGNS[decision], aria_hidden="true"), f" {decision.value}", class_="decision"),
        element("h1", clean(scenario.name, _LONGEST_NAME) or "(no name)"),
        element("p", scenario.description, class_="dim") if scenario.description else None,
        element("p", element("strong", _answer(result)), class_="answer"),
        _why(result),
        element("p", f"{how} after {units.format_seconds(result.summary.elapsed)}: {stopped}") if stopped else None,
        _trust_line(result),
        element("p", _load(result), class_="dim"),
        class_=f"verdict {decision.value.lower() if result.judgements or decision is not Decision.PASS else ''}",
    )


def _answer(result: Result) -> str:
    judged = sum(not judgement.skipped for judgement in result.judgements)
    missed = sum(not judgement.passed for judgement in result.judgements)
    objectives = units.counted(judged, "objective")
    if result.last_heard:
        return f"No answer: the run did not end; it was last heard of at {result.last_heard[:40]}."
    if result.verdict.decision is Decision.INVALID:
        return "No answer: the figures say more about the load generator or its machine than about the service."
    if not judged:
        return "Nothing was judged: the scenario sets no objectives."
    if missed:
        return f"Not good enough: {missed} of {objectives} {'was' if missed == 1 else 'were'} missed."
    far = " as far as the run went" if result.interrupted or result.aborted else ""
    met = f"{f'all {objectives} were' if judged > 1 else 'the one objective was'} met under this load"
    if doubted := sum(judgement.unproven for judgement in result.judgements):
        return f"{met[0].upper()}{met[1:]}{far}, {doubted} of them unproven."
    return f"Good enough{far}: {met}."


def _why(result: Result) -> Html | None:
    """What the objectives that were missed say of it."""
    missed = (judgement.objective for judgement in result.judgements if not judgement.passed)
    said = list(dict.fromkeys(objective.says for objective in missed if objective.says))[:_REASONS]
    return element("ul", (element("li", text) for text in said)) if said else None


def _trust_line(result: Result) -> Html:
    level = result.validity.level
    reasons = [reason for reason in result.validity.reasons if reason.level is level]
    more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
    why = f"{reasons[0].text}{more}." if reasons and level is not Level.VALID else ""
    return element("p", _tag(level), " ", _TRUST[level], why, class_="trust")


def _tag(level: Level) -> Html:
    return element("span", level.value, class_=f"tag {level.value.lower()}")


def _load(result: Result) -> str:
    load, scenario = result.load, result.scenario
    parts = [
        f"{units.format_count(load.users)} users" if load.users else "",
        f"up to {units.format_rate(load.peak_rate)}" if load.peak_rate else "",
        f"for {units.format_seconds(load.duration)}" if load.duration else "",
        f"{result.workers} worker{'s' * (result.workers != 1)}",
        f"environment {scenario.environment[:30]}" if scenario.environment else "",
        "demonstration size" if scenario.demo else "",
        result.started[:40],
    ]
    return " · ".join(filter(None, parts))


def objectives(result: Result) -> Html | None:
    """A line for each, those that were missed first."""
    if not result.judgements:
        return None
    rows = [_objective(judgement) for judgement in ordered(result.judgements)[:_MOST]]
    left = len(result.judgements) - len(rows)
    return element(
        "section",
        element("h2", "Objectives"),
        element("ol", rows, class_="objectives"),
        element("p", f"and {left:,} more", class_="dim") if left else None,
    )


def _objective(judgement: Judgement) -> Html:
    objective, met = judgement.objective, judgement.passed
    mark, look = _SKIPPED if judgement.skipped else _UNPROVEN if judgement.unproven else _MARKS[met]
    return element(
        "li",
        element("span", mark, class_="mark"),
        element(
            "div",
            element("code", str(objective)),
            element("p", objective.says) if objective.says and not met else None,
            (element("p", remark, class_="dim") for remark in _remarks(judgement)),
            class_="rule",
        ),
        element(
            "div",
            element("strong", observed_of(judgement)),
            _interval(judgement),
            class_="seen",
        ),
        element("div", _bar(judgement), element("span", _margin(judgement)), class_="margin"),
        class_=look,
    )


def _interval(judgement: Judgement) -> Html | None:
    if not judgement.interval:
        return None
    ends = " – ".join(judgement.objective.kind.show(end) for end in judgement.interval)
    return element("span", "95 % interval ", element("span", ends, class_="whole"), class_="dim")


def _remarks(judgement: Judgement) -> Iterator[str]:
    window, show = judgement.worst_window, judgement.objective.side_kind.show
    if judgement.sides:
        yield f"{show(judgement.sides[0])} against {show(judgement.sides[1])}"
    if judgement.note:
        yield judgement.note
    if window and not judgement.passed:
        yield f"worst from {window[0]:,.0f} s to {window[1]:,.0f} s"


def _margin(judgement: Judgement) -> str:
    margin = judgement.margin
    if margin is None:
        return ""
    if abs(margin) > 1 and (times := times_of(judgement)):
        return f"{times} the limit"
    size = f"{abs(margin):.0%}" if abs(margin) >= 0.1 else f"{abs(margin):.1%}"
    size = ">100%" if abs(margin) > 1 else size
    return f"{size} to spare" if margin >= 0 else f"{size} beyond the limit"


def _bar(judgement: Judgement) -> Html | None:
    """From the limit in the middle to the right as far as there is to spare, to the left as far as it was missed; at
    most as long as the limit itself. A thin line is the interval."""
    margin, bound = judgement.margin, judgement.objective.value
    if margin is None:
        return None
    width, height = _BAR
    middle, ends = width / 2, [_place(margin), _place(0.0)]
    left, right = min(ends), max(ends)
    upper = judgement.objective.upper
    whisker: Node = None
    if judgement.interval and bound and judgement.objective.op != "==":
        shares = [(bound - end if upper else end - bound) / abs(bound) for end in judgement.interval]
        low, high = sorted(map(_place, shares))
        whisker = element("line", x1=low, x2=high, y1=height / 2, y2=height / 2, class_="whisker")
    return element(
        "svg",
        element("rect", x=0, y=height / 4, width=width, height=height / 2, class_="track"),
        element("rect", x=left, y=2, width=round(right - left, 1), height=height - 4, class_="bar"),
        whisker,
        element("line", x1=middle, x2=middle, y1=0, y2=height, class_="limit"),
        viewBox=f"0 0 {width:g} {height:g}", role="img",
        aria_label=f"{_margin(judgement)}; the line in the middle is the limit",
    )  # fmt: skip


def _place(share: float) -> float:
    return round(_BAR[0] / 2 * (1 + max(-1.0, min(1.0, share))), 1)


def standing(result: Result) -> Html | None:
    """The traffic light, why it warns, the error budget, and what to check next."""
    said = service_level(result)
    if not said:
        return None
    stands, why = result.standing, light_reasons(result)
    checks = element("ul", (element("li", each) for each in stands.check[:_MOST])) if stands.check else None
    return element(
        "section",
        element("h2", "Service level"),
        element("p", _light(stands.light), " ", f"{said}."),
        element("ul", (element("li", each) for each in why[:_MOST])) if why else None,
        joined(element("p", "What to check next:"), checks) if checks else None,
    )


def _light(light: Light) -> Html:
    return element("span", light.value.upper(), class_=f"tag {_LIGHTS[light]}")


def trust(result: Result) -> Html:
    """Every reason for doubt, and what would remove it."""
    reasons = result.validity.reasons
    body: Node = element("ul", (_reason(*each) for each in remedied(reasons[:_MOST])), class_="reasons")
    if not reasons:
        body = element("p", _TRUST[Level.VALID])
    notes = (
        element("ul", (element("li", note) for note in result.notes[:_MOST]), class_="dim") if result.notes else None
    )
    level = _tag(result.validity.level)
    return element("section", element("h2", joined("Can the figures be trusted? ", level)), body, notes)


def insights(result: Result) -> Html | None:
    """What stands out, with what it is concluded from, and what to do next."""
    found = result.insights[:_MOST]
    if not found:
        return None
    return element("section", element("h2", "What stands out"), element("ul", map(_insight, found), class_="reasons"))


def _insight(insight: Insight) -> Html:
    evidence = [f"{'; ' if n else ''}{each}" for n, each in enumerate(insight.evidence)]
    return element(
        "li",
        element("span", insight.level.value.upper(), class_=f"tag {_GRAVITIES[insight.level]}"),
        " ",
        f"{insight.text}.",
        element("p", evidence, class_="dim") if evidence else None,
        element("p", f"What to do: {insight.advice}.", class_="dim") if insight.advice else None,
    )


def _reason(reason: Reason, remedy: str) -> Html:
    helps = element("span", f" What helps: {remedy}.", class_="dim") if remedy else None
    return element("li", _tag(reason.level), " ", f"{reason.text}.", helps)
