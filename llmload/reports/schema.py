"""The JSON Schema of a result document.

Objects may have more members than are described here: a later minor version only adds. Times of metrics
under ``figures`` are in SI units; those inside ``summary`` are in the units of their histograms
(microseconds, tokens, thousandths of a token per second, billionths of a dollar).
"""

from __future__ import annotations

from typing import Final

from llmload.analysis.insights import Gravity
from llmload.metrics.catalogue import METRICS
from llmload.metrics.disturbance import Cause
from llmload.records import Outcome
from llmload.reports.document import KIND, SCHEMA_VERSION
from llmload.reports.figures import PERCENTILES
from llmload.reports.shapes import Schema
from llmload.reports.shapes import array as _list
from llmload.reports.shapes import count as _count
from llmload.reports.shapes import kind as _kind
from llmload.reports.shapes import mapping as _map
from llmload.reports.shapes import maybe as _maybe
from llmload.reports.shapes import number as _number
from llmload.reports.shapes import one_of as _one_of
from llmload.reports.shapes import pair as _pair
from llmload.reports.shapes import structure as _object
from llmload.reports.shapes import text as _text
from llmload.verdict.compared import RELATIONS
from llmload.verdict.efficiency import EFFICIENCY
from llmload.verdict.objectives import OPERATORS
from llmload.verdict.pair_stats import PERCENTILES as PAIR_PERCENTILES
from llmload.verdict.service_level import Light
from llmload.verdict.validity import Level
from llmload.verdict.verdict import Decision

__all__ = ["SCHEMA", "SCHEMA_ID"]

SCHEMA_ID: Final = f"urn:llmload:schema:result:{SCHEMA_VERSION.partition('.')[0]}"

_OUTCOMES: Final = _map(_count(), "Calls by outcome", _one_of(Outcome))
_HISTOGRAM: Final = _object(
    "HdrHistogram V2 (compressed, base64) and the exact figures it does not hold",
    count=_count(), total=_count("Exact sum"), min=_count(), max=_count(), clamped=_count("Values out of range"),
    hdr=_text("Readable by any HdrHistogram"),
)  # fmt: skip
_HISTOGRAMS: Final = _map(_HISTOGRAM, "By metric")
_SPARSE: Final = _object(
    "A histogram of 2 significant digits: exact figures, and its buckets packed as text",
    total=_count(), min=_count(), max=_count(), clamped=_count(), counts=_text(),
)  # fmt: skip
_GAUGE: Final = _object("Samples of a share, in millionths", samples=_count(), sum=_count(), max=_count())

_CELL: Final = _object(
    "The calls of one class, target, model, phase and set of tags",
    ("attempts",),
    **{name: _text() for name in ("class", "target", "model", "phase")},
    tags=_map(_text()),
    **{
        name: _count() for name in (
            "calls", "goodput", "input_tokens", "output_tokens", "cost_pico", "streams", "stalls", "stall_ns",
            "stalled_calls", "bytes_in", "bytes_out", "queued", "reused",
        )
    },
    outcomes=_OUTCOMES, attempts=_OUTCOMES, token_sources=_map(_count()),
    good=_HISTOGRAMS, failed=_HISTOGRAMS, censored=_HISTOGRAMS,
)  # fmt: skip
_WINDOW_PARTS: Final[dict[str, Schema]] = {
    **{name: _count() for name in ("planned", "sent", "goodput", "input_tokens", "output_tokens")},
    "outcomes": _OUTCOMES, "in_flight": _map(_count(), "Most calls in flight, by worker"),
    **dict.fromkeys(("ttft", "itl", "latency"), _SPARSE),
}  # fmt: skip
_WINDOW: Final = _object(
    'What happened in one window; what is zero is left out. Class "": what has none yet',
    _WINDOW_PARTS, at=_count("Number of the window"), **{"class": _text()}, **_WINDOW_PARTS,
)  # fmt: skip
_ERROR: Final = _object(
    shape=_text(), outcome=_one_of(Outcome), status=_count("HTTP status, 0 without one"), count=_count(),
    sample=_text(), first_at=_number("s"), last_at=_number("s"), classes=_map(_count()),
)  # fmt: skip
_DISTURBANCE: Final = _object(
    "What made the event loop late, or disturbed the machine, of one cause", cause=_one_of(Cause), count=_count(),
    total=_count("microseconds, the short ones included"),
    worst=_list(
        _list(_kind("integer")), "The longest: microseconds after the start of the run, microseconds it lasted"
    ),
)  # fmt: skip
_WORKER: Final = _object(
    "What one worker saw of itself", ("cpu_wait", "disturbances", "renewals_failed", "learned"),
    worker=_count(), loop_lag=_HISTOGRAM, gc_pause=_HISTOGRAM, cpu=_GAUGE,
    machine_cpu=_GAUGE, others_cpu=_GAUGE, steal=_GAUGE, fds=_count(), fd_limit=_count(), rss=_count("bytes"),
    cap_hits=_count(), dropped=_count(), unsent=_count(), connections_opened=_count(), max_in_flight=_count(),
    fallback=_text(), clock_jumps=_count(), renewals_failed=_count(), cpu_wait=_GAUGE, disturbances=_list(_DISTURBANCE),
    learned=_list(_list({}), "Class, kind of text, tokens estimated and reported of its prompts"),
)  # fmt: skip
_TRACK: Final = _object(
    "Who served when, of one label of the answers",
    width=_count("ns of a bin"),
    turns=_list(
        _list({}),
        "Bin, value, calls that went well, that failed; then when, in ns since the start (-1: never): "
        "first and last that went well, first and last that failed",
    ),
)  # fmt: skip
_DIFFERENCE: Final = _object(
    "What target had more than against (above) and less (below), pair by pair",
    above=_HISTOGRAM, below=_HISTOGRAM, same=_count("Pairs without a difference"),
    blocks=_list(_list(_kind("integer")), "Number of the block of time, pairs planned in it, their sum"),
)  # fmt: skip
_COUNTS_OF_PAIRS: Final = {name: _count() for name in ("pairs", "target_failed", "against_failed", "both_failed")}
_PAIR: Final = _object(
    "The pairs of one class, two targets, phase and set of tags",
    **{name: _text() for name in ("class", "target", "against", "phase")}, tags=_map(_text()), **_COUNTS_OF_PAIRS,
    width=_count("Of a block, in quarters of a second"), metrics=_map(_DIFFERENCE, keys=_one_of(METRICS)),
)  # fmt: skip
_ALONE: Final = _object(
    "Calls of a paired class that have no partner", **{"class": _text()}, phase=_text(), calls=_kind("integer")
)
_SAMPLES: Final = _object(
    "One figure over the run",
    width=_count("s of a window"), before=_maybe(_number("Just before the first call")),
    bins=_list(
        _list(_number()),
        "Number of the window; then of the values in it: their weight (seconds, or readings), their sum, each times "
        "its weight, the smallest, the largest",
    ),
)  # fmt: skip
_STALL: Final = _object(
    "A time for which the server stood still, in s", at=_number("From the start"), seconds=_number("As it was seen"),
    before=_number("How much earlier it may have begun"), own=_number("How late the prober itself may have been"),
)  # fmt: skip
_NUMBERED: Final = {"type": "array", "prefixItems": [_count(), True], "minItems": 2, "maxItems": 2}
_PROBED: Final = _object(
    "What a probe told", rate=_number("per second"), limit=_number("s above the median"), width=_count("s"),
    times=_list(_NUMBERED, "Number of the window, microseconds"),
    least=_list(_NUMBERED, "The same, with the prober's own lateness taken off"),
    lost=_list(_NUMBERED, "Window, probes"),
    stalls=_list(_STALL), lag=_SPARSE, doubtful=_count("Late answers, by the prober itself maybe"),
    unsent=_count("Probes that could not go out"), more=_count("Stalls that are not listed"),
)  # fmt: skip
_OBSERVED: Final = _object(
    "What an observer saw of the target beside its answers", ("probed",),
    what=_text("What was observed"), trouble=_text("Why nothing could be seen"),
    ended=_list(_number(), "When it ended, in s"), missing=_map(_text(), "Figure, and why there is none"),
    figures=_map(_SAMPLES, "By figure: shares of one, cores, bytes, numbers, bytes per second"), probed=_maybe(_PROBED),
)  # fmt: skip
_SLOW_CALL: Final = _object(
    "One call; times in ns",
    latency=_kind("integer", "Planned to last content of a good stream, or to the end"),
    planned=_kind("integer", "From the start of the run"), index=_count("Number of the call"), turn=_count(),
    attempt=_count("From 1"), **{name: _text() for name in ("target", "model", "phase")}, outcome=_one_of(Outcome),
    status=_count("HTTP status, 0 without one"), ttft=_kind("integer", "Planned to first content, 0 without"),
    request_id=_text("What the server calls it"), trace=_text("The traceparent it was sent with"),
)  # fmt: skip
_SUMMARY: Final = _object(
    "Everything that was measured; adds up with others of its kind",
    ("tracks", "pairs", "alone", "observed", "slowest"),
    start=_kind("integer", "Monotonic clock of the machine, ns"), elapsed=_number("s of the schedule"),
    planned=_count(), sent=_count(), completed=_count(),
    phases=_list(_object(name=_text(), start=_number("s"), end=_number("s"), measure=_kind("boolean"))),
    cells=_list(_CELL), errors=_list(_ERROR), window_seconds=_count(), windows=_list(_WINDOW), health=_list(_WORKER),
    tracks=_map(_TRACK, "By label"),
    pairs=_list(_PAIR), alone=_list(_ALONE), observed=_map(_OBSERVED, "By the name of the observer"),
    slowest=_map(_list(_SLOW_CALL), "Of each class, measured phases: the slowest first"),
)  # fmt: skip

_DISTRIBUTION: Final = _object(
    "In SI units; a percentile is null where there are too few samples to say",
    count=_count(), **{name: _number() for name in ("min", "mean", "stddev", "max")},
    **{name: _maybe(_number()) for name in PERCENTILES},
)  # fmt: skip
_SLICE: Final = _object(
    calls=_count(), ok=_count(), errors=_count(), error_rate=_number(), goodput=_count(), input_tokens=_count(),
    output_tokens=_count(), cost=_number("US dollars"), metrics=_map(_DISTRIBUTION, keys=_one_of(METRICS)),
)  # fmt: skip
_AMOUNT: Final = _object(count=_count(), rate=_number("per second"), share=_number("of the planned calls"))
_PAIRED_FIGURES: Final = _object(
    "In SI units; what there are too few pairs for is null", count=_count(), above=_number("share of the pairs"),
    **{name: _maybe(_number()) for name in ("mean", *PAIR_PERCENTILES, "sign", "wilcoxon")},
    **{f"{name}_interval": _pair("95 % confidence") for name in ("mean", *PAIR_PERCENTILES)},
)  # fmt: skip
_COMPARED: Final = _object(
    "Two targets that were asked the same by a class",
    **{name: _text() for name in ("class", "target", "against")}, **_COUNTS_OF_PAIRS,
    metrics=_map(_PAIRED_FIGURES, keys=_one_of(METRICS)),
)  # fmt: skip
_TERM: Final = _object(
    "A dimension or two crossed, and what they explain of the variance of log latency",
    of=_list(_text()), freedom=_count("Degrees of freedom"), share=_number("eta squared, type II"),
    together=_number("share, with both dimensions"), p=_number("Fisher's F"),
    within=_maybe(_number("share of the variance within class and phase")),
)  # fmt: skip
_GROUP: Final = _object(
    "The calls that have these values", values=_list(_text()), calls=_count(), errors=_count(),
    **{name: _maybe(_number("s")) for name in ("p50", "p95")},
)  # fmt: skip
_CROSSED: Final = _object(
    "Every two dimensions crossed, and what explains how latencies vary",
    crossings=_list(_object(of=_list(_text()), groups=_list(_GROUP))),
    variance=_maybe(
        _object(
            calls=_count(), spread=_number("Standard deviation of the logarithm of latency"),
            same=_map(_list(_text()), "Dimensions that divide the calls as another does"), terms=_list(_TERM),
            left=_number("share that no term explains"),
            shared=_number("share that several explain, none beyond the others"),
            sharing=_list(_text(), "Dimensions with the most of it"),
            skipped=_list(_list(_text()), "Crossings of too many values"),
        )
    ),
)  # fmt: skip
_AGAINST: Final = _object(
    "The phases after the baseline, held against it; null without one", baseline=_text(),
    phases=_list(_object(
        phase=_text(), rate=_number("calls per second"), latency=_maybe(_number("Multiple of the baseline's")),
        latency_interval=_pair("95 % confidence"), error_rate=_number(), error_difference=_number(),
    )),
)  # fmt: skip
_BESIDE: Final = _object(
    "Latency beside the others against that alone", alone=_number("s"), beside=_number("s"), ratio=_maybe(_number()),
    interval=_list(_maybe(_number()), "Of the ratio, 95 % confidence; null where the calls don't reach so far"),
)  # fmt: skip
_SLOWDOWN: Final = _object(
    "A service beside others, against a phase in which it was alone", service=_text(), others=_list(_text()),
    phase=_text(), alone=_text("The phase"), load=_number("Its own rate of calls, by that alone"),
    **dict.fromkeys(("p50", "p95"), _BESIDE),
)  # fmt: skip
_SLOWEST: Final = _object(
    "One of the slowest calls", index=_count("Number of the call"), turn=_count(), attempt=_count("From 1"),
    **{name: _text() for name in ("class", "target", "model", "phase")},
    planned=_number("s from the start of the run"), outcome=_one_of(Outcome), status=_maybe(_count("HTTP")),
    ttft=_maybe(_number("s")), latency=_number("s"), request_id=_text("What the server calls it"),
    trace_id=_text("W3C Trace Context; empty without"), sampled=_kind("boolean", "Its sampled flag was set"),
)  # fmt: skip
_EFFICIENCY: Final = _object(
    "What the target made of what it used; null where nobody saw it", phase=_text(),
    used=_map(_maybe(_number()), "Means: cores, bytes of memory, replicas"),
    **{name: _maybe(_number("per second, and per core, GB or replica")) for name in EFFICIENCY},
)  # fmt: skip
_FIGURES: Final = _object(
    "Derived from the summary for easy reading; measured phases only; a checkpoint has none",
    ("paired", "crossed", "against_baseline", "slowdown", "observed", "slowest", "efficiency"), crossed=_CROSSED,
    efficiency=_list(_EFFICIENCY, "Measured phase by phase, where what the target uses was observed"),
    slowdown=_list(_SLOWDOWN, "Service by service"),
    slowest=_list(_SLOWEST, "Class by class, the slowest first; measured phases"),
    measured_seconds=_number(), total=_SLICE, by=_map(_map(_SLICE), "Dimension, then value"),
    amounts=_object(**dict.fromkeys(("planned", "sent", "completed", "succeeded", "goodput"), _AMOUNT)),
    observed=_map(_map(_map(_number()), "Figure, then statistic"), "By the name of the observer"),
    paired=_object(without_partner=_kind("integer", "Calls of paired classes"), compared=_list(_COMPARED)),
    against_baseline=_maybe(_AGAINST),
)  # fmt: skip

_OBJECTIVE: Final = _object(
    "A rule; with a relation, its figure is compared with another", ("relation", "other", "optional"),
    rule=_text(), metric=_text(), stat=_text(), op=_one_of(OPERATORS), value=_number("SI units"),
    where=_map(_text()), window=_number("s, 0: the whole run"), abort=_kind("boolean"), delay=_number("s"),
    says=_text(), name=_text(), optional=_kind("boolean"), relation={"type": "string", "enum": ["", *RELATIONS]},
    other=_maybe(_object(metric=_text(), stat=_text(), where=_map(_text()))),
)  # fmt: skip
_JUDGEMENT: Final = _object(
    "How an objective did", ("bracket", "sides", "larger"),
    objective=_OBJECTIVE, passed=_kind("boolean"), observed=_maybe(_number("SI units; null without data")),
    interval=_pair("95 % confidence"), margin=_maybe(_number("Distance to the bound as a share of it")),
    worst_window=_pair("From, to, in s"), samples=_count(), note=_text(),
    bracket=_pair("Where the figure lies with the generator's own part taken off"),
    sides=_pair("The two figures of a comparison"),
    larger=_kind("boolean"),
)  # fmt: skip
_DEVIATION: Final = _object(
    bias=_number("Mean of said - true, s"),
    p50=_number("How far single values are off, s: half no further"),
    p99=_number("How far single values are off, s: 99 % no further"),
    shift_p50=_number("How far the reported p50 is too high, s"),
    shift_p99=_number("How far the reported p99 is too high, s"),
)  # fmt: skip
_ERROR_BAR: Final = _object(
    "How far times were from the truth at this load when the machine was calibrated",
    calibrated=_text("ISO 8601"), calls=_number("per second and worker, in the busiest stretch"),
    events=_number("per second and worker"), share=_number("of a worker's ceiling"),
    beyond=_kind("boolean", "More than was calibrated"),
    disturbed=_kind("boolean", "The calibration was; only in earlier results"),
    metrics=_map(_DEVIATION, keys=_one_of(METRICS)),
)  # fmt: skip
_INSIGHT: Final = _object(
    "What a reader should know beyond the figures", code=_text("Its kind"), level=_one_of(Gravity), text=_text(),
    evidence=_list(_text(), "The figures it is concluded from"), advice=_text("What to look at or to do next"),
)  # fmt: skip
_COUNTER: Final = _object(
    "What the tokens of a class's prompts were counted with before they were sent",
    name=_text("Of the class"), counter=_one_of(("estimate", "file", "tiktoken", "server")),
    vocabulary=_text("A file's name, an encoding, the model that the server counted for"),
    overhead=_count("Tokens planned beside the text"), counted=_count("Made-up prompts that the server counted"),
    learned=_map(_number(), "Tokens reported for each that was estimated, by kind of text; the empty name: all"),
)  # fmt: skip
_REASON: Final = _object(code=_text(), level=_one_of(Level), text=_text(), remedy=_text())
_SLO: Final = _object(
    "The service level that is promised", availability=_number("share of the calls"), error_rate=_number("share"),
    window=_number("s"), binding=_kind("boolean", "The scenario asked for it"),
)  # fmt: skip
_STANDING: Final = _object(
    "Derived: the traffic light, and what to check next; a checkpoint has none", light=_one_of(Light),
    availability=_maybe(_number()), burned=_maybe(_number("share of the error budget")),
    worst=_maybe(_number("largest error rate of any window")), worst_at=_pair("From, to, in s"),
    reasons=_list(_text()), check=_list(_text()),
)  # fmt: skip
_SCENARIO: Final = _object(
    name=_text(), description=_text(), environment=_text(), demo=_kind("boolean"), fingerprint=_text("SHA-256"),
    seeds=_map(_kind("integer")), tags=_map(_text()), source=_kind("object", "As resolved, secrets removed"),
)  # fmt: skip
_LOAD: Final = _object(
    model=_text(), duration=_number("s"), peak_rate=_number(), mean_rate=_number(), expected_calls=_number(),
    users=_number(), max_in_flight=_maybe(_count()), on_limit=_text(),
)  # fmt: skip

_TRIPS: Final = _object(
    "s; null where nothing was answered",
    tried=_count(), lost=_count(), min=_maybe(_number()), median=_maybe(_number()), p99=_maybe(_number()),
    max=_maybe(_number()), jitter=_maybe(_number("Mean absolute difference of successive trips")),
)  # fmt: skip
_PING: Final = _object(
    "The way to one target",
    ("resent", "throughput"),
    host=_text(), addresses=_list(_object(text=_text(), used=_kind("boolean"), trouble=_text())),
    via=_text("Proxy"), tls=_text("Version and cipher"), asked=_text(), status=_count("0: never answered"),
    steps=_map(_TRIPS, "By step: dns, tcp, unix, proxy, tls, first, kept"),
    resent=_maybe(_count("TCP segments sent again")), throughput=_maybe(_number("bytes/s; null: not measured")),
    trouble=_text("What went wrong last"),
)  # fmt: skip
_PINGED: Final = _map(
    _object(before=_maybe(_PING), after=_maybe(_PING)), "By target, before the load and after it; no part of the load"
)

SCHEMA: Final[Schema] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": SCHEMA_ID,
    "title": "A result of llmload",
    **_object(
        "",
        (
            "last_heard",
            "slo",
            "counters",
            "ping",
            "standing",
            "insights",
            "figures",
            "error_bar",
            "target_environment",
        ),
        kind={"const": KIND},
        schema_version={"type": "string", "pattern": rf"^{SCHEMA_VERSION.partition('.')[0]}\.\d+$"},
        version=_text("Of llmload"),
        verdict=_object(decision=_one_of(Decision), exit_status=_count()),
        scenario=_SCENARIO,
        started=_text("ISO 8601"),
        duration=_number("s, draining included"),
        workers=_count(),
        last_heard=_text("ISO 8601: this is a checkpoint of a run that had not ended; empty when it had"),
        interrupted=_text("Why someone stopped the run"),
        aborted=_text("Which objective or budget stopped it"),
        load=_LOAD,
        slo=_SLO,
        judgements=_list(_JUDGEMENT),
        validity=_object(level=_one_of(Level), reasons=_list(_REASON)),
        error_bar=_maybe(_ERROR_BAR) | {"description": "How exact the times are; null without a calibration"},
        counters=_list(_COUNTER),
        ping=_PINGED,
        notes=_list(_text()),
        environment=_map(_text(), "What made the load; an empty text is not known"),
        target_environment=_map(_map(_text()), "What each target told of itself before the run"),
        standing=_STANDING,
        insights=_list(_INSIGHT, "Derived, the gravest first; a checkpoint has none"),
        figures=_FIGURES,
        summary=_SUMMARY,
    ),
}
"""Draft 2020-12."""
