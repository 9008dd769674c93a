"""One POST to a system that may be slow: bounded in time, and its answer in size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import urllib3

from llmload.safe import clean

__all__ = ["poster"]

_SECONDS: Final = 3.0
_READ: Final = 500
"""Bytes of an answer that are looked at, for the reason of a refusal."""


def poster(url: str, headers: Mapping[str, str]) -> Callable[[bytes], None]:
    """A function that posts a body there, on a connection that is kept. It raises OSError that says why it was not
    taken, without the URL, which may hold a secret."""
    pool = urllib3.PoolManager(num_pools=1, retries=False, timeout=urllib3.Timeout(_SECONDS))

    def post(body: bytes) -> None:
        try:
            answer = pool.request("POST", url, body=body, headers=dict(headers), redirect=False, preload_content=False)
        except urllib3.exceptions.HTTPError as error:
            raise OSError(_reason(error)) from None
        try:
            if not 200 <= answer.status < 300:
                why = clean(answer.read(_READ, decode_content=False).decode("utf-8", "replace"), 160)
                raise OSError(f"HTTP {answer.status}" + (f": {why}" if why else ""))
            answer.drain_conn()
        finally:
            answer.release_conn()

    return post


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
