"""One POST to a system that may be slow: bounded in time, and its answer in size."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

import urllib3

from llmload.safe import clean

__all__ = ["NotTaken", "Reply", "hider", "patience", "poster"]

_SECONDS: Final = 3.0
_READ: Final = 500
"""Bytes of an answer that are looked at, for the reason of a refusal."""
_MOST: Final = 64 * 1024
"""Bytes of an answer that are read at all; the connection of one that has more is given up."""
_SECRET: Final = 8
"""Characters of a part of a header or a URL from which on it is taken for a secret."""
_TRIES: Final = 4
_PAUSE: Final = 0.25
"""Seconds until the second try; each later one waits twice as long."""
_LONGEST: Final = 5.0
"""Seconds to the next try, at most, whatever the system asks for."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What was answered to a body that was taken."""

    content_type: str
    body: bytes


class NotTaken(OSError):
    """Says why a body was not taken. ``status`` of the answer, 0 where none came; ``after``: s that the system wants to
    be left alone."""

    def __init__(self, why: str, status: int = 0, after: float = 0.0) -> None:
        super().__init__(why)
        self.status: Final = status
        self.after: Final = after

    @property
    def passing(self) -> bool:
        """The same body may be taken another time: there was no answer, or one that is about the system."""
        return self.status in (0, 429) or self.status >= 500


def patience(error: Exception, tried: int) -> float | None:
    """Seconds until a body that was refused ``tried`` times is tried again; None: it is lost."""
    if not isinstance(error, NotTaken) or not error.passing or tried >= _TRIES:
        return None
    return min(max(error.after, _PAUSE * 2.0 ** (tried - 1)), _LONGEST)


def poster(
    url: str, headers: Mapping[str, str], reply: Callable[[Reply], None] | None = None, secret: bool = False
) -> Callable[[bytes], None]:
    """A function that posts a body there, on a connection that is kept. It raises NotTaken that says why it was not
    taken, without the URL, which may hold a secret. ``reply`` is given what was answered, and may raise the same.
    ``secret``: the URL is one, and not to be shown where an answer repeats it."""
    hide = hider(headers, url if secret else "")
    pool = urllib3.PoolManager(num_pools=1, retries=False, timeout=urllib3.Timeout(_SECONDS))

    def post(body: bytes) -> None:
        try:
            answer = pool.request("POST", url, body=body, headers=dict(headers), redirect=False, preload_content=False)
            try:
                status, heard = answer.status, answer.read(_MOST + 1, decode_content=False)
                if len(heard) > _MOST:
                    answer.close()
            finally:
                answer.release_conn()
        except urllib3.exceptions.HTTPError as error:
            raise NotTaken(_reason(error)) from None
        if not 200 <= status < 300:
            why = clean(hide(heard[:_READ].decode("utf-8", "replace")), 160)
            after = answer.headers.get("Retry-After", "")
            said = f"HTTP {status}" + (f": {why}" if why else "")
            raise NotTaken(said, status, float(after) if after.isascii() and after.isdigit() else 0.0)
        if reply is not None:
            if len(heard) > _MOST:
                raise OSError("its answer is too long")
            reply(Reply(answer.headers.get("Content-Type", ""), heard))

    return post


def hider(headers: Mapping[str, str], url: str = "") -> Callable[[str], str]:
    """A function that masks in a text what these headers and this URL, which may hold a key, say: some servers repeat
    it."""
    said = [
        part for name, value in headers.items() if not name.lower().startswith("content-") for part in value.split()
    ]
    where = urlsplit(url)
    said += [where.path, where.query, *re.split(r"[/?&=;]", f"{where.path}/{where.query}")]
    every = {each for part in said for each in (part, unquote(part)) if len(each) >= _SECRET}
    secrets = sorted(every, key=len, reverse=True)

    def hide(text: str) -> str:
        for secret in secrets:
            text = text.replace(secret, "[hidden]")
        return text

    return hide


def _reason(error: urllib3.exceptions.HTTPError) -> str:
    if isinstance(error, urllib3.exceptions.SSLError):
        return "TLS can't be set up with it"
    if isinstance(error, urllib3.exceptions.NameResolutionError):
        return "its name can't be resolved"
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        return "no connection to it"
    if isinstance(error, urllib3.exceptions.TimeoutError):
        return f"no answer in {_SECONDS:g} s"
    return "the connection broke"
