"""Requests with a JSON body, and without one."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import orjson

from llmload.records import Call, Image, WireRequest

__all__ = ["EVENTS", "JSON", "data_url", "get", "post"]

JSON: Final = "application/json"
EVENTS: Final = "text/event-stream"


def post(call: Call, path: str, fields: Mapping[str, Any], accept: str = JSON) -> WireRequest:
    """``fields`` as the body. The call's ``params`` go in last, as they are; one that is None removes a field."""
    body = {name: value for name, value in {**fields, **call.params}.items() if value is not None}
    headers = _headers({"content-type": JSON, "accept": accept}, call)
    return WireRequest("POST", path, headers, orjson.dumps(body), call.key)


def get(call: Call, path: str) -> WireRequest:
    """A request without a body: ``params`` have no place in it."""
    return WireRequest("GET", path, _headers({"accept": JSON}, call), b"", call.key)


@lru_cache(maxsize=64)
def data_url(image: Image) -> str:
    """A picture as a URL that holds it."""
    return f"data:{image.media_type};base64,{base64.b64encode(image.data).decode()}"


def _headers(ours: dict[str, str], call: Call) -> tuple[tuple[str, str], ...]:
    """Ours, less those the call sets itself (whatever their case), and the call's."""
    theirs = {name.lower() for name in call.headers}
    return (*((name, value) for name, value in ours.items() if name not in theirs), *call.headers.items())
