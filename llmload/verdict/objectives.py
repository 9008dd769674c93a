"""Objectives: rules over a metric, as people write them.

    metric.stat[{key=value, ...}] op value          ttft.p95{class=chat} < 500ms
    A - B op value                                  ttft.p95{target=gateway} - ttft.p95{target=direct} < 50ms
    A / B op value                                  latency.p50{tenant=b} / latency.p50{tenant=a} < 1.2
    metric.stat flat                                target.queue.trend flat

``op`` is one of ``< <= > >= ==``. Filters cut by ``class``, ``target``, ``model``, ``phase`` or a tag;
``errors`` can also be cut by ``outcome``; ``spread``, ``fairness``, ``failover`` and ``breaker`` are ``over`` the
values of one of these; ``paired`` sets a ``target`` ``against`` another.
The value is written in the metric's own unit: a duration, a share ("0.5%"), a rate ("45/s"), dollars or a
number; a ratio as a number or in percent. ``flat`` is said of what grows (a trend), and means <= 10%.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Final

from llmload import units
from llmload.records import Outcome
from llmload.verdict import measures
from llmload.verdict.analysed import PHASES
from llmload.verdict.compared import RELATIONS
from llmload.verdict.kinds import Kind, parse_value
from llmload.verdict.target import OBSERVE

__all__ = ["DIMENSIONS", "OPERATORS", "Objective", "Side", "parse_objective"]

OPERATORS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}
DIMENSIONS: Final = ("class", "target", "model", "phase")
"""What results are always cut by."""
_EXAMPLE: Final = 'write it like "ttft.p95 < 500ms" or "errors.rate{class=chat} < 1%"'
_FIGURE: Final = r"(?P<metric{0}>\w+) \s* (?:\. \s* (?P<stat{0}>[\w.]+))? \s* (?:\{{ (?P<where{0}>[^{{}}]*) \}})? \s*"
_RULE: Final = re.compile(
    rf"""\s* {_FIGURE.format("")} (?: (?P<relation>[{"".join(RELATIONS)}]) \s* {_FIGURE.format("_other")})?
        (?P<op><=|>=|==|<|>|=|!=)? \s* (?P<value>.*?) \s*""",
    re.VERBOSE,
)
_EXAMPLES: Final[Mapping[str, str]] = {
    measures.OVER: "over=instance", "target": "target=gateway", measures.AGAINST: "against=direct",
}  # fmt: skip
_OVER_EXAMPLE: Final = f'only {", ".join(measures.OVER_METRICS)} are, as in "spread.largest{{over=instance}}"'
_FLAT: Final = re.compile(r"(?<=[\w}])\s+flat\s*$")
_FLATLY: Final = "<= 10%"
_FILTER: Final = re.compile(r"""\s*(?P<key>[\w.-]+)\s*=\s*(?:"(?P<quoted>[^"]*)"|(?P<bare>[^",={}]*?))\s*""")
_MANY: Final = 20
"""Statistics that a message lists at most."""
_PLAIN: Final = re.compile(r"[\w./:@+-]+")


@dataclass(frozen=True, slots=True)
class Side:
    """A figure: a statistic of a metric, of the calls that ``where`` leaves."""

    metric: str
    stat: str
    where: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.metric}.{self.stat}{_spell(self.where)}"


@dataclass(frozen=True, slots=True)
class Objective:
    """A rule. ``value`` is in SI units: seconds, shares of one, requests/s, tokens, tokens/s, dollars.

    ``rule`` is the canonical spelling: parsing it again gives the same objective. ``window`` (s): judge
    the worst stretch of that length instead of the whole run. ``abort``: stop the run when it fails, but
    not before ``delay`` seconds. ``says``: what a failure means, in the words of who wrote it. ``optional``: not judged
    where nothing observes the target. ``relation`` ("-" or "/") and ``other``: of a comparison, how the figure is set
    against which other one.
    """

    rule: str
    metric: str
    stat: str
    op: str
    value: float
    where: tuple[tuple[str, str], ...] = ()
    window: float = 0.0
    abort: bool = False
    delay: float = 0.0
    says: str = ""
    name: str = ""
    optional: bool = False
    relation: str = ""
    other: Side | None = None

    def __str__(self) -> str:
        window = f" in every {units.format_seconds(self.window)}" if self.window else ""
        return self.rule + window

    @property
    def kind(self) -> Kind:
        """How its value is written and read out."""
        return Kind.RATIO if self.relation == "/" else self.side_kind

    @property
    def side_kind(self) -> Kind:
        """How the figure itself is read out, or each of two that are compared."""
        return measures.kind_of(self.metric, self.stat)

    @property
    def sides(self) -> tuple[Objective, ...]:
        """It alone, or one for each of the figures that are compared."""
        if self.other is None:
            return (self,)
        alone = replace(self, relation="", other=None)
        return alone, replace(alone, metric=self.other.metric, stat=self.other.stat, where=self.other.where)

    @property
    def cuts(self) -> frozenset[str]:
        """The dimensions and tags that results must be cut by to judge it."""
        apart = ("outcome", measures.AGAINST, OBSERVE, *PHASES)
        pairs = [pair for side in self.sides for pair in side.where if pair[0] not in apart]
        return frozenset(value if key == measures.OVER else key for key, value in pairs)

    @property
    def follows(self) -> frozenset[str]:
        """The labels of answers of which must be kept who served when."""
        sides = [side for side in self.sides if measures.needs_track(side.metric)]
        return frozenset(dict(side.where)[measures.OVER] for side in sides)

    @property
    def percentile(self) -> float | None:
        """0..100, if the statistic is one."""
        match = measures.PERCENTILE.fullmatch(self.stat.rpartition(".")[2] if self.metric == "paired" else self.stat)
        return float(match[1]) if match else None

    def met_by(self, observed: float) -> bool:
        """Whether a value satisfies the rule."""
        return OPERATORS[self.op](observed, self.value)

    def scaled(self, time: float) -> Objective:
        """The same for a schedule whose times are multiplied by ``time``: a bound that is held against the schedule is
        scaled with it."""
        stat = measures.stat_of(self.metric, self.stat)
        if time == 1.0 or stat is None or not stat.scheduled:
            return self
        rule = f"{Side(self.metric, self.stat, self.where)} {self.op} {self.value * time:g}s"
        return replace(self, rule=rule, value=self.value * time)

    @property
    def upper(self) -> bool:
        """The bound is one from above: less is better."""
        return self.op in ("<", "<=")


def parse_objective(
    rule: str,
    *,
    window: float = 0.0,
    abort: bool = False,
    delay: float = 0.0,
    says: str = "",
    name: str = "",
    optional: bool = False,
    tags: Iterable[str] | None = None,
) -> Objective:
    """The Objective a rule means; ``window`` and ``delay`` in seconds.

    ``tags``: the tag names results are cut by, if known; filters by any other are then refused.
    Raises ValueError whose message names the part that is wrong and what was probably meant.
    """
    match = _RULE.fullmatch(_FLAT.sub(f" {_FLATLY}", rule))
    if match is None:
        raise ValueError(f"{rule.strip()!r} is not an objective; {_EXAMPLE}")
    op, relation = match["op"], match["relation"] or ""
    side = _side(match["metric"], match["stat"], match["where"], tags)
    if op not in OPERATORS:
        raise ValueError(_no_operator(rule, op))
    other = _side(match["metric_other"], match["stat_other"], match["where_other"], tags) if relation else None
    bound = match["value"]
    if not bound:
        raise ValueError(f"{rule.strip()!r} has no value after {op!r}; {_EXAMPLE}")
    if other is not None:
        _check_comparison(side, other, window)
    kind = Kind.RATIO if relation == "/" else measures.kind_of(side.metric, side.stat)
    if kind is not Kind.GROWTH and _FLAT.search(rule):
        raise ValueError(
            f'{side.metric}.{side.stat} is no growth that could be flat; write it like "trend.latency flat"'
        )
    try:
        direct = measures.stat_of(side.metric, side.stat)
        value = _bound(kind, bound, signed=relation == "-" or (not relation and direct is not None and direct.signed))
    except ValueError as error:
        what = f"{side.metric}.{side.stat}" if other is None else f"{side} {relation} {other}"
        raise ValueError(f"the value of {what}: {error}") from None
    _check_cut(side.metric, side.stat, side.where, window)
    if measures.at_the_end(side.metric, side.stat) and (abort or other):
        why = "can't stop a run" if abort else "is compared with nothing"
        raise ValueError(f"{side.metric}.{side.stat} is worked out when the run is over: it {why}")
    if optional and side.metric != "target":
        raise ValueError(f"{side.metric}.{side.stat} is always judged; optional is what an observer of the target sees")
    left = f"{side} {relation} {other}" if other else str(side)
    return Objective(
        f"{left} {op} {bound}", side.metric, side.stat, op, value, side.where, window, abort, delay, says, name,
        optional, relation, other,
    )  # fmt: skip


def _bound(kind: Kind, text: str, signed: bool) -> float:
    """A difference may be asked to be less than nothing."""
    return -parse_value(kind, text[1:]) if signed and text[:1] == "-" else parse_value(kind, text)


def _side(metric: str, stat: str | None, where: str | None, tags: Iterable[str] | None) -> Side:
    stat = _stat(metric, stat)
    cut = _where(where, metric, tags)
    needed = measures.needs(metric)
    if missing := [key for key in needed if key not in dict(cut)]:
        example = f"{metric}.{stat}{{{','.join(_EXAMPLES[key] for key in needed)}}}"
        raise ValueError(f'{metric}.{stat} needs the filter {missing[0]!r}, like "{example}"')
    if measures.AGAINST in needed and dict(cut)["target"] == dict(cut)[measures.AGAINST]:
        raise ValueError(f"{metric}.{stat} sets {dict(cut)['target']!r} against itself; name the other target")
    return Side(metric, stat, cut)


def _check_comparison(side: Side, other: Side, window: float) -> None:
    """Only figures of one kind can be set against each other."""
    if side == other:
        raise ValueError(f"{side} is compared with itself; cut the two sides differently")
    kinds = [measures.kind_of(each.metric, each.stat) for each in (side, other)]
    if kinds[0] is not kinds[1]:
        raise ValueError(f"{side} is a {kinds[0]} and {other} a {kinds[1]}: they can't be compared")
    if window:
        raise ValueError("a comparison has no window; it is about the whole run (or a phase: {phase=NAME})")


def _no_operator(rule: str, op: str | None) -> str:
    if op == "=":
        return f'{rule.strip()!r}: write "==" to compare for equality, or one of < <= > >='
    return f"{rule.strip()!r} compares nothing: it needs one of < <= > >= == and a value; {_EXAMPLE}"


def _meant(word: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    close = get_close_matches(word, list(known), n=1, cutoff=cutoff)
    return f"; did you mean {close[0]!r}?" if close else ""


def _stat(metric: str, stat: str | None) -> str:
    known = measures.metrics()
    if metric not in known:
        hint = _meant(metric, known) or "; there are: " + ", ".join(known)
        raise ValueError(f"there is no metric {metric!r}{hint}")
    stats = measures.stats_of(metric)
    if stat is None:
        raise ValueError(f'{metric!r} needs a statistic, like "{metric}.{stats[0]}"; it has: {", ".join(stats)}')
    if measures.stat_of(metric, stat) is None and not measures.is_histogram_stat(metric, stat):
        hint = _meant(stat, [*stats, "p50", "p90", "p99", "p99.9"] if "p95" in stats else stats)
        raise ValueError(f"{metric!r} has no statistic {stat!r}{hint}; it has: {_listed(stat, stats)}")
    return stat


def _listed(stat: str, stats: Sequence[str]) -> str:
    """All of them, or where there are many (``FIGURE.STAT``) those of the figure, or else the figures there are."""
    if len(stats) <= _MANY:
        return ", ".join(stats)
    figure = stat.partition(".")[0]
    of_it = [each for each in stats if each.startswith(f"{figure}.")]
    return (
        ", ".join(of_it) if of_it else f"figures {', '.join(dict.fromkeys(each.partition('.')[0] for each in stats))}"
    )


def _where(text: str | None, metric: str, tags: Iterable[str] | None) -> tuple[tuple[str, str], ...]:
    where: dict[str, str] = {}
    for part in _split(text or ""):
        match = _FILTER.fullmatch(part)
        value = (match["quoted"] if match["quoted"] is not None else match["bare"]) if match else ""
        if match is None or not value:
            raise ValueError(f'the filter {part.strip()!r} is not "key=value", as in "{{class=chat}}"')
        key = match["key"]
        if key in where:
            raise ValueError(f"the filter names {key!r} twice; make it two objectives")
        _check_filter(key, value, metric, tags)
        where[key] = value
    return tuple(where.items())


def _split(text: str) -> list[str]:
    """At commas outside quotes."""
    return re.findall(r'(?:[^,"]|"[^"]*"|")+', text)


def _check_filter(key: str, value: str, metric: str, tags: Iterable[str] | None) -> None:
    if key == "outcome":
        _check_outcome(value, metric)
        return
    if key == measures.OVER:
        if key not in measures.needs(metric):
            raise ValueError(f"{metric!r} is no figure over the values of a tag; {_OVER_EXAMPLE}")
        if value == "outcome":
            raise ValueError("nothing is spread over outcomes; look at errors.rate{outcome=...}")
        key = value
    if key == measures.AGAINST and key not in measures.needs(metric):
        raise ValueError('only pairs are set against a target, as in "paired.latency.mean{target=a,against=b}"')
    if key == OBSERVE and metric not in measures.OBSERVED_METRICS:
        raise ValueError('only the target is observed, as in "target.memory.max{observe=server}"')
    if key in DIMENSIONS or key == OBSERVE or key in PHASES or key in measures.needs(metric):
        return
    known = [*DIMENSIONS, *([] if tags is None else tags)]
    if tags is not None and key not in known:
        hint = _meant(key, known) or "; there are: " + ", ".join(known)
        raise ValueError(f"results are not cut by {key!r}{hint} (a tag must be listed in slice_by)")
    if tags is None and (hint := _meant(key, [*DIMENSIONS, "outcome"], cutoff=0.8)):
        raise ValueError(f"there is no filter {key!r}{hint}")


def _check_outcome(value: str, metric: str) -> None:
    failures = [outcome.value for outcome in Outcome if outcome.error]
    if metric != "errors":
        raise ValueError(f"only errors can be cut by outcome, not {metric!r}")
    if value not in failures:
        family = re.sub(r"^http_([45])\d\d$", r"http_\1xx", value)
        hint = _meant(family, failures) or "; there are: " + ", ".join(failures)
        raise ValueError(f"there is no failure called {value!r}{hint}")


def _check_cut(metric: str, stat: str, where: tuple[tuple[str, str], ...], window: float) -> None:
    """Refuse cuts for which nothing is kept, rather than judging something else."""
    direct = measures.stat_of(metric, stat)
    if direct is None or PHASES[0] not in (direct.keys or ()):
        odd = [key for key, _ in where if key in PHASES]
        if odd:
            raise ValueError(f"{metric}.{stat} is no figure after a phase, {odd[0]!r} means nothing for it")
    for key in direct.needs if direct else ():
        if key not in dict(where):
            raise ValueError(f'{metric}.{stat} needs to be told which phase, like "{metric}.{stat}{{{key}=NAME}}"')
    refused = [key for key, _ in where if direct and direct.keys is not None and key not in direct.keys]
    if direct and refused:
        kept = " and ".join(sorted(direct.keys or ())) or "the whole run"
        raise ValueError(f"{metric}.{stat} is kept by {kept} only, it can't be cut by {refused[0]!r}")
    if window < 0:
        raise ValueError(f"a window of {window:g} s; it must be longer than nothing")
    if not window:
        return
    if not (direct.windows if direct else metric in measures.WINDOWED_HISTOGRAMS):
        names = ", ".join(sorted(measures.WINDOWED_HISTOGRAMS))
        raise ValueError(f"{metric}.{stat} is not kept second by second; windows work for {names}, errors and rates")
    if refused := [key for key, _ in where if key not in ("class", "phase", "outcome", OBSERVE)]:
        raise ValueError(f"windows can be cut by class and phase, not by {refused[0]!r}")


def _spell(where: tuple[tuple[str, str], ...]) -> str:
    if not where:
        return ""
    return "{" + ",".join(f"{key}={_quote(value)}" for key, value in where) + "}"


def _quote(value: str) -> str:
    return value if _PLAIN.fullmatch(value) else f'"{value}"'
