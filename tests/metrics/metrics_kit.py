"""Records as an engine would make them, and strategies for many of them."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from hypothesis import settings
from hypothesis import strategies as st

from llmload.metrics.recorder import RecorderSetup
from llmload.metrics.summary import PhaseInfo
from llmload.records import Api, Call, Outcome, Record, Usage

quick = settings(max_examples=50, deadline=None)
"""For property tests; a busy machine is no failure."""

MS = 1_000_000
S = 1_000 * MS
START = 1_000 * S
PHASES = (PhaseInfo("warm-up", 0.0, 10.0, measure=False), PhaseInfo("steady", 10.0, 60.0))
SETUP = RecorderSetup(
    start=START,
    phases=PHASES,
    objectives={"chat": {"ttft": 500 * MS}},
    prices={"main": (1.0, 2.0, 0.5, 0.001)},
    slice_tags=("tier",),
    stall=1 * S,
)


def record(
    at: float = 10.0,
    *,
    cls: str = "chat",
    target: str = "main",
    model: str = "small",
    phase: str = "steady",
    tags: tuple[tuple[str, str], ...] = (),
    outcome: Outcome = Outcome.OK,
    api: Api = Api.CHAT,
    stream: bool = True,
    ttft_ms: float = 100,
    gaps_ms: Sequence[float] = (20, 20),
    usage: Usage | None = None,
    input_tokens: int = 50,
    status: int = 200,
    detail: str = "",
    duration_ms: float = 300,
) -> Record:
    """A call planned at ``at`` seconds, sent 2 ms later; its first content comes ``ttft_ms`` after the plan.

    Without ``stream``, or with a negative ``ttft_ms``, there is no content and it ends after ``duration_ms``.
    """
    call = Call(0, cls, target, api, model, stream, input_tokens=input_tokens, tags=tags)
    made = Record(call, START + round(at * S), phase)
    made.dispatched = made.planned + 1 * MS
    made.connected = made.sent = made.planned + 2 * MS
    made.headers = made.planned + 50 * MS
    made.end = made.planned + round(duration_ms * MS)
    made.outcome, made.status, made.detail, made.reused = outcome, status, detail, True
    made.bytes_in, made.bytes_out = 1000, 200
    made.answer.usage = usage
    if stream and ttft_ms >= 0:
        stamp = made.planned + round(ttft_ms * MS)
        stamps = [stamp, *(stamp := stamp + round(gap * MS) for gap in gaps_ms)]
        made.answer.stamps = array("q", stamps)
        made.answer.first_output = stamps[0]
        made.last_content = stamps[-1]
        made.end = stamps[-1] + 1 * MS
    return made


_usage = st.none() | st.builds(
    Usage, input=st.integers(1, 9000), output=st.integers(0, 4000), cached=st.none() | st.integers(0, 5000)
)

records = st.builds(
    record,
    at=st.floats(0, 20_000).map(lambda at: round(at, 3)),
    cls=st.sampled_from(["chat", "embed"]),
    target=st.sampled_from(["main", "other"]),
    phase=st.sampled_from(["warm-up", "steady"]),
    tags=st.sampled_from([(), (("tier", "gold"),), (("tier", "free"), ("user", "7"))]),
    outcome=st.sampled_from(Outcome),
    stream=st.booleans(),
    ttft_ms=st.floats(-10, 5000),
    gaps_ms=st.lists(st.floats(0, 3000), max_size=12),
    usage=_usage,
    status=st.sampled_from([0, 200, 429, 503]),
    detail=st.sampled_from(["", "upstream 17 is gone", "upstream 4 is gone", "rate limited"]),
)
"""Calls of every kind, over a run long enough for windows to become wider."""
