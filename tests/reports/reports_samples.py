"""Results made call by call through the real Recorder: the same ones every time."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache

from llmload.clock import NS
from llmload.metrics.observed import Observed
from llmload.metrics.ping import Address, Ping, Pinged, Trips
from llmload.metrics.probed import Answered, Probed, Stall
from llmload.metrics.recorder import Recorder, RecorderSetup
from llmload.metrics.summary import PhaseInfo, Summary, WorkerHealth
from llmload.records import Api, Call, Outcome, Record, Usage
from llmload.reports.result import LoadInfo, Result, ScenarioInfo
from llmload.tracing import Tracing
from llmload.verdict.judge import judge
from llmload.verdict.objectives import parse_objective
from llmload.verdict.validity import Level, RunFacts, Validity, validity

START = 5_000 * NS
PHASES = (PhaseInfo("warm-up", 0.0, 5.0, measure=False), PhaseInfo("steady", 5.0, 45.0), PhaseInfo("spike", 45.0, 60.0))
HOSTILE = (
    "\x1b[31m\x1b[2Jpwned\x1b]0;title\x07 [red]markup[/red] [link=http://evil]x[/link] \x9b31m\x85 \u202egnp.exe\u202c"
    "\u2066\u200b" + "\n" * 500 + "tail \ud800 \x00\x07 <script>alert(1)</script>"
)
OBJECTIVES = (
    parse_objective("ttft.p95 < 500ms"),
    parse_objective("ttft.p95{class=chat} < 200ms", says="chat users would notice"),
    parse_objective("errors.rate < 0.5%", window=10.0, abort=True, says="the target sheds load"),
    parse_objective("latency.p99.9 < 30s"),
    parse_objective("rate.achieved >= 95%"),
    parse_objective("ttft.p95{tier=platinum} < 1s"),
)
TRACING = Tracing(0.5, 7)
FACTS = RunFacts(workers=2, cpus=8, max_in_flight=400, duration=60.0, objectives=OBJECTIVES, demo=True)


def ns(seconds: float) -> int:
    return round(seconds * NS)


def _call(rng: random.Random, index: int, at: float, phases: tuple[PhaseInfo, ...] = PHASES) -> Record:
    embed = rng.random() < 0.25
    cls, api = ("embed", Api.EMBEDDINGS) if embed else ("chat", Api.CHAT)
    phase = next(phase.name for phase in phases if phase.start <= at < phase.end)
    tags = (("tier", rng.choice(["free", "gold"])),)
    call = Call(index, cls, "main", api, f"{cls}-model", stream=not embed, input_tokens=rng.randint(10, 150), tags=tags)
    record = Record(call, START + ns(at), phase)
    record.dispatched = record.planned + ns(rng.uniform(0.0001, 0.0008))
    record.connected = record.sent = record.dispatched + ns(0.0002)
    record.reused = True
    record.headers = record.first_byte = record.sent + ns(rng.uniform(0.03, 0.08))
    record.bytes_out, record.bytes_in, record.status = 400, 0, 200
    record.request_id, record.trace = f"req_{index:08d}", TRACING.traceparent(index)
    return record


def _finish(rng: random.Random, record: Record) -> None:
    record.outcome = Outcome.OK
    if record.call.api is Api.EMBEDDINGS:
        record.end = record.headers + ns(rng.uniform(0.001, 0.02))
        record.answer.usage = Usage(record.call.input_tokens, 0)
        record.bytes_in = 9_000
        return
    t = record.headers + ns(rng.uniform(0.01, 0.15))
    for _ in range(rng.randint(20, 60)):
        record.answer.stamps.append(t)
        t += ns(rng.uniform(0.008, 0.030) if rng.random() < 0.9998 else 1.5)
    record.last_content = record.end = record.answer.stamps[-1]
    record.answer.usage = Usage(record.call.input_tokens, len(record.answer.stamps)) if rng.random() < 0.98 else None
    record.bytes_in = 200 * len(record.answer.stamps)


def _fail(record: Record, outcome: Outcome, status: int, detail: str, after: float = 0.05) -> None:
    record.outcome, record.status, record.detail = outcome, status, detail
    record.end = record.sent + ns(after)


@cache
def summary() -> Summary:
    """A minute at 20 calls/s with a warm-up, a spike in which calls fail, two classes, two tiers and two workers."""
    rng = random.Random(7)
    prices = {"main": (0.15, 0.60, 0.075, 0.0)}
    setup = RecorderSetup(START, PHASES, {"chat": {"ttft": ns(0.2)}}, prices, ("tier",))
    workers = [Recorder(replace(setup, worker=n)) for n in range(2)]
    for index in range(1200):
        recorder, at = workers[index % 2], index / 20
        record = _call(rng, index, at)
        recorder.planned(record.planned)
        recorder.sent(record.sent)
        recorder.in_flight(9 + index % 5, record.sent)
        spiking = record.phase == "spike"
        if spiking and index % 20 == 0:
            _fail(record, Outcome.HTTP_5XX, 503, f'{{"error": "no capacity for request req_{index:08d}abcdef"}}')
        elif spiking and index % 33 == 0:
            _fail(record, Outcome.HTTP_429, 429, "Rate limit reached, retry in 2 s")
        elif index == 1199:
            record.outcome, record.end = Outcome.UNFINISHED, START + ns(64.0)
        else:
            _finish(rng, record)
        recorder.add(record)
    for n, recorder in enumerate(workers):
        recorder.health(_health(n))
    whole = workers[0].take()
    whole.merge(workers[1].take())
    return whole


def _health(worker: int) -> WorkerHealth:
    health = WorkerHealth(worker, fds=60, fd_limit=1024, rss=95 * 2**20, connections_opened=40, max_in_flight=13)
    health.loop_lag.record([150, 200, 250, 900])
    health.gc_pause.record([80])
    for share in (0.41, 0.62 + worker / 10):
        health.cpu.add(share)
    health.fallback = "direct"
    return health


@cache
def result() -> Result:
    """A demonstration run that misses some of its objectives."""
    whole = summary()
    return Result(
        version="0.1.0",
        scenario=ScenarioInfo(
            "peak", "Does it hold the peak?", "", True, "ab12", {"arrivals": 1, "mix": 2, "prompts": 3}
        ),
        started="2026-03-01T12:00:00Z",
        duration=64.0,
        summary=whole,
        validity=validity(whole, FACTS),
        judgements=tuple(judge(OBJECTIVES, whole)),
        load=LoadInfo("open", 60.0, 20.0, 20.0, 1200.0, 0.0, 400, "queue"),
        workers=2,
        environment={"python": "3.13.1", "platform": "Linux"},
        notes=("demonstration size: a tenth of the rate, a hundredth of the time",),
        ping={"main": Pinged(_ping(0.011), _ping(0.013))},
    )


def _ping(seconds: float) -> Ping:
    found = Trips(5, 1, seconds / 2, seconds, 2 * seconds, 2 * seconds, seconds / 10)
    addresses = (Address("192.0.2.1", True), Address("2001:db8::1", False, "no answer within 1 s"))
    return Ping("host.example:443", addresses, tls="TLSv1.3 AES", asked="HEAD /v1", status=401, steps={"tcp": found})


@cache
def overloaded() -> Result:
    """Three steps, the last of which breaks: an insight to be shown."""
    steps = tuple(PhaseInfo(f"step-{n}", 10.0 * n, 10.0 * n + 10.0) for n in range(3))
    recorder = Recorder(RecorderSetup(START, steps))
    rng = random.Random(3)
    for n, step in enumerate(steps):
        for index in range(100 * (n + 1)):
            record = _call(rng, index, step.start + 10 * index / (100 * n + 100), steps)
            recorder.planned(record.planned)
            if n == 2 and index % 4 == 0:
                _fail(record, Outcome.HTTP_503, 503, "no capacity")
            else:
                _finish(rng, record)
            recorder.add(record)
    whole = recorder.take()
    whole.observed["server"] = _seen()
    whole.observed["health"] = _probed()
    return Result(
        "0.1.0", ScenarioInfo("stress"), "2026-03-01T12:00:00Z", 30.0, whole, Validity(Level.VALID),
        tuple(judge([parse_objective("errors.rate < 5%")], whole)), LoadInfo("open", 30.0, 30.0, 20.0, 600.0),
    )  # fmt: skip


def _seen() -> Observed:
    """A process that grows, and is gone at last."""
    found = Observed("process 4711", missing={"fds": "no permission to see it"}, ended=[28.5], trouble="it has ended")
    found.samples("memory").read(-1, 200 * 2**20)
    for at in range(28):
        found.samples("memory").read(at, (210 + 5 * at) * 2**20)
        found.samples("threads").read(at, 12)
        for name, value in (("cpu", 0.3), ("cores", 2.4), ("written", 4096.0 * at), ("read", 0.0)):
            found.samples(name).lasted(at, at + 1, value)
    return found


def _probed() -> Observed:
    """Probes of a server that stands still twice, once for a second, and loses one."""
    found = Observed("20 probes/s of /health at 127.0.0.1:8000", probed=Probed(20.0, 0.1))
    answers = [Answered(n / 20, 0.002 + n % 7 / 1e4, 0.0002, lost=n == 420) for n in range(600)]
    answers[200:220] = [Answered(n / 20, 11.0 - n / 20, 0.004) for n in range(200, 220)]
    for each in answers:
        found.samples("probe").read(each.at, each.seconds)
    assert found.probed is not None
    found.probed.take(answers)
    found.probed.stalled(Stall(10.0, 1.0, before=0.0479, own=0.004))
    found.probed.stalled(Stall(20.0, 0.25, before=0.012))
    found.probed.doubtful = 2
    return found


def empty() -> Result:
    """Nothing was sent at all."""
    return Result("0.1.0", ScenarioInfo("empty"), "", 0.0, Summary(), Validity(Level.VALID))


def interrupted() -> Result:
    """Stopped by hand before anything was measured."""
    recorder = Recorder(RecorderSetup(START, PHASES))
    recorder.planned(START)
    summary = recorder.take()
    facts = replace(FACTS, interrupted="Ctrl-C")
    return Result(
        "0.1.0", ScenarioInfo("peak"), "2026-03-01T12:00:00Z", 1.0, summary, validity(summary, facts),
        tuple(judge(OBJECTIVES, summary)), interrupted="Ctrl-C",
    )  # fmt: skip


@cache
def hostile() -> Result:
    """Every text that comes from outside tries to break out."""
    recorder = Recorder(
        RecorderSetup(START, (PhaseInfo(HOSTILE, 0.0, 10.0), PhaseInfo("b", 10.0, 20.0)), slice_tags=(HOSTILE,))
    )
    for n in range(40):
        call = Call(n, HOSTILE if n % 2 else "chat", HOSTILE, Api.CHAT, HOSTILE, tags=((HOSTILE, f"{n}{HOSTILE}"),))
        record = Record(call, START + ns(n / 2), HOSTILE if n < 20 else "b")
        record.dispatched = record.sent = record.planned + 1000
        record.request_id, record.trace = f"{n}{HOSTILE}", f"{n}{HOSTILE}"
        _fail(record, Outcome.HTTP_5XX, 500, f"{chr(97 + n % 26) * 3} {HOSTILE}")
        recorder.planned(record.planned)
        recorder.add(record)
    recorder.health(WorkerHealth(0, fallback=HOSTILE))
    summary = recorder.take()
    summary.observed[HOSTILE] = Observed(HOSTILE, missing={HOSTILE: HOSTILE}, trouble=HOSTILE)
    summary.observed[HOSTILE].samples("memory").read(1, 5.0)
    objective = parse_objective("errors.rate < 1%", says=HOSTILE)
    facts = RunFacts(aborted=HOSTILE)
    return Result(
        HOSTILE, ScenarioInfo(HOSTILE, HOSTILE, HOSTILE), HOSTILE, 20.0, summary, validity(summary, facts),
        tuple(judge([objective], summary)), aborted=HOSTILE, environment={"host": HOSTILE}, notes=(HOSTILE,),
        ping={HOSTILE: Pinged(Ping(HOSTILE, (Address(HOSTILE, trouble=HOSTILE),), HOSTILE, HOSTILE, trouble=HOSTILE))},
    )  # fmt: skip
