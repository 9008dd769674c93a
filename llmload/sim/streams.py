"""A streamed answer: one write per token, at the moment the model makes it, unless a fault says otherwise. Pure."""

from __future__ import annotations

from collections import deque
from typing import Final

from llmload.clock import NS
from llmload.sim.answers import Answer, Host, Reply
from llmload.sim.formats import Format, Frames
from llmload.sim.model import Sequence
from llmload.sim.text import Voice
from llmload.sim.truth import Truth

__all__ = ["Stream"]


class Stream(Answer):
    """``foreign`` is the tag of another answer, for cross-talk."""

    def __init__(
        self,
        host: Host,
        reply: Reply,
        truth: Truth,
        headers: list[tuple[str, str]],
        format_: Format,
        frames: Frames,
        foreign: str,
    ) -> None:
        super().__init__(host, reply, truth, headers, format_)
        self._frames = frames
        self._foreign: Final = foreign
        self._choices_open = frames.choices
        self._opened: set[int] = set()
        self._late: deque[tuple[int, int]] = deque()
        """(choice, token) made but not yet due; each has a timer."""
        self._shift = 0
        """Delay (ns) that stalls have added to everything after them."""
        self._silent_until = 0
        self._mute = False
        self._swapped = 0
        self._garbled = False
        self._head_out = False

    # What the model does to it.

    def made(self, seq: Sequence) -> None:
        """The model made a token."""
        if self.over:
            return
        now = self.host.now()
        k = seq.made - 1
        if not self.first_token:
            self.first_token = now
        due = now
        if self._shift or self.script.slowed:
            due = self._due(now, k) + self._shift
        if due > now or self._late:
            self._late.append((seq.choice, k))
            self._later(due, self._send_late)
        else:
            self._send(seq.choice, k)

    def _send_late(self) -> None:
        self._send(*self._late.popleft())

    def _send(self, choice: int, k: int) -> None:
        """Token ``k`` of a choice goes out, and what comes with it."""
        if self.truth.tokens == 0:
            self._strike()
        if not self.over and not self._mute:
            self._write_token(choice, k)
            self._strike()
        if not self.over and not self._mute and k + 1 == self._frames.length(choice):
            self._close(choice)

    def _strike(self) -> None:
        """Carry out the cues that are due."""
        cues = self.script.cues
        while cues and cues[0].after <= self.truth.tokens and not self.over:
            self._perform(cues.pop(0))

    def _write_token(self, choice: int, k: int) -> None:
        data = self._frames.token(choice, k, self._voice(choice))
        if choice not in self._opened:
            self._opened.add(choice)
            self.open()
            data = self._frames.opening(choice) + data
        self.truth.tokens += 1
        if not data:
            return
        if self._garbled:
            self._garbled = False
            data = data[: len(data) // 2] + b"\n\n"
            self._note("malformed")
        else:
            self.truth.content.append(self.host.now())
        self.reply.write(data)

    def _voice(self, choice: int) -> Voice | None:
        if not self._swapped:
            return None
        self._swapped -= 1
        return Voice(self._foreign, choice)

    def _close(self, choice: int) -> None:
        """The last token of a choice is out."""
        data = self._frames.closing(choice)
        self._choices_open -= 1
        if self._choices_open == 0:
            data += self._frames.ending()
        self._note("finish")
        self.reply.write(data)
        if self._choices_open == 0:
            self.reply.end()
            self._finish("finished")

    # What faults do to it.

    def open(self) -> None:
        if not self._head_out:
            self._head_out = True
            self._head(200, self._frames.content_type, (("cache-control", "no-cache"),))

    def cut(self, done: bool, clean: bool) -> None:
        self.open()
        if done:
            self._note("done")
            self.reply.write(self._frames.done())
        if clean:
            self.reply.end()
        else:
            self.reply.cut()
        self._finish("cut")

    def silence(self, seconds: float | None, ping: float) -> None:
        now = self.host.now()
        self.open()
        if seconds is None:
            self._mute = True
        else:
            self._shift += round(seconds * NS)
            self._silent_until = now + round(seconds * NS)
        if ping:
            self._ping(now, round(ping * NS))

    def _ping(self, t: int, every: int) -> None:
        """Send a comment after each ``every`` ns for as long as the silence lasts."""
        due = t + every
        if not self._mute and due >= self._silent_until:
            return

        def send() -> None:
            self._note("ping")
            self.reply.write(self._frames.ping())
            self._ping(due, every)

        self._later(due, send)

    def fail(self, code: str, message: str, named: bool) -> None:
        self.open()
        self._note("error")
        self.reply.write(self._frames.failure(code, message, named))
        self.reply.end()
        self._finish("failed")

    def garble(self) -> None:
        self._garbled = True

    def swap(self, tokens: int) -> None:
        self._swapped = tokens

    def blank(self) -> None:
        self.open()
        self.reply.end()
        self._finish("finished")
