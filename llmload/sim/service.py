"""The simulated service: HTTP requests in, answers out, in no particular transport. Pure; time and timers are given.

Which paths there are and how answers look is said by ``llmload.sim.formats``, one API each. The order of checks is that
of real gateways: path, key, rate limit, body, model, context length, room in the queue. Faults strike after the checks,
so that a 401 stays a 401.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import orjson

from llmload.clock import NS, Clock
from llmload.sim.answers import JSON, Answer, Body, Reply
from llmload.sim.auth import AuthStore
from llmload.sim.cache import PrefixCache, kept
from llmload.sim.faults import Drop, Script, Slow
from llmload.sim.formats import FORMATS, Format, Found, find
from llmload.sim.formats.base import bearer
from llmload.sim.limiter import Bucket
from llmload.sim.model import Batch, CallAt, Embedder, Sequence
from llmload.sim.requests import CONTEXT_LENGTH, Refused, TextJob
from llmload.sim.spec import KeySpec, SimSpec
from llmload.sim.streams import Stream
from llmload.sim.telemetry import CONTENT_TYPE, Telemetry
from llmload.sim.text import draw, tag
from llmload.sim.truth import Truth

__all__ = ["Service", "SimRequest", "SocketManner"]

_NOWHERE: Final = Found("")
_OPEN: Final = frozenset({"health", "metrics"})
"""Routes that need no key, count as no request, and are never at fault."""
_ID_LENGTH: Final = 128


@dataclass(frozen=True, slots=True)
class SimRequest:
    """A request as it came in; ``headers`` by lower-case name."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class SocketManner:
    """How one socket departs from a good one: seconds before each reply; the message at which it closes, and how."""

    delay: float = 0.0
    drop_after: int | None = None
    code: int = 1011
    reason: str = ""


@dataclass(slots=True)
class _Visit:
    """A request on its way through the checks."""

    request: SimRequest
    reply: Reply
    truth: Truth
    headers: list[tuple[str, str]]
    format: Format = FORMATS[0]
    found: Found = _NOWHERE
    key: str = ""

    @property
    def route(self) -> str:
        return self.found.route


class Service:
    """One simulated service.

    ``now`` is its clock (ns), ``call_at`` sets a timer on it; ``epoch`` is the Unix time at the clock's zero, for
    ``created`` fields. ``log`` gets the ``Truth`` of each request when it ends.
    """

    def __init__(
        self,
        spec: SimSpec,
        now: Clock,
        call_at: CallAt,
        *,
        epoch: float = 1.7e9,
        log: Callable[[Truth], None] | None = None,
    ) -> None:
        self.spec: Final = spec
        self.now: Final = now
        self.call_at: Final = call_at
        self.batch: Final = Batch(spec, now, call_at)
        self.embedder: Final = Embedder(spec, now, call_at)
        self._cache: Final = PrefixCache(spec.prompt_cache)
        self.active = 0
        """Requests received and not yet over."""
        self._epoch: Final = epoch
        self._log: Final = log
        self._telemetry: Final = Telemetry(spec.models[0])
        self._buckets: Final = {
            key: Bucket(settings.rate, settings.burst) for key, settings in spec.keys.items() if settings.rate
        }
        self._auth: Final = AuthStore(spec.auth, now, call_at) if spec.auth is not None else None
        self._count = 0
        self._begun: int | None = None
        self._last_tag = tag("")
        self._handlers: Final[Mapping[str, Callable[[_Visit], Answer]]] = {
            "chat": self._text,
            "completions": self._text,
            "embeddings": self._embeddings,
            "rerank": self._embeddings,
            "models": self._models,
            "echo": self._echo,
            "health": self._health,
            "metrics": self._metrics,
        }

    def begin(self, at: int) -> None:
        """The run begins at ``at`` (ns): the windows of faults count from there."""
        self._begun = at

    def handle(self, request: SimRequest, reply: Reply) -> Callable[[], None]:
        """Answer a request into ``reply``, now and later. Call the result when the client has gone."""
        truth = Truth(self._count, self.now())
        visit = _Visit(request, reply, truth, [])
        self.active += 1
        try:
            self._find(visit)
        except Refused as why:
            return self._refused(visit, why).cancel
        if self._auth is None or visit.route in _OPEN:
            return self._answer(visit).cancel
        return self._look_up(self._auth, visit)

    def _answer(self, visit: _Visit) -> Answer:
        """The path is known, and so is whether the key is."""
        try:
            if visit.route not in _OPEN:
                self._admit(visit)
            return self._handlers[visit.route](visit)
        except Refused as why:
            return self._refused(visit, why)

    def _look_up(self, store: AuthStore, visit: _Visit) -> Callable[[], None]:
        """Answer when the key has been looked up. Returns what to call when the client has gone."""
        answers: list[Answer] = []
        script = Script()
        key = visit.format.key(visit.request.headers, visit.request.path.partition("?")[2])
        self._plant(script, visit, key, "")
        why = Refused(
            503, "The key could not be looked up: no connection in time.", kind="server_error", code="auth_pool"
        )
        lookup = store.ask(
            script.lookup,
            script.leaks,
            lambda: answers.append(self._answer(visit)),
            lambda: answers.append(self._refused(visit, why)),
        )

        def gone() -> None:
            lookup.cancel()
            (answers[0] if answers else self._body(visit)).cancel()

        return gone

    def _refused(self, visit: _Visit, why: Refused) -> Answer:
        answer = self._body(visit)
        self._refuse(answer, why)
        return answer

    def socket(self, headers: Mapping[str, str]) -> SocketManner | None:
        """A client asks for a WebSocket; None: its key is wrong. ``active`` is to be lowered when it has gone."""
        now, key = self.now(), bearer(headers)
        if self.spec.keys and key not in self.spec.keys:
            return None
        self.active += 1
        self._count += 1
        if self._begun is None:
            self._begun = now
        manner, tenant = SocketManner(), self.spec.keys[key].tenant if self.spec.keys else ""
        for number, fault in enumerate(self.spec.faults):
            applies = fault.active((now - self._begun) / NS) and fault.matches("socket", key, tenant, "")
            if not applies or draw(self.spec.seed, "fault", number, self._count) >= fault.rate:
                continue
            if isinstance(fault, Slow):
                manner = replace(manner, delay=manner.delay + fault.first)
            elif isinstance(fault, Drop):
                manner = replace(manner, drop_after=fault.after, code=fault.code, reason=fault.reason)
        return manner

    def _refuse(self, answer: Body, why: Refused) -> None:
        if why.error["code"] != CONTEXT_LENGTH or self.spec.too_long == "400":
            answer.refused(why)
        elif self.spec.too_long == "empty":
            answer.blank()
        else:
            answer.refused(Refused(500, "Internal server error", kind="server_error"))

    # Checks.

    def _find(self, visit: _Visit) -> None:
        request, truth = visit.request, visit.truth
        path, _, query = request.path.partition("?")
        visit.format, found = find(path.rstrip("/"), query)
        visit.found = found or visit.found
        given = request.headers.get("x-request-id", "")
        truth.route = visit.route
        truth.id = given if _is_id(given) else f"req-{int(draw(self.spec.seed, 'id', truth.index) * 16**12):012x}"
        visit.headers += [("x-request-id", truth.id), ("server", self.spec.name)]
        if found is None:
            raise Refused(404, f"Invalid URL ({request.method} {request.path[:200]})", code="unknown_url")
        if request.method != found.method:
            allow = (("allow", found.method),)
            raise Refused(405, f"Not allowed to {request.method[:20]} on {path[:200]}.", headers=allow)
        if found.route not in _OPEN:
            self._count += 1
            if self._begun is None:
                self._begun = truth.received

    def _admit(self, visit: _Visit) -> None:
        """Key and rate limit."""
        if not self.spec.keys:
            return
        settings = self._identify(visit)
        visit.truth.tenant = settings.tenant
        bucket = self._buckets.get(visit.key)
        if bucket is None:
            return
        wait = bucket.take(visit.truth.received)
        visit.headers += bucket.headers()
        if wait:
            raise self._limited(visit, wait)

    def _identify(self, visit: _Visit) -> KeySpec:
        visit.key = visit.format.key(visit.request.headers, visit.request.path.partition("?")[2])
        settings = self.spec.keys.get(visit.key)
        if settings is None:
            message = "Incorrect API key provided." if visit.key else "You didn't provide an API key."
            raise Refused(401, message, code="invalid_api_key", headers=(("www-authenticate", "Bearer"),))
        return settings

    def _limited(self, visit: _Visit, wait: float) -> Refused:
        script = self._script(visit, "")
        if script.limited != 429:
            visit.truth.faults.append("rate-limit-500")
            return Refused(script.limited, "The server had an error.", kind="server_error")
        retry = (("retry-after", str(math.ceil(wait))), ("retry-after-ms", str(math.ceil(wait * 1000))))
        message = f"Rate limit reached for requests. Please try again in {wait:.3f}s."
        return Refused(429, message, kind="requests", code="rate_limit_exceeded", headers=retry)

    def _script(self, visit: _Visit, model: str) -> Script:
        """What the faults make of this request."""
        script = Script()
        self._plant(script, visit, visit.key, model)
        if names := self.spec.instances:
            drawn = int(draw(self.spec.seed, "instance", visit.truth.index) * len(names))
            taken = drawn if script.instance is None else script.instance % len(names)
            visit.headers.append(("x-served-by", names[taken]))
        return script

    def _plant(self, script: Script, visit: _Visit, key: str, model: str) -> None:
        truth = visit.truth
        tenant = truth.tenant or (self.spec.keys[key].tenant if key in self.spec.keys else "")
        t = (truth.received - (self._begun or 0)) / NS
        for number, fault in enumerate(self.spec.faults):
            if not fault.active(t) or not fault.matches(visit.route, key, tenant, model, visit.request.headers):
                continue
            if fault.rate == 1 or draw(self.spec.seed, "fault", number, truth.index) < fault.rate:
                fault.plant(script)

    def _overloaded(self) -> Refused:
        return Refused(
            503, "The server is overloaded.", kind="server_error", code="overloaded", headers=(("retry-after", "1"),)
        )

    # Routes.

    def _body(self, visit: _Visit, build: Callable[[bool], bytes] = lambda foreign: b"", tokens: int = 0) -> Body:
        return Body(self, visit.reply, visit.truth, visit.headers, visit.format, build, tokens)

    def _text(self, visit: _Visit) -> Answer:
        truth = visit.truth
        job = visit.format.text(visit.found, visit.request.body, truth.id, self.spec)
        truth.model, truth.prompt_tokens = job.model, sum(job.prompts)
        script = self._script(visit, job.model)
        script.first += script.reading_time(truth.prompt_tokens)
        job = self._recall(visit, job, script)
        tagged, foreign = tag(truth.id), self._last_tag
        self._last_tag = tagged
        frames = visit.format.frames(visit.found, job, tagged, self._created(truth.received))
        answer: Stream | Body
        if job.stream:
            answer = Stream(self, visit.reply, truth, visit.headers, visit.format, frames, foreign)
        else:
            answer = self._body(visit, lambda swapped: frames.document(foreign if swapped else ""), sum(job.lengths))

        def submit() -> None:
            if self.batch.full():
                raise self._overloaded()
            if job.stream and self.spec.headers == "early":
                answer.open()
            self._submit(job, answer, self._rank(visit))

        answer.begin(script, submit)
        return answer

    def _recall(self, visit: _Visit, job: TextJob, script: Script) -> TextJob:
        """What the prompt cache knows of the prompts; the answer's head says whether it helped."""
        if not self.spec.prompt_cache:
            return job
        read = [0 if script.cold else self._cache.read(job.model, text) for text in job.texts]
        cached = tuple(min(known, tokens - 1) for known, tokens in zip(read, job.prompts, strict=False))
        visit.headers.append(("x-cache", "hit" if any(cached) else "miss"))
        if script.cold:
            visit.truth.faults.append("cold-cache")
        new = zip(job.texts, job.prompts, cached, strict=False)
        stored = 0 if script.cold else sum(min(kept(text), tokens) - known for text, tokens, known in new)
        return replace(job, cached=cached, stored=max(0, stored))

    def _submit(self, job: TextJob, answer: Stream | Body, rank: int) -> None:
        """Give the choices to the model; only the first of each prompt has the prompt to work on."""
        answer.finish = job.finish(0)
        answer.sequences = []
        for choice, length in enumerate(job.lengths):
            prompt, again = divmod(choice, job.n)
            cached = job.cached[prompt] if job.cached and not again else 0
            answer.sequences.append(Sequence(0 if again else job.prompts[prompt], length, answer.made, choice, cached))
        for seq in answer.sequences:
            seq.rank = rank
            self.batch.submit(seq)

    def _rank(self, visit: _Visit) -> int:
        """0 for the first of the priorities; what names none of them comes last."""
        order = self.spec.priorities
        given = visit.request.headers.get("x-priority", "")
        return order.index(given) if given in order else len(order)

    def _embeddings(self, visit: _Visit) -> Answer:
        truth = visit.truth
        job = visit.format.embeddings(visit.found, visit.request.body, self.spec)
        truth.model, truth.prompt_tokens = job.model, job.tokens
        answer = self._body(visit, lambda swapped: visit.format.vectors(visit.found, job, int(swapped)))

        def submit() -> None:
            if self.embedder.full():
                raise self._overloaded()
            answer.leave = self.embedder.submit(job.tokens, answer.ready)

        answer.begin(self._script(visit, job.model), submit)
        return answer

    def _models(self, visit: _Visit) -> Answer:
        name = visit.found.name
        if name and name not in self.spec.models:
            message = f"The model '{name[:200]}' does not exist."
            raise Refused(404, message, param="model", code="model_not_found")
        document = visit.format.models(visit.found, self.spec.models, self._created(0))
        answer = self._body(visit, lambda swapped: document)
        answer.begin(self._script(visit, name), answer.ready)
        return answer

    def _echo(self, visit: _Visit) -> Answer:
        """What came in, as JSON."""
        request = visit.request
        said = {"method": request.method, "path": request.path, "body": request.body.decode("utf-8", "replace")}
        answer = self._body(visit, lambda swapped: orjson.dumps(said))
        answer.begin(self._script(visit, ""), answer.ready)
        return answer

    def _health(self, visit: _Visit) -> Answer:
        answer = self._body(visit)
        answer.whole(200, JSON, b"{}")
        return answer

    def _metrics(self, visit: _Visit) -> Answer:
        answer = self._body(visit)
        answer.whole(200, CONTENT_TYPE, self._telemetry.page(self.batch).encode())
        return answer

    def _created(self, t: int) -> int:
        return int(self._epoch + t / NS)

    # What answers tell it.

    def left(self, answer: Answer) -> None:
        """An answer is over: take what is left of it out of the model, and keep the books."""
        self.active -= 1
        for seq in answer.sequences:
            self.batch.cancel(seq)
        if answer.leave is not None:
            answer.leave()
        if answer.truth.route in _OPEN:
            return
        if answer.sequences:
            self._telemetry.ended(answer)
            answer.sequences = []
        if self._log is not None:
            self._log(answer.truth)


def _is_id(text: str) -> bool:
    """Whether a request id is fit to be sent back in a header."""
    return 0 < len(text) <= _ID_LENGTH and text.isascii() and text.isprintable() and " " not in text
