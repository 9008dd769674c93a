"""``--web`` of run and bench: a page that shows the run, and how long it stays when the run is over."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

import typer

from llmload.cli.speak import say

if TYPE_CHECKING:
    from llmload.dashboard.web.address import Address
    from llmload.dashboard.web.display import Page

__all__ = ["OnWeb", "Web", "WebAt", "WebStay", "on_web", "page_for", "stay"]

Web = Annotated[
    bool, typer.Option("--web", help="Show the run in a browser, too: on this machine alone, port 8350 (docs/web.md).")
]
WebAt = Annotated[
    str | None, typer.Option("--web-at", metavar="[HOST:]PORT", help="--web, there; 0 is any port that is free.")
]
WebStay = Annotated[
    str | None,
    typer.Option(
        "--web-stay",
        metavar="DURATION",
        help="How long the page stays after the run; else while a browser shows it, 10m at most.",
    ),
]
_MOST_SECONDS: Final = 600.0
_LOOK_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class OnWeb:
    """Where the page is, and how many seconds it stays after the run; None: while a browser shows it."""

    address: Address
    stay: float | None = None

    def stays(self, interrupted: str) -> bool:
        """Whether it outlasts a run that ended so: not one that a signal other than Ctrl-C has asked to leave."""
        return self.stay != 0 and interrupted in ("", "Ctrl-C")


def on_web(web: bool, at: str | None, stay: str | None) -> OnWeb | None:
    """What the options mean; None for no page. Raises UsageError."""
    if not web and at is None:
        if stay is not None:
            from llmload.errors import UsageError

            raise UsageError("--web-stay is about the page of --web, and there is none")
        return None
    from llmload.dashboard.web.address import Address

    return OnWeb(Address() if at is None else Address.parse(at), None if stay is None else _seconds(stay))


def _seconds(given: str) -> float:
    """Raises UsageError."""
    from llmload.errors import UsageError
    from llmload.units import parse_duration

    try:
        return parse_duration(given)
    except ValueError as error:
        raise UsageError(f"--web-stay: {error}") from error


@contextmanager
def page_for(asked: OnWeb | None, runs: int) -> Iterator[Page | None]:
    """The page, open; None where none is wanted. Raises OutputError where its address can't be had."""
    if asked is None:
        yield None
        return
    from llmload.dashboard.web.display import Page, served

    with served(Page(asked.address, runs)) as page:
        say(f"llmload: the run is shown at {page.server.url}\n")
        if not asked.address.loopback:
            say(
                f"llmload: WARNING: {asked.address.host} is not this machine alone: whoever reaches it sees the run, "
                "its target and its report, without a password and unencrypted\n"
            )
        yield page


def stay(page: Page, seconds: float | None) -> None:
    """Let the page be looked at, until Ctrl-C or its kin."""
    from llmload.app.interrupts import Interrupts

    if seconds is None and not page.server.watched:
        return
    most = _MOST_SECONDS if seconds is None else seconds
    how = "while a browser shows it" if seconds is None else "on"
    say(f"llmload: the page stays {how}, {most:g} s at most; Ctrl-C ends it: {page.server.url}\n")
    until = time.monotonic() + most
    with Interrupts() as interrupts:
        while not interrupts.count and time.monotonic() < until and (seconds is not None or page.server.watched):
            time.sleep(_LOOK_SECONDS)
