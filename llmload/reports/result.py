"""The Result: everything known about a finished run, and its JSON document."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from llmload.analysis.insights import Facts, Insight, insights
from llmload.errors import ExitStatus, ResultError
from llmload.metrics.ping import Pinged
from llmload.metrics.precision import Deviation, ErrorBar
from llmload.metrics.summary import Summary
from llmload.reports.check import misfits
from llmload.reports.counters import CounterInfo, learned_in
from llmload.reports.document import DERIVED, KIND, SCHEMA_VERSION, checked, damage, parse, plain, read
from llmload.reports.schema import SCHEMA
from llmload.scenario.plan import Load, Plan
from llmload.units import format_count, format_seconds
from llmload.verdict.judge import Judgement, judge
from llmload.verdict.objectives import Objective, Side
from llmload.verdict.service_level import USUAL, ServiceLevel, Standing, standing
from llmload.verdict.validity import Level, Reason, Validity
from llmload.verdict.verdict import Decision, Verdict, decide

__all__ = ["LoadInfo", "Result", "ScenarioInfo", "parse_result"]


@dataclass(frozen=True, slots=True)
class ScenarioInfo:
    """Which scenario it was. ``source``: as resolved, secrets removed; ``fingerprint``: its SHA-256."""

    name: str
    description: str = ""
    environment: str = ""
    demo: bool = False
    fingerprint: str = ""
    seeds: Mapping[str, int] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    source: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def of(cls, plan: Plan) -> ScenarioInfo:
        """What a result keeps of a plan."""
        return cls(
            plan.name, plan.description, plan.environment, plan.demo, plan.fingerprint,
            plain(plan.seeds), dict(plan.tags), plan.source,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class LoadInfo:
    """What was planned. Rates are calls/s (0 in the closed model, where ``users`` decide); ``duration`` in s."""

    model: str = "open"
    duration: float = 0.0
    peak_rate: float = 0.0
    mean_rate: float = 0.0
    expected_calls: float = 0.0
    users: float = 0.0
    max_in_flight: int | None = None
    on_limit: str = "queue"

    @classmethod
    def of(cls, load: Load) -> LoadInfo:
        """What a result keeps of a plan's load."""
        closed = load.model == "closed"
        users = load.curve if closed else load.users
        expected = 0.0 if closed else load.curve.expected(load.duration)
        if load.max_requests is not None:
            expected = min(expected, load.max_requests)
        return cls(
            model=load.model,
            duration=load.duration,
            peak_rate=0.0 if closed else load.curve.peak(),
            mean_rate=expected / load.duration if load.duration else 0.0,
            expected_calls=expected,
            users=users.peak() if users is not None else 0.0,
            max_in_flight=load.max_in_flight,
            on_limit=load.on_limit,
        )


@dataclass(frozen=True, repr=False)
class Result:
    """``started``: wall time, ISO 8601. ``duration``: seconds from start to end, draining included.

    ``version``: of the llmload that made the run. ``interrupted``: why someone stopped the run, "" if nobody
    did; ``aborted``: which objective or budget did. ``environment``: where it ran (python, platform ...);
    ``target_environment``: what each target told of itself before the run, as far as it was asked.
    ``error_bar``: None where this machine has no calibration to go by.
    ``slo``: the service level it is held against.
    ``counters``: what the tokens of each class's prompts were counted with.
    ``ping``: the way to each target, by its name, before the load and after it.
    ``last_heard``: wall time, ISO 8601, in a checkpoint (see ``unended``); "" once the run has ended.
    """

    version: str
    scenario: ScenarioInfo
    started: str
    duration: float
    summary: Summary
    validity: Validity
    judgements: Sequence[Judgement] = ()
    load: LoadInfo = LoadInfo()
    workers: int = 1
    interrupted: str = ""
    aborted: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    target_environment: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    notes: Sequence[str] = ()
    error_bar: ErrorBar | None = None
    last_heard: str = ""
    slo: ServiceLevel = USUAL
    counters: Sequence[CounterInfo] = ()
    ping: Mapping[str, Pinged] = field(default_factory=dict)

    def unended(self, now: str) -> Result:
        """What is to be read if this is the last that is ever heard of the run: it proves nothing."""
        left = self.summary.sent - self.summary.completed
        missing = f"; {format_count(left)} calls were in flight then and are not counted" if left > 0 else ""
        text = f"the run did not end: last heard of at {now}, {format_seconds(self.duration)} after its start{missing}"
        reason = Reason("unended", Level.INVALID, text, "look for an out-of-memory kill or a reboot, then run again")
        return replace(self, last_heard=now, validity=Validity(Level.INVALID, (reason, *self.validity.reasons)))

    @property
    def verdict(self) -> Verdict:
        """PASS, FAIL or INVALID, with the exit status. A run that did not end proves nothing."""
        if self.last_heard:
            return Verdict(Decision.INVALID, ExitStatus.INTERRUPTED if self.interrupted else ExitStatus.INVALID)
        return decide(self.judgements, self.validity, bool(self.interrupted))

    @property
    def passed(self) -> bool:
        """Whether every objective was met, by figures that can be trusted, in a run that nobody stopped."""
        return self.verdict.status is ExitStatus.PASS

    @property
    def failures(self) -> tuple[str, ...]:
        """Why it did not pass, a line each: objectives that were missed, and why the figures prove nothing."""
        if self.passed:
            return ()
        missed = (_missed(judgement) for judgement in self.judgements if not judgement.passed)
        invalid = self.verdict.decision is Decision.INVALID
        doubts = (reason.text for reason in self.validity.reasons if invalid)
        return (*missed, *doubts, *filter(None, (self.interrupted, self.aborted)))

    def __repr__(self) -> str:
        """In one line: it is what a failed assertion shows."""
        failures = f": {'; '.join(self.failures)}" if self.failures else ""
        return f"<Result of {self.scenario.name}: {self.verdict.decision.value}{failures}>"

    @cached_property
    def insights(self) -> tuple[Insight, ...]:
        """What a reader should know beyond the figures, the gravest first; derived from the summary."""
        return insights(self.summary, Facts(self.load.model, self.load.duration, self.scenario.demo))

    @cached_property
    def standing(self) -> Standing:
        """The traffic light, what the error budget is at, and what to check next; derived."""
        decision = self.verdict.decision
        return standing(self.slo, self.summary, self.judgements, self.validity, decision, self.insights)

    def exit_status(self) -> ExitStatus:
        """What the process that made the run ends with."""
        return self.verdict.status

    def to_json(self) -> dict[str, Any]:
        """The document, in a fixed order: equal results give equal documents."""
        verdict = self.verdict
        return {
            "kind": KIND,
            "schema_version": SCHEMA_VERSION,
            "version": self.version,
            "verdict": {"decision": verdict.decision.value, "exit_status": int(verdict.status)},
            "scenario": plain(self.scenario),
            "started": self.started,
            "duration": self.duration,
            "workers": self.workers,
            "last_heard": self.last_heard,
            "interrupted": self.interrupted,
            "aborted": self.aborted,
            "load": plain(self.load),
            "slo": plain(self.slo),
            "judgements": [_judgement_json(judgement) for judgement in self.judgements],
            "validity": _validity_json(self.validity),
            "error_bar": _error_bar_json(self.error_bar),
            "counters": _counters_json(self),
            "ping": {name: each.to_json() for name, each in self.ping.items()},
            "notes": list(self.notes),
            "environment": dict(sorted(self.environment.items())),
            "target_environment": {
                name: dict(sorted(facts.items())) for name, facts in sorted(self.target_environment.items())
            },
            "summary": self.summary.to_json(),
        }

    @classmethod
    def from_json(cls, data: object) -> Result:
        """Read a document of the same major version; ResultError says what is wrong with it, and where."""
        document = checked(data)
        wrong = next(misfits({name: document[name] for name in document if name not in DERIVED}, SCHEMA), "")
        if wrong:
            raise ResultError(f"damaged: {wrong}")
        parts: dict[str, Any] = {}
        for name, reader in _READERS.items():
            if name not in document and name in _LATER:
                continue
            with damage("the document" if name not in document else name):
                parts[name] = reader(document[name])
        with damage("the document"):
            made = read(cls, document, **parts)
            return replace(made, judgements=_judged_again(made)) if made.last_heard else made


def parse_result(data: bytes, source: str) -> Result:
    """The Result in the bytes of a file; ResultError names the file (``source``) and what is wrong with it."""
    document = parse(data, source)
    try:
        return Result.from_json(document)
    except ResultError as error:
        raise ResultError(f"{source}: {error}") from error


def _judged_again(checkpoint: Result) -> tuple[Judgement, ...]:
    """A checkpoint was judged in passing: of rolling windows, the latest alone was looked at."""
    return tuple(judge([judgement.objective for judgement in checkpoint.judgements], checkpoint.summary))


def _missed(judgement: Judgement) -> str:
    observed = "no data" if judgement.observed is None else f"{judgement.observed:.6g}"
    return f"{judgement.objective.rule}: {observed}" + (f" ({judgement.note})" if judgement.note else "")


def _judgement_json(judgement: Judgement) -> dict[str, Any]:
    other = judgement.objective.other
    objective = plain(judgement.objective) | {
        "where": dict(judgement.objective.where),
        "other": None if other is None else plain(other) | {"where": dict(other.where)},
    }
    return plain(judgement) | {"objective": objective}


def _validity_json(validity: Validity) -> dict[str, Any]:
    reasons = [plain(reason) | {"level": reason.level.value} for reason in validity.reasons]
    return {"level": validity.level.value, "reasons": reasons}


def _counters_json(result: Result) -> list[dict[str, Any]]:
    learned = learned_in(result.summary)
    return [plain(counter) | {"learned": learned.factors(counter.name)} for counter in result.counters]


def _error_bar_json(bar: ErrorBar | None) -> dict[str, Any] | None:
    if bar is None:
        return None
    return plain(bar) | {"metrics": {name: plain(deviation) for name, deviation in bar.metrics.items()}}


def _read_slo(data: dict[str, Any]) -> ServiceLevel:
    level = read(ServiceLevel, data)
    if not (0 <= level.availability < 1 and 0 < level.error_rate <= 1 and 0 < level.window < 1e9):
        raise ValueError("a service level that nobody can promise")
    return level


def _pair(value: Any) -> tuple[float, float] | None:
    if value is None:
        return None
    first, second = value
    return float(first), float(second)


def _where(data: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((str(key), str(value)) for key, value in data["where"].items())


def _read_judgement(data: dict[str, Any]) -> Judgement:
    found = data["objective"]
    other = found.get("other")
    against = None if other is None else read(Side, other, where=_where(other))
    objective = read(Objective, found, where=_where(found), other=against)
    pairs = {name: _pair(data.get(name)) for name in ("interval", "worst_window", "bracket", "sides")}
    return read(Judgement, data, objective=objective, **pairs)


def _read_validity(data: dict[str, Any]) -> Validity:
    reasons = tuple(read(Reason, reason, level=Level(reason["level"])) for reason in data["reasons"])
    return Validity(Level(data["level"]), reasons)


def _read_error_bar(data: dict[str, Any] | None) -> ErrorBar | None:
    if data is None:
        return None
    metrics = {str(name): read(Deviation, deviation) for name, deviation in data["metrics"].items()}
    return read(ErrorBar, data, metrics=metrics)


_LATER = frozenset({"error_bar", "slo", "counters", "ping"})
"""What the first documents didn't have."""
_READERS: Mapping[str, Callable[[Any], Any]] = {
    "scenario": lambda data: read(ScenarioInfo, data),
    "load": lambda data: read(LoadInfo, data),
    "slo": _read_slo,
    "judgements": lambda data: tuple(_read_judgement(judgement) for judgement in data),
    "validity": _read_validity,
    "error_bar": _read_error_bar,
    "counters": lambda data: tuple(read(CounterInfo, counter) for counter in data),
    "ping": lambda data: {str(name): Pinged.from_json(each) for name, each in data.items()},
    "notes": lambda data: tuple(str(note) for note in data),
    "summary": Summary.from_json,
}
