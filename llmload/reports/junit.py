"""JUnit XML, as continuous integration reads test results: an objective is a test case, its scenario the class."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final
from xml.etree import ElementTree as Xml

from llmload import units
from llmload.reports.judged import interval_of, margin_of, observed_of
from llmload.reports.result import Result
from llmload.safe import clean
from llmload.verdict.judge import Judgement
from llmload.verdict.validity import Level, Reason

__all__ = ["TRUST", "render"]

TRUST: Final = "the figures can be trusted"
"""The name of the case that is in error where a run is INVALID."""
_NAME: Final = 200


def render(result: Result) -> bytes:
    """An objective that is missed is a failure; where the figures are INVALID, one that is not proven all the same is
    an error, and so is the case ``TRUST``, which every run has."""
    suite = _suite(result)
    attributes = {name: suite.attrib[name] for name in ("tests", "failures", "errors", "time")}
    whole = Xml.Element("testsuites", {"name": "llmload", **attributes})
    whole.append(suite)
    Xml.indent(whole)
    made: bytes = Xml.tostring(whole, encoding="utf-8", xml_declaration=True)
    return made + b"\n"


def _suite(result: Result) -> Xml.Element:
    name = clean(result.scenario.name, _NAME) or "llmload"
    cases = [_trust(result, name), *(_case(result, judgement, name) for judgement in result.judgements)]
    suite = Xml.Element(
        "testsuite",
        {
            "name": name, "tests": str(len(cases)), "failures": _count(cases, "failure"),
            "errors": _count(cases, "error"), "skipped": _count(cases, "skipped"),
            "time": f"{max(0.0, result.duration):.3f}", "timestamp": _timestamp(result.started),
            "hostname": "localhost",
        },
    )  # fmt: skip
    properties = Xml.SubElement(suite, "properties")
    for key, value in _properties(result):
        Xml.SubElement(properties, "property", {"name": clean(key, _NAME), "value": clean(value)})
    suite.extend(cases)
    Xml.SubElement(suite, "system-out").text = "\n".join(_said(result))
    Xml.SubElement(suite, "system-err")
    return suite


def _count(cases: list[Xml.Element], kind: str) -> str:
    return str(sum(case.find(kind) is not None for case in cases))


def _trust(result: Result, scenario: str) -> Xml.Element:
    case = Xml.Element("testcase", {"name": TRUST, "classname": scenario, "time": "0"})
    if result.validity.level is Level.INVALID:
        reasons = [_reason(reason) for reason in result.validity.reasons if reason.level is Level.INVALID]
        _mark(case, "error", "INVALID", f"the figures are INVALID: {'; '.join(reasons)}", reasons)
    return case


def _reason(reason: Reason) -> str:
    return clean(f"{reason.text}: {reason.remedy}" if reason.remedy else reason.text)


def _case(result: Result, judgement: Judgement, scenario: str) -> Xml.Element:
    objective = judgement.objective
    case = Xml.Element("testcase", {"name": clean(str(objective), _NAME), "classname": scenario, "time": "0"})
    if result.validity.level is Level.INVALID and not judgement.sure:
        _mark(case, "error", "INVALID", f"not proven, as the figures are INVALID: {_observed(judgement)}", [])
    elif judgement.skipped:
        Xml.SubElement(case, "skipped", {"message": clean(judgement.note)})
    elif not judgement.passed:
        _mark(case, "failure", "objective", _observed(judgement), [clean(objective.says), clean(judgement.note)])
    return case


def _mark(case: Xml.Element, kind: str, of: str, message: str, lines: list[str]) -> None:
    found = Xml.SubElement(case, kind, {"type": of, "message": clean(message)})
    found.text = "\n".join(filter(None, lines)) or clean(message)


def _observed(judgement: Judgement) -> str:
    """ "observed 820 ms, margin -64%, 95 % interval 790 ms - 850 ms"."""
    parts = (
        f"observed: {observed_of(judgement)}",
        f"margin {margin}" if (margin := margin_of(judgement)) else "",
        f"95 % interval {interval}" if (interval := interval_of(judgement, " - ")) else "",
    )
    return ", ".join(filter(None, parts))


def _timestamp(started: str) -> str:
    """UTC without a time zone, as the schema has it; 1970 where the start is not known."""
    try:
        when = datetime.fromisoformat(started)
        when = when.astimezone(UTC) if when.tzinfo else when
    except (ValueError, OverflowError):
        when = datetime.fromtimestamp(0, UTC)
    return f"{when.replace(microsecond=0, tzinfo=None).isoformat()}"


def _properties(result: Result) -> Iterator[tuple[str, str]]:
    scenario, calls = result.scenario, result.summary.select()
    facts = {
        "llmload.version": result.version,
        "verdict": result.verdict.decision.value,
        "validity": result.validity.level.value,
        "scenario.fingerprint": scenario.fingerprint,
        "scenario.environment": scenario.environment,
        "scenario.demonstration": "yes" if scenario.demo else "",
        "workers": str(result.workers),
        "calls": str(calls.calls),
        "error_rate": units.format_share(calls.error_rate),
        "interrupted": result.interrupted,
        "aborted": result.aborted,
    }
    yield from ((key, value) for key, value in facts.items() if value)
    yield from ((f"tag.{key}", value) for key, value in sorted(scenario.tags.items()))
    yield from ((f"seed.{key}", str(value)) for key, value in sorted(scenario.seeds.items()))
    yield from ((f"environment.{key}", str(value)) for key, value in sorted(result.environment.items()))


def _said(result: Result) -> Iterator[str]:
    """What a person who opens the suite should know: validity short of INVALID, and what stands out."""
    yield f"{result.verdict.decision}; figures {result.validity.level}"
    yield from (f"{reason.level}: {_reason(reason)}" for reason in result.validity.reasons)
    for insight in result.insights:
        yield f"{insight.level}: {clean(insight.text)}"
        yield from (f"  {clean(line)}" for line in (*insight.evidence, insight.advice) if line)
    yield from (f"note: {clean(note)}" for note in result.notes)
