"""Virtual time and a reply that remembers, for tests of the simulator's pure part."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from typing import Any

import orjson

from llmload.clock import NS
from llmload.sim.service import Service, SimRequest
from llmload.sim.spec import SimSpec
from llmload.sim.truth import Truth


class _Timer:
    def __init__(self, action: Callable[[], None]) -> None:
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        self.action = None


class VirtualTime:
    """A clock that jumps from timer to timer."""

    def __init__(self) -> None:
        self.t = 0
        self._heap: list[tuple[int, int, _Timer]] = []
        self._order = itertools.count()

    def now(self) -> int:
        return self.t

    def call_at(self, t: int, action: Callable[[], None]) -> _Timer:
        timer = _Timer(action)
        heapq.heappush(self._heap, (t, next(self._order), timer))
        return timer

    @property
    def pending(self) -> int:
        return sum(timer.action is not None for _, _, timer in self._heap)

    def run(self, until: float = 1e6) -> None:
        """Serve the timers due up to ``until`` seconds."""
        end = round(until * NS)
        while self._heap and self._heap[0][0] <= end:
            t, _, timer = heapq.heappop(self._heap)
            self.t = max(self.t, t)
            if timer.action is not None:
                timer.action()
        self.t = max(self.t, end) if until < 1e6 else self.t


class Heard:
    """A reply that keeps what it was given."""

    def __init__(self, time: VirtualTime) -> None:
        self._time = time
        self.status = 0
        self.headers: dict[str, str] = {}
        self.started = 0
        self.pieces: list[tuple[int, bytes]] = []
        self.over = ""

    def start(self, status: int, headers: list[tuple[str, str]]) -> None:
        assert not self.status, "the head came twice"
        self.status, self.headers, self.started = status, dict(headers), self._time.t

    def write(self, data: bytes) -> None:
        assert self.status, "a body without a head"
        assert not self.over, "something was written after the end"
        if data:
            self.pieces.append((self._time.t, data))

    def end(self) -> None:
        self._close("end")

    def cut(self) -> None:
        self._close("cut")

    def reset(self) -> None:
        self._close("reset")

    def _close(self, how: str) -> None:
        assert not self.over, "it ended twice"
        self.over = how

    @property
    def body(self) -> bytes:
        return b"".join(data for _, data in self.pieces)

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def events(self) -> list[bytes]:
        """The data of each event, by the simplest reading there is."""
        return [block.split(b"data: ", 1)[1] for block in self.body.split(b"\n\n") if b"data: " in block]

    def text(self, choice: int = 0) -> str:
        """The text of one choice of a streamed chat."""
        parts = []
        for data in self.events:
            if data == b"[DONE]":
                continue
            for piece in orjson.loads(data).get("choices", []):
                if piece["index"] == choice:
                    parts.append(piece["delta"].get("content") or "")
        return "".join(parts)


class Bench:
    """A service in virtual time."""

    def __init__(self, **settings: Any) -> None:
        self.time = VirtualTime()
        self.truths: list[Truth] = []
        self.spec = SimSpec.model_validate(settings)
        self.service = Service(self.spec, self.time.now, self.time.call_at, log=self.truths.append)
        self.cancel: Callable[[], None] = lambda: None

    def send(
        self,
        path: str = "/v1/chat/completions",
        body: Any = None,
        *,
        method: str = "POST",
        headers: dict[str, str] | None = None,
    ) -> Heard:
        """Send one request; nothing but what is immediate has happened yet."""
        heard = Heard(self.time)
        data = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        self.cancel = self.service.handle(SimRequest(method, path, headers or {}, data), heard)
        return heard

    def get(self, path: str, **headers: str) -> Heard:
        heard = self.send(path, method="GET", headers=headers)
        self.time.run()
        return heard

    def chat(self, tokens: int = 20, *, headers: dict[str, str] | None = None, **more: Any) -> Heard:
        """Send a streamed chat of so many tokens (another length if ``more`` says so)."""
        body = {"model": "sim-model", "messages": [{"role": "user", "content": "Hello there"}], "stream": True}
        return self.send(body={**body, "max_tokens": tokens, "ignore_eos": True, **more}, headers=headers)

    def fault(self, kind: str, *, length: int = 20, stream: bool = True, **settings: Any) -> Heard:
        """Send a chat to a new service with one fault, and run until nothing more happens (or a minute)."""
        spec = {**self.spec.model_dump(by_alias=True), "faults": [{"kind": kind, **settings}]}
        self.__init__(**spec)  # type: ignore[misc]
        heard = self.chat(length, stream=stream)
        self.time.run(60)
        return heard
