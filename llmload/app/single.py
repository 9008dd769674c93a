"""One call, looked at closely: what ``--debug`` shows, and how ``bench`` finds a model to ask for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import orjson

from llmload.clock import monotonic_ns
from llmload.engine.call import CallRun, Deadlines, Prepared
from llmload.errors import UsageError
from llmload.records import Answer, Api, Call, Outcome, Record, WireRequest
from llmload.scenario.plan import Plan, Target
from llmload.transport.choice import open_transport
from llmload.workload.workload import Workload

__all__ = ["Single", "first_model", "make_one_call"]

_KEPT_BYTES = 64 * 1024


@dataclass(slots=True)
class Single:
    """Both sides of one exchange. ``pieces``: (ns after sending, bytes) of each read of the body, bounded."""

    request: WireRequest
    record: Record
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: list[tuple[int, bytes]] = field(default_factory=list)
    cut: bool = False

    def hide(self, redact: Callable[[str], str]) -> None:
        """Strike the key out of what the server sent; some repeat it."""
        self.headers = {name: redact(value) for name, value in self.headers.items()}
        self.pieces = [(at, redact(data.decode("latin-1")).encode("latin-1")) for at, data in self.pieces]


class _Watched(CallRun):
    """A call that also keeps what came in."""

    def __init__(self, prepared: Prepared, single: Single, *rest: object) -> None:
        super().__init__(prepared, *rest)  # type: ignore[arg-type]
        self._single = single

    def head(self, t: int, status: int, headers: Mapping[str, str]) -> None:
        self._single.headers = dict(headers)
        super().head(t, status, headers)

    def template(self) -> None:
        """Every read is to be shown, so none may be skipped."""

    def body(self, t: int, data: bytes) -> None:
        kept = sum(len(piece) for _, piece in self._single.pieces)
        if kept + len(data) <= _KEPT_BYTES:
            self._single.pieces.append((t - self.record.sent, data))
        else:
            self._single.cut = True
        super().body(t, data)


def make_one_call(plan: Plan) -> Single:
    """Make the first call of ``plan`` and show it. Raises UnreachableError, UsageError."""
    return asyncio.run(_one(plan, Workload(plan.classes, plan.seeds.mix, plan.seeds.prompts).call(0)))


async def _one(plan: Plan, call: Call) -> Single:
    transport, _ = open_transport(plan.targets)
    speaks = plan.target(call.target).speaks()
    record = Record(call, monotonic_ns(), "debug")
    record.answer = Answer(keep_text=True)
    single = Single(speaks.request(call), record)
    try:
        await transport.open({})
        trace = "" if plan.tracing is None else plan.tracing.of_new_run().traceparent(call.index)
        prepared = Prepared(record, single.request, speaks, trace=trace)
        watched = _Watched(prepared, single, transport, Deadlines.of(plan.limits), monotonic_ns)
        await watched.run()
        single.hide(transport.redact)
    finally:
        await transport.close()
    return single


def first_model(target: Target) -> str:
    """The first model the target lists. Raises UnreachableError, or UsageError where it lists none."""
    call = Call(0, "models", target.name, Api.MODELS, "")
    plan = Plan(
        name="models", description="", targets=(target,), classes=(), load=None, phases=(),  # type: ignore[arg-type]
    )  # fmt: skip
    single = asyncio.run(_one(plan, call))
    try:
        listed = orjson.loads(b"".join(piece for _, piece in single.pieces))["data"]
        return str(listed[0]["id"])
    except (orjson.JSONDecodeError, LookupError, TypeError):
        outcome = single.record.outcome
        why = f"its list can't be had ({single.record.detail})" if outcome is not Outcome.OK else "it lists none"
        raise UsageError(f"which model? {target.base_url} was asked and {why}; name one with --model") from None
