"""The simulated service: HTTP requests in, answers out, in no particular transport. Pure; time and timers are given.

Which paths there are and how answers look is said by ``llmload.sim.formats``, one API each; what is done wrong, and by
whom, by ``llmload.sim.planting``. The order of checks is that
of real gateways: path, key, rate limit, body, model, context length, room in the queue. Faults strike after the checks,
so that a 401 stays a 401.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Final

import orjson

from llmload import __version__
from llmload.clock import NS, Clock
from llmload.sim.answers import JSON, Answer, Body, Reply
from llmload.sim.auth import AuthStore
from llmload.sim.backlog import Backlog
from llmload.sim.cache import PrefixCache, kept
from llmload.sim.checks import Checks, limited
from llmload.sim.faults import Scaling
from llmload.sim.formats.base import bearer
from llmload.sim.model import Batch, CallAt, Embedder, Sequence
from llmload.sim.planting import Planter, SocketManner
from llmload.sim.requests import CONTEXT_LENGTH, Refused, TextJob
from llmload.sim.scaling import Scaler
from llmload.sim.script import Script
from llmload.sim.spec import SimSpec
from llmload.sim.streams import Stream
from llmload.sim.telemetry import CONTENT_TYPE, Gauge, Telemetry
from llmload.sim.text import tag
from llmload.sim.tokenize import tokenized
from llmload.sim.truth import Truth
from llmload.sim.visits import OPEN, SimRequest, Visit

__all__ = ["Service", "SimRequest", "SocketManner"]

_TRACE_MOST: Final = 100
"""Characters of a traceparent that are kept; one of today's version has 55."""


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
        vitals: Callable[[], bytes] = bytes,
        block: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        """``vitals``: what the page of metrics says of the process, if it has one; ``block`` keeps its event loop from
        everything else for so many seconds, if it has one of its own."""
        self.spec: Final = spec
        self._vitals: Final = vitals
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
        self._checks: Final = Checks(spec, epoch)
        self._planter: Final = Planter(spec, lambda: self.batch.waiting, block)
        self._scaler: Final = _scaler(spec)
        self._billing: Final = Backlog(spec.billing) if spec.billing is not None else None
        self._auth: Final = AuthStore(spec.auth, now, call_at) if spec.auth is not None else None
        self._count = 0
        self._last_tag = tag("")
        self._handlers: Final[Mapping[str, Callable[[Visit], Answer]]] = {
            "chat": self._text,
            "completions": self._text,
            "embeddings": self._embeddings,
            "rerank": self._embeddings,
            "models": self._models,
            "echo": self._echo,
            "tokenize": self._tokenize,
            "health": self._health,
            "metrics": self._metrics,
            "version": self._version,
        }

    def begin(self, at: int) -> None:
        """The run begins at ``at`` (ns): the windows of faults count from there."""
        self._planter.begin(at)

    def handle(self, request: SimRequest, reply: Reply) -> Callable[[], None]:
        """Answer a request into ``reply``, now and later. Call the result when the client has gone."""
        truth = Truth(self._count, self.now())
        truth.traceparent = request.headers.get("traceparent", "")[:_TRACE_MOST]
        visit = Visit(request, reply, truth, [])
        self.active += 1
        try:
            self._find(visit)
            self._scale(visit)
        except Refused as why:
            return self._refused(visit, why).cancel
        if self._auth is None or visit.route in OPEN:
            return self._answer(visit).cancel
        return self._look_up(self._auth, visit)

    def _answer(self, visit: Visit) -> Answer:
        """The path is known, and so is whether the key is."""
        try:
            if visit.route not in OPEN:
                self._admit(visit)
            return self._handlers[visit.route](visit)
        except Refused as why:
            return self._refused(visit, why)

    def _look_up(self, store: AuthStore, visit: Visit) -> Callable[[], None]:
        """Answer when the key has been looked up. Returns what to call when the client has gone."""
        answers: list[Answer] = []
        script = self._planter.script(visit, visit.given_key())
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

    def _refused(self, visit: Visit, why: Refused) -> Answer:
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
        self._planter.heard(now)
        tenant = self.spec.keys[key].tenant if self.spec.keys else ""
        return self._planter.manner(now, self._count, key, tenant)

    def _refuse(self, answer: Body, why: Refused) -> None:
        if why.error["code"] != CONTEXT_LENGTH or self.spec.too_long == "400":
            answer.refused(why)
        elif self.spec.too_long == "empty":
            answer.blank()
        else:
            answer.refused(Refused(500, "Internal server error", kind="server_error"))

    # Checks.

    def _find(self, visit: Visit) -> None:
        self._checks.find(visit)
        if visit.route not in OPEN:
            self._count += 1
            self._planter.heard(visit.truth.received)

    def _admit(self, visit: Visit) -> None:
        """Key and rate limit."""
        wait = self._checks.admit(visit)
        if not wait:
            return
        script = self._planter.script(visit, visit.key)
        if script.limited != 429:
            visit.truth.faults.append("rate-limit-500")
            raise Refused(script.limited, "The server had an error.", kind="server_error")
        raise limited(wait)

    def _script(self, visit: Visit, model: str) -> Script:
        """What the faults make of this request, and who serves it."""
        script = self._planter.script(visit, visit.key, model)
        self._planter.cast(visit, script)
        return script

    def _scale(self, visit: Visit) -> None:
        """Replicas come and go; how many there are is said in the answer."""
        if self._scaler is None:
            return
        self._look(self._scaler)
        visit.headers.append(("x-replicas", str(self.batch.replicas)))

    def _look(self, scaler: Scaler) -> None:
        replicas = scaler.look(self._planter.since(self.now()), self.batch.busy)
        if replicas != self.batch.replicas:
            self.batch.scale(replicas, scaler.caches)

    def _overloaded(self) -> Refused:
        return Refused(
            503, "The server is overloaded.", kind="server_error", code="overloaded", headers=(("retry-after", "1"),)
        )

    # Routes.

    def _body(self, visit: Visit, build: Callable[[bool], bytes] = lambda foreign: b"", tokens: int = 0) -> Body:
        return Body(self, visit.reply, visit.truth, visit.headers, visit.format, build, tokens)

    def _text(self, visit: Visit) -> Answer:
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
            self._submit(job, answer, self._rank(visit), script.keeps)

        answer.begin(script, submit)
        return answer

    def _recall(self, visit: Visit, job: TextJob, script: Script) -> TextJob:
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

    def _submit(self, job: TextJob, answer: Stream | Body, rank: int, keeps: bool) -> None:
        """Give the choices to the model; only the first of each prompt has the prompt to work on."""
        answer.finish = job.finish(0)
        answer.sequences = []
        for choice, length in enumerate(job.lengths):
            prompt, again = divmod(choice, job.n)
            cached = job.cached[prompt] if job.cached and not again else 0
            answer.sequences.append(Sequence(0 if again else job.prompts[prompt], length, answer.made, choice, cached))
        for seq in answer.sequences:
            seq.rank, seq.keeps = rank, keeps
            self.batch.submit(seq)

    def _rank(self, visit: Visit) -> int:
        """0 for the first of the priorities; what names none of them comes last."""
        order = self.spec.priorities
        given = visit.request.headers.get("x-priority", "")
        return order.index(given) if given in order else len(order)

    def _embeddings(self, visit: Visit) -> Answer:
        truth = visit.truth
        job = visit.format.embeddings(visit.found, visit.request.body, self.spec)
        truth.model, truth.prompt_tokens = job.model, job.tokens
        answer = self._body(visit, lambda swapped: visit.format.vectors(visit.found, job, int(swapped)))
        script = self._script(visit, job.model)

        def submit() -> None:
            if self.embedder.full():
                raise self._overloaded()
            answer.leave = self.embedder.submit(job.tokens, answer.ready)
            self.batch.lend(script.borrowed * self.spec.embed_time(job.tokens))

        answer.begin(script, submit)
        return answer

    def _models(self, visit: Visit) -> Answer:
        name = visit.found.name
        if name and name not in self.spec.models:
            message = f"The model '{name[:200]}' does not exist."
            raise Refused(404, message, param="model", code="model_not_found")
        document = visit.format.models(visit.found, self.spec.models, self._created(0))
        answer = self._body(visit, lambda swapped: document)
        answer.begin(self._script(visit, name), answer.ready)
        return answer

    def _echo(self, visit: Visit) -> Answer:
        """What came in, as JSON."""
        request = visit.request
        said = {"method": request.method, "path": request.path, "body": request.body.decode("utf-8", "replace")}
        answer = self._body(visit, lambda swapped: orjson.dumps(said))
        answer.begin(self._script(visit, ""), answer.ready)
        return answer

    def _tokenize(self, visit: Visit) -> Answer:
        answer = self._body(visit)
        answer.whole(200, JSON, tokenized(visit.request.body, self.spec))
        return answer

    def _health(self, visit: Visit) -> Answer:
        answer = self._body(visit)
        answer.whole(200, JSON, b"{}")
        return answer

    def _version(self, visit: Visit) -> Answer:
        answer = self._body(visit)
        answer.whole(200, JSON, orjson.dumps({"version": __version__}))
        return answer

    def _metrics(self, visit: Visit) -> Answer:
        answer = self._body(visit)
        page = self._telemetry.page(self.batch, self._gauges())
        answer.whole(200, CONTENT_TYPE, page.encode() + self._vitals())
        return answer

    def _gauges(self) -> Iterator[Gauge]:
        """Of the parts that this service has."""
        if self._scaler is not None:
            yield "replicas", "Replicas that work.", self.batch.replicas
            yield "utilization", "What runs or waits, over what can run at once.", min(1.0, self.batch.busy)
        if self._billing is not None:
            yield "billing_queue", "Requests that wait to be billed.", self._billing.depth(self.now() / NS)
        if self._auth is not None:
            yield "auth_busy", "Connections to the store of keys that are in use, or lost.", self._auth.busy
            yield "auth_waiting", "Requests that wait for one.", self._auth.waiting

    def _created(self, t: int) -> int:
        return int(self._epoch + t / NS)

    # What answers tell it.

    def left(self, answer: Answer) -> None:
        """An answer is over: take what is left of it out of the model, and keep the books."""
        self.active -= 1
        for seq in answer.sequences:
            self.batch.cancel(seq)
        if self._scaler is not None:
            self._look(self._scaler)
        if answer.leave is not None:
            answer.leave()
        if answer.truth.route in OPEN:
            return
        if self._billing is not None and answer.truth.status == 200:
            self._billing.add(self.now() / NS)
        if answer.sequences:
            self._telemetry.ended(answer)
            answer.sequences = []
        if self._log is not None:
            self._log(answer.truth)


def _scaler(spec: SimSpec) -> Scaler | None:
    faults = [fault for fault in spec.faults if isinstance(fault, Scaling)]
    return Scaler(spec.scaling, faults) if spec.scaling is not None else None
