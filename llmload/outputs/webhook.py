"""``--export webhook:URL``: a POST of JSON when an objective is missed, when it is met again, when a moment stands
out from what is usual, and when the run ends.

The URL of a webhook often is its secret: ``webhook:env:NAME`` takes it from the environment, and it is never shown.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

import orjson

from llmload.analysis.watch import Watch
from llmload.errors import UsageError
from llmload.outputs.export import Tick
from llmload.outputs.place import web_address
from llmload.outputs.post import poster
from llmload.outputs.sender import Sender
from llmload.safe import clean
from llmload.scenario.plan import Plan
from llmload.verdict.judge import Judgement

__all__ = ["Webhook", "make"]

_ENV: Final = "env:"
_HEADERS: Final[Mapping[str, str]] = {"Content-Type": "application/json"}
_SETTLED: Final = 3
"""Looks (seconds) that an objective stands otherwise before that is told: one at its bound would send for ever."""


class Webhook:
    """Tells changes only."""

    def __init__(self, url: str) -> None:
        self._url: Final = url
        self._scenario = ""
        self._told: dict[str, bool] = {}
        self._turned: dict[str, int] = {}
        self._watch = Watch(0.0)
        self._sender: Sender[bytes] | None = None

    def open(self, plan: Plan) -> None:
        """Begins the thread that posts."""
        self._scenario = plan.name
        self._watch = Watch(plan.load.duration)
        self._sender = Sender("webhook", poster(self._url, _HEADERS, secret=True))

    def tick(self, tick: Tick) -> None:
        """Post what has changed for good, and the end."""
        for judgement in () if tick.over else tick.judgements:
            self._follow(judgement, tick)
        for anomaly in () if tick.over else self._watch.look(tick.total):
            self._post("anomaly", tick, {"anomaly": {**asdict(anomaly), "text": anomaly.words()}})
        if tick.over:
            self._post("end", tick, {"objectives": [_told(each) for each in tick.judgements]})

    def _follow(self, judgement: Judgement, tick: Tick) -> None:
        """Nothing is said of what has no figure yet."""
        rule = judgement.objective.rule
        if judgement.observed is None or self._told.get(rule, True) == judgement.passed:
            self._turned.pop(rule, None)
            return
        self._turned[rule] = self._turned.get(rule, 0) + 1
        if self._turned[rule] >= _SETTLED:
            self._told[rule] = judgement.passed
            self._turned.pop(rule)
            self._post("met" if judgement.passed else "missed", tick, {"objective": _told(judgement)})

    def _post(self, event: str, tick: Tick, more: Mapping[str, Any]) -> None:
        validity = str(tick.validity.level) if tick.validity is not None else None
        text = f"{self._scenario}: {_words(event, tick, more)}"
        body = {
            "event": event, "text": text, "scenario": self._scenario, "time": round(tick.at, 3),
            "elapsed": tick.total.elapsed, "validity": validity, **more,
        }  # fmt: skip
        if self._sender is not None:
            self._sender.put(orjson.dumps(body))

    def close(self) -> None:
        """Post what is left."""
        if self._sender is not None:
            self._sender.finish()

    def messages(self) -> list[str]:
        """What the sender says."""
        return self._sender.messages() if self._sender is not None else []


def _words(event: str, tick: Tick, more: Mapping[str, Any]) -> str:
    """One line for people, under the key that chat services show."""
    if event == "anomaly":
        return str(more["anomaly"]["text"])
    if event != "end":
        return f"{more['objective']['rule']} is {event} after {tick.total.elapsed:.0f} s"
    missed = [each["rule"] for each in more["objectives"] if not each["met"]]
    return "ended; " + (f"missed: {', '.join(missed)}" if missed else "every objective was met")


def _told(judgement: Judgement) -> dict[str, Any]:
    return {
        "rule": judgement.objective.rule,
        "met": judgement.passed,
        "observed": judgement.observed,
        "note": clean(judgement.note, 500),
    }


def make(where: str) -> Webhook:
    """Raises UsageError."""
    if where.startswith(_ENV):
        name = where.removeprefix(_ENV)
        where = os.environ.get(name, "")
        if not where:
            raise UsageError(f"--export webhook: the variable {clean(name, 80)} is not set")
    web_address("webhook", where, "https://example.com/hook")
    return Webhook(where)
