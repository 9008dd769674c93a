"""A made-up run, the same every time, folded by the real Recorder: what the dashboard's tests draw."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator
from functools import lru_cache

from llmload.arrivals.composed import Sequence
from llmload.arrivals.curves import Constant, Curve, Ramp, Spike
from llmload.clock import NS
from llmload.dashboard.view import Frame
from llmload.metrics.health import WorkerHealth
from llmload.metrics.recorder import Recorder, RecorderSetup
from llmload.metrics.summary import PhaseInfo, Summary
from llmload.records import Api, Call, Outcome, Record, Usage
from llmload.verdict.judge import judge
from llmload.verdict.objectives import parse_objective
from llmload.verdict.validity import RunFacts, validity

MS = NS // 1000
START = 1_000 * NS
PHASES = (
    PhaseInfo("warm-up", 0, 15, measure=False),
    PhaseInfo("baseline", 15, 60),
    PhaseInfo("spike", 60, 120),
    PhaseInfo("recovery", 120, 180),
)
DURATION = 180.0
CURVE: Curve = Sequence(
    (Ramp(0, 30, 15), Constant(30, 45), Spike(30, 90, at=15, width=20, duration=60), Constant(30, 60))
)
Classes = dict[str, tuple[float, Api, int, int]]
"""Weight, API, tokens of the prompt, chunks of the answer."""
CLASSES: Classes = {
    "chat-short": (0.6, Api.CHAT, 60, 8),
    "summarise": (0.25, Api.CHAT, 260, 40),
    "embed-batch": (0.15, Api.EMBEDDINGS, 20, 0),
}
OBJECTIVES = tuple(
    parse_objective(rule)
    for rule in (
        "ttft.p95 < 500ms",
        "itl.p99 < 30ms",
        "errors.rate < 0.5%",
        "latency.p99{class=chat-short} < 3s",
        "rate.achieved >= 99%",
    )
)


def record(index: int, at: float, rng: random.Random, crowd: float, classes: Classes = CLASSES) -> Record:
    """One finished call planned at ``at`` seconds; ``crowd`` slows the target down and makes it fail."""
    name = rng.choices(list(classes), [weight for weight, *_ in classes.values()])[0]
    _, api, prompt, chunks = classes[name]
    call = Call(index, name, "main", api, "sim-model", stream=chunks > 0, input_tokens=prompt)
    made = Record(call, START + int(at * NS), next(p.name for p in reversed(PHASES) if at >= p.start))
    made.dispatched = made.connected = made.planned + rng.randrange(20_000, 400_000)
    made.reused = True
    made.sent = made.dispatched + 30_000
    made.headers = made.first_byte = made.sent + int(rng.gauss(90 + prompt / 4, 8) * MS * crowd)
    made.bytes_in, made.bytes_out, made.status = 4_000, 400, 200
    made.outcome = Outcome.OK
    t = made.headers + 2 * MS
    for _ in range(rng.randint(chunks // 2, chunks * 2) if chunks else 0):
        made.answer.stamps.append(t)
        t += int(rng.gauss(12, 1.5) * MS * crowd)
    made.answer.usage = Usage(input=prompt, output=len(made.answer.stamps) or None)
    made.last_content = made.answer.stamps[-1] if made.answer.stamps else 0
    made.end = (made.last_content or t) + MS
    if rng.random() < 0.02 * (crowd - 1):
        made.outcome, made.status, made.detail = (
            Outcome.HTTP_5XX,
            503,
            f"queue is full: {rng.randint(100, 999)} waiting",
        )
        made.answer.stamps = made.answer.stamps[:0]
    elif rng.random() < 0.004 * (crowd - 1):
        made.outcome, made.detail = Outcome.TRUNCATED, "the stream ended without [DONE]"
    return made


def health(worker: int, at: float, rng: random.Random) -> WorkerHealth:
    """One second of a worker that is doing well."""
    sample = WorkerHealth(
        worker, fds=80 + int(at), fd_limit=65_536, rss=90 << 20, max_in_flight=int(30 + at / 2), fallback="direct"
    )
    sample.loop_lag.record([rng.randrange(50, 900) for _ in range(20)])
    sample.gc_pause.record([rng.randrange(10, 90)])
    sample.cpu.add(0.2 + CURVE.rate(at) / 400)
    return sample


def summaries(
    until: float = DURATION, every: float = 0.5, workers: int = 1, classes: Classes = CLASSES
) -> Iterator[tuple[float, int, Summary]]:
    """(seconds, calls in flight, everything so far), twice a second of the made-up run."""
    rng = random.Random(7)
    recorder = Recorder(RecorderSetup(START, PHASES))
    total = Summary()
    flying: list[tuple[int, int, Record]] = []
    planned, index, step = 0.0, 0, 0.05
    for tick in range(round(until / step)):
        at = tick * step
        now = START + int(at * NS)
        planned += CURVE.rate(at) * step * rng.uniform(0.6, 1.4)
        while planned >= 1:
            planned -= 1
            crowd = max(1.0, len(flying) / 18)
            call = record(index, at + rng.random() * step, rng, crowd, classes)
            recorder.planned(call.planned)
            recorder.sent(call.sent)
            heapq.heappush(flying, (call.end, index, call))
            index += 1
        while flying and flying[0][0] <= now:
            recorder.add(heapq.heappop(flying)[2])
        recorder.in_flight(len(flying), now)
        if tick % 20 == 0:
            for worker in range(workers):
                recorder.health(health(worker, at, rng))
        if tick % round(every / step) == 0:
            total.merge(recorder.take())
            yield at, len(flying), total
    total.merge(recorder.take())
    yield until, len(flying), total


def frame_of(at: float, in_flight: int, summary: Summary) -> Frame:
    """The Frame that an app would make of it."""
    return Frame(
        title="peak hour",
        target="http://127.0.0.1:8000/v1 (openai)",
        summary=summary,
        phase=next(phase.name for phase in reversed(PHASES) if at >= phase.start),
        elapsed=at,
        duration=DURATION,
        planned_rate=CURVE.rate,
        in_flight=in_flight,
        judgements=tuple(judge(OBJECTIVES, summary)),
        validity=validity(summary, RunFacts(duration=DURATION)),
        messages=("requests go to calls.jsonl",),
    )


@lru_cache
def frame_at(at: float, workers: int = 1) -> Frame:
    """The made-up run after ``at`` seconds; its Summary is shared, so leave it as it is."""
    *_, last = summaries(until=at, every=at, workers=workers)
    return frame_of(*last)
