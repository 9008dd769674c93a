"""What was run, and where: the scenario as it was resolved, seeds, versions, the machine."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

import orjson

from llmload.reports.html.markup import Html, element, lines, scrolling, table
from llmload.reports.json_report import encodable
from llmload.reports.result import Result
from llmload.safe import clean

__all__ = ["about"]

_LONGEST: Final = 20_000
"""Characters of a scenario that are shown."""
_MOST: Final = 100
_MOST_TARGETS: Final = 10


def about(result: Result) -> Html:
    """Enough to run it again."""
    scenario = result.scenario
    facts = [
        ("scenario", scenario.name), ("description", scenario.description), ("environment", scenario.environment),
        ("demonstration size", "yes" if scenario.demo else ""), ("started", result.started),
        ("fingerprint", scenario.fingerprint), ("llmload", result.version),
        *((f"seed of {name}", str(seed)) for name, seed in scenario.seeds.items()),
        *((f"tag {name}", value) for name, value in scenario.tags.items()),
    ]  # fmt: skip
    ran = [(name, value) for name, value in facts if value][:_MOST]
    machine = sorted((name, value) for name, value in result.environment.items() if value)[:_MOST]
    return element(
        "section",
        element("h2", "Scenario and environment"),
        table(("Run", "value"), ran, "The run", texts=2),
        table(("Machine", "value"), machine, "Where it ran", texts=2) if machine else None,
        *_targets(result),
        _source(result),
    )


def _targets(result: Result) -> Iterator[Html]:
    """What each told of itself before the run."""
    for name, facts in islice(result.target_environment.items(), _MOST_TARGETS):
        told = sorted((fact, value) for fact, value in facts.items() if value)[:_MOST]
        if told:
            yield table(("Target", "value"), told, f"What {clean(name, 40)} told of itself", texts=2)


def _source(result: Result) -> Html | None:
    source = result.scenario.source
    if not source:
        return None
    text = orjson.dumps(encodable(dict(source)), default=str, option=orjson.OPT_INDENT_2).decode()
    shown = element("pre", lines(text, _LONGEST))
    return element(
        "details",
        element("summary", "The scenario as it was resolved, without secrets"),
        scrolling(shown, "The scenario"),
    )
