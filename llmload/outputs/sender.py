"""A thread that hands what is to be told to a system that may be slow or dead, without the run ever waiting for it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from llmload.safe import clean
from llmload.units import counted

__all__ = ["Sender"]

Parcel = TypeVar("Parcel")

_CAPACITY: Final = 120
"""Parcels that wait, at most: two minutes of one a second."""
_PAUSE: Final = 0.1
"""Seconds until the next parcel is tried after one that was refused."""
_AT_THE_END: Final = 5.0
"""Seconds that the end of a run waits for what is still to be sent."""


def _never(error: Exception, tried: int) -> float | None:
    return None


class Sender(Generic[Parcel]):
    """Sends parcels one after the other. The oldest one that waits is given up where there are too many; what could not
    be sent is counted in ``lost``, and told once when it begins and once at the end. What is counted is what parcels
    hold: one ``noun`` each, unless they are said to hold more."""

    def __init__(
        self,
        name: str,
        send: Callable[[Parcel], None],
        capacity: int = _CAPACITY,
        patience: Callable[[Exception, int], float | None] = _never,
        noun: str = "parcel",
    ) -> None:
        """``send`` may block and may raise OSError or any exception whose text may be shown. ``patience``: in how many
        seconds a parcel is tried again after such an exception and so many tries; None: it is lost."""
        self.lost = 0
        self.sent = 0
        self._name: Final = name
        self._noun: Final = noun
        self._send: Final = send
        self._patience: Final = patience
        self._capacity: Final = capacity
        self._waiting: Final[deque[tuple[Parcel, int]]] = deque()
        self._sending = 0
        """What the parcel holds that is being sent."""
        self._turn: Final = threading.Condition()
        self._messages: Final[deque[str]] = deque(maxlen=20)
        self._ending = False
        self._over = False
        self._failing = False
        self._trouble = ""
        self._thread: Final = threading.Thread(target=self._work, name=f"llmload-{name}", daemon=True)
        self._thread.start()

    def put(self, parcel: Parcel, holds: int = 1) -> None:
        """Have it sent; never blocks."""
        with self._turn:
            if len(self._waiting) >= self._capacity:
                self.lost += self._waiting.popleft()[1]
                self._say("is too slow: the oldest of what waits for it is given up")
            self._waiting.append((parcel, holds))
            self._turn.notify()

    def finish(self, within: float = _AT_THE_END) -> bool:
        """Send what is left, in at most so many seconds; what then is still there is lost. May be called twice. Whether
        nothing is being sent any more."""
        with self._turn:
            if self._ending:
                return not self._thread.is_alive()
            self._ending = True
            self._turn.notify()
        self._thread.join(within)
        with self._turn:
            left = sum(holds for _, holds in self._waiting) + (self._sending if self._thread.is_alive() else 0)
            self._waiting.clear()
            self._over = True
            self._turn.notify()
            self.lost += left
            if left and self._trouble:
                self._say(self._trouble)
            if self.lost:
                whole = counted(self.lost + self.sent, self._noun)
                self._messages.append(f"{self._name}: {self.lost:,} of {whole} lost")
        return not self._thread.is_alive()

    def messages(self) -> list[str]:
        """What there is to say since this was last called."""
        with self._turn:
            said = list(self._messages)
            self._messages.clear()
            return said

    def _say(self, text: str) -> None:
        """Once, until something was sent again."""
        if not self._failing:
            self._failing = True
            self._messages.append(f"{self._name} {text}")

    def _work(self) -> None:
        while (parcel := self._next()) is not None:
            try:
                self._deliver(parcel)
            except Exception:  # noqa: BLE001, RUF100 - whatever a library raises, the run goes on
                with self._turn:
                    self.lost, self._sending = self.lost + self._sending, 0
                    self._say(self._trouble)
                    ending = self._ending
                if not ending:
                    time.sleep(_PAUSE)
            else:
                with self._turn:
                    self.sent, self._sending = self.sent + self._sending, 0
                    self._failing, self._trouble = False, ""

    def _deliver(self, parcel: Parcel) -> None:
        """Raises what the last try raised. At the end there is no time to be patient twice."""
        tried = 0
        while True:
            try:
                return self._send(parcel)
            except Exception as error:
                tried += 1
                pause = self._patience(error, tried)
                with self._turn:
                    self._trouble = f"takes nothing: {clean(str(error), 200) or type(error).__name__}"
                    if pause is None:
                        raise
                    hopeless = self._ending and self._failing
                    if hopeless or self._turn.wait_for(lambda: self._over, pause):
                        raise

    def _next(self) -> Parcel | None:
        with self._turn:
            while not self._waiting and not self._ending:
                self._turn.wait()
            if not self._waiting:
                return None
            parcel, self._sending = self._waiting.popleft()
            return parcel
