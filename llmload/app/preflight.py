"""Before a run: do its targets answer, are the keys good, are there the models, are clocks sane and the machine quiet?

What can't work ends in an error that says what would; everything else is noted, and stands in the result. Nothing is
asked that costs money: the list of models where the API has one that tells of a key (``DialectKind.models``), else only
for a connection. It goes the way that the calls go, with the same transport and the same keys. The embedded simulator
is not looked at.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from threading import Thread
from typing import Final

from llmload.clock import wall_time
from llmload.dialects import DIALECTS
from llmload.dialects.error_body import describe_error_body
from llmload.dialects.model_list import Listed, ModelList
from llmload.errors import InterruptedRun, LlmloadError, UnreachableError, UsageError
from llmload.observe.machine import Glance
from llmload.records import Api, Call, WireRequest
from llmload.safe import clean
from llmload.scenario.plan import Plan, Target
from llmload.scenario.redact import names_credential
from llmload.scenario.suggest import listed, nearest
from llmload.transport.base import CallFailed, Transport
from llmload.transport.choice import open_transport
from llmload.transport.credentials import where_from
from llmload.transport.whole import Whole
from llmload.units import format_seconds, format_share
from llmload.verdict.levels import THRESHOLDS
from llmload.workload.dimensions import Value
from llmload.workload.spec import RequestClass

__all__ = ["preflight"]

_SIMULATED: Final = "sim:"
_SECONDS: Final = 5.0
"""For all answers of a target, once it is reached."""
_GLANCE_SECONDS: Final = 0.3
_LIMIT: Final = 8 * 2**20
_MOST_KEYS: Final = 8
_MOST_MODELS: Final = 16
_REFUSED: Final = frozenset({401, 403})
_NONE: Final = frozenset({404})
_NO_LIST: Final = frozenset({404, 405, 501})
_OF_A_MODEL: Final = frozenset({Api.CHAT, Api.COMPLETIONS, Api.EMBEDDINGS, Api.RERANK})
_CLOCKS_APART: Final = 5.0
"""Seconds: a Date header is of whole ones, and some time on its way."""
_COARSE: Final = 1e-5
_ANYWAY: Final = "--skip-preflight runs all the same"


def preflight(plan: Plan) -> tuple[str, ...]:
    """What there is to note. Raises UsageError (a key is refused, a model is missing), UnreachableError,
    InterruptedRun."""
    wanted = [_Wanted.of(plan, target) for target in plan.targets if not target.base_url.startswith(_SIMULATED)]
    if not wanted:
        return ()
    glance = Glance()
    found = _look_at_all(wanted)
    _raise([each for each in found if isinstance(each, BaseException)])
    notes = [note for each in found if not isinstance(each, BaseException) for note in each]
    return (*notes, *_clock(), *_company(glance))


def _raise(errors: Sequence[BaseException]) -> None:
    """All of them in one; that nobody answers weighs more than that somebody refuses."""
    ours = [each for each in errors if isinstance(each, LlmloadError)]
    for error in errors:
        if error not in ours:
            raise error
    if ours:
        gravest = next((each for each in ours if isinstance(each, UnreachableError)), ours[0])
        raise type(gravest)("\n".join(str(each) for each in ours))


# -- what a run asks of a target ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The ``models`` and the names of the ``keys`` that calls to a target use, but those that are to be refused;
    ``left``: what of them is not looked at, in words."""

    target: Target
    models: tuple[str, ...]
    keys: tuple[str, ...]
    left: tuple[str, ...] = ()

    @classmethod
    def of(cls, plan: Plan, target: Target) -> _Wanted:
        models: dict[str, None] = {}
        keys: dict[str, None] = {}
        for each in plan.classes:
            if target.name not in each.targets:
                continue
            if each.api in _OF_A_MODEL and not each.expect_status & _NONE:
                models |= dict.fromkeys(_used(each, "model", each.model, _NONE))
            if not each.expect_status & _REFUSED:
                keys |= dict.fromkeys(_used(each, "key", "", _REFUSED))
        named = tuple(name for name in models if name)
        return cls(target, named[:_MOST_MODELS], tuple(keys)[:_MOST_KEYS], _left_out(target, len(named), len(keys)))


def _left_out(target: Target, models: int, keys: int) -> tuple[str, ...]:
    """What is not looked at, in words."""
    counts = {"models": (models, _MOST_MODELS), "keys": (keys, _MOST_KEYS)}
    return tuple(
        f"target {target.name}: of {of} {what} the first {most} were looked for before the run"
        for what, (of, most) in counts.items()
        if of > most
    )


def _used(cls: RequestClass, what: str, own: str, refused: frozenset[int]) -> Iterator[str]:
    """The class's own, unless some dimension gives every call another; then those of dimensions."""
    values = [[value for value in each.values if _is_for(value, cls)] for each in cls.dimensions]
    if not any(each and all(getattr(value, what) for value in each) for each in values):
        yield own
    for each in values:
        yield from (named for value in each if not value.expect_status & refused and (named := getattr(value, what)))


def _is_for(value: Value, cls: RequestClass) -> bool:
    return not value.classes or cls.name in value.classes


# -- a target -------------------------------------------------------------------------------------------------


def _look_at_all(wanted: Iterable[_Wanted]) -> list[list[str] | BaseException]:
    """Notes or what went wrong, of each. In a thread: the caller's may have an event loop running, and Ctrl-C is not to
    wait for anything."""
    future: Future[list[list[str] | BaseException]] = Future()

    async def look() -> list[list[str] | BaseException]:
        return await asyncio.gather(*(_look_at(each) for each in wanted), return_exceptions=True)

    def run() -> None:
        try:
            future.set_result(asyncio.run(look()))
        except BaseException as error:
            future.set_exception(error)

    Thread(target=run, name="llmload-preflight", daemon=True).start()
    try:
        return future.result()
    except KeyboardInterrupt:
        raise InterruptedRun("Ctrl-C: the run had not begun, and nothing was sent") from None


async def _look_at(wanted: _Wanted) -> list[str]:
    """Notes. Raises UsageError, UnreachableError."""
    target, notes = wanted.target, list(wanted.left)
    transport, _ = open_transport([target])
    try:
        await transport.open({})
        models = DIALECTS[target.dialect].models
        if models is not None and wanted.keys:
            async with asyncio.timeout(_SECONDS):
                notes += await _Asking(transport, target, models).about(wanted)
    except TimeoutError:
        notes.append(f"{_named(target)} does not say within {_SECONDS:g} s what models it has")
    except CallFailed as failed:
        notes.append(f"{_named(target)} does not say what models it has: {transport.redact(failed.detail)}")
    finally:
        await transport.close()
    return notes


class _Asking:
    def __init__(self, transport: Transport, target: Target, models: ModelList) -> None:
        self._transport = transport
        self._target = target
        self._models = models
        call = Call(0, "preflight", target.name, Api.MODELS, "")
        self._request = target.speaks().request(call)

    async def about(self, wanted: _Wanted) -> list[str]:
        """Notes. Raises UsageError, CallFailed."""
        notes: list[str] = []
        answers = [await self._ask(self._models.whole(replace(self._request, key=key))) for key in wanted.keys]
        for key, answer in zip(wanted.keys, answers, strict=True):
            if answer.status in _REFUSED:
                raise self._refused(key, answer)
        first = answers[0]
        notes += _apart(self._target, first)
        if first.status == 200:
            found = self._models.read(bytes(first.data)) if self._models.place else None
            return notes if found is None else notes + await self._missing(found, wanted)
        if first.status not in _NO_LIST:
            why = f"HTTP {first.status}{self._said(first)}"
            notes.append(f"{_named(self._target)} does not say what models it has: {why}")
        return notes

    async def _ask(self, request: WireRequest) -> Whole:
        answer = Whole(_LIMIT)
        await self._transport.exchange(self._target.name, request, answer)
        return answer

    async def _missing(self, found: Listed, wanted: _Wanted) -> list[str]:
        """Notes about models that may not be there. Raises UsageError for one that is not."""
        absent = [model for model in wanted.models if found.names and not self._models.has(found, model)]
        if absent and found.takes_any:
            return [f"{_named(self._target)} answers with {listed(found.names)}, whatever model is asked for"]
        unsure = []
        for model in absent:
            alone = await self._alone(model, wanted.keys[0])
            if alone is False or (alone is None and not found.more):
                raise self._no_model(model, found.names)
            if alone is None:
                unsure.append(f"{_named(self._target)} does not say on the first page of its list if it has {model!r}")
        return unsure

    async def _alone(self, model: str, key: str) -> bool | None:
        """Whether the model has a page of its own; None where that says nothing."""
        if not self._models.single:
            return None
        answer = await self._ask(self._models.of(replace(self._request, key=key), model))
        return {200: True, 404: False}.get(answer.status)

    def _no_model(self, model: str, names: Sequence[str]) -> UsageError:
        near = nearest(model, names)
        meant = f"did you mean {near}? " if near else ""
        text = f"{_named(self._target)} has no model {clean(model, 120)!r}: {meant}it lists {listed(names)}"
        return UsageError(f"{self._transport.redact(text)}\n    {_ANYWAY}")

    def _refused(self, key: str, answer: Whole) -> UsageError:
        auth = self._target.keys[key] if key else self._target.auth
        said = f"HTTP {answer.status}{self._said(answer)}"
        if auth.kind == "none" and any(map(names_credential, self._target.headers)):
            return UsageError(f"{_named(self._target)} refuses what stands in headers: {said}\n    {_ANYWAY}")
        if auth.kind == "none":
            return UsageError(
                f"{_named(self._target)} wants a key: {said}\n"
                f'    give it one, as in api_key = {{ env = "OPENAI_API_KEY" }} or --api-key-env; {_ANYWAY}'
            )
        name = f" (api_keys.{key})" if key else ""
        return UsageError(
            f"{_named(self._target)} refuses the key from {where_from(auth)}{name}: {said}\n"
            f"    put the right one there; if it is right and just may not list models: {_ANYWAY}"
        )

    def _said(self, answer: Whole) -> str:
        words = self._transport.redact(describe_error_body(bytes(answer.data)))
        return f": {clean(words, 200)}" if words else ""


def _named(target: Target) -> str:
    return f"target {target.name} ({target.base_url})"


def _apart(target: Target, answer: Whole) -> Iterator[str]:
    """This machine's clock and that of the target."""
    try:
        there = parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
    except (TypeError, ValueError, OverflowError):
        return
    apart = wall_time() - there
    if abs(apart) > _CLOCKS_APART:
        how = f"{format_seconds(abs(apart))} {'ahead of' if apart > 0 else 'behind'}"
        yield (
            f"this machine's clock is {how} that of target {target.name} (its Date header): logs won't match, and"
            " signed requests may be refused; times are measured by another clock"
        )


# -- this machine ---------------------------------------------------------------------------------------------


def _clock() -> Iterator[str]:
    """What times are measured by."""
    info = time.get_clock_info("monotonic")
    if info.resolution > _COARSE:
        yield f"the clock that times are measured by has steps of {format_seconds(info.resolution)}"


def _company(glance: Glance) -> Iterator[str]:
    """Who else is busy here."""
    others, steal = glance.seen(_GLANCE_SECONDS)
    if others > THRESHOLDS["others_cpu"].suspect:
        used = f"before the run other programs used {format_share(round(others, 2))} of this machine"
        yield f"{used}; llmload calibrate --check says what that does"
    if steal > THRESHOLDS["steal"].suspect:
        yield f"before the run the hypervisor took {format_share(round(steal, 2))} of this machine's time"
