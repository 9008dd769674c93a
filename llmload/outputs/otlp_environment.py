"""Where OTLP goes and what goes with it, from the variables that OpenTelemetry's specification of exporters names.

Headers, which often hold a key, come from there alone, and are never shown, not even where they can't be used.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote

from llmload.errors import UsageError
from llmload.outputs.place import web_address

__all__ = ["compressed", "delta", "endpoint", "explicit_bounds", "headers", "resource"]

_PREFIX: Final = "OTEL_EXPORTER_OTLP"
_USUAL: Final = "http://localhost:4318"
"""Where a collector listens for OTLP over HTTP."""
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_HISTOGRAMS: Final = f"{_PREFIX}_METRICS_DEFAULT_HISTOGRAM_AGGREGATION"
_TEMPORALITIES: Final = {"cumulative": False, "delta": True, "lowmemory": True}
"""The last is delta, too, for all that is told here."""
_AGGREGATIONS: Final = {"base2_exponential_bucket_histogram": False, "explicit_bucket_histogram": True}


def endpoint(where: str, signal: str) -> str:
    """The URL for "metrics" or "traces": below ``where``, or as the environment has it. Raises UsageError."""
    own, general = f"{_PREFIX}_{signal.upper()}_ENDPOINT", f"{_PREFIX}_ENDPOINT"
    if not where and (given := os.environ.get(own, "")):
        return web_address("otlp", given, f"{_USUAL}/v1/{signal}", own).geturl()
    place = "--export otlp" if where else general
    url = web_address("otlp", where or os.environ.get(general, "") or _USUAL, _USUAL, place)
    if url.query or url.fragment:
        raise UsageError(f"{place}: the URL of an endpoint ends in its path; write it like {_USUAL}")
    return f"{url.geturl().rstrip('/')}/v1/{signal}"


def headers(signal: str) -> dict[str, str]:
    """Of every request: those for all signals, and those for this one. Raises UsageError."""
    found: dict[str, str] = {}
    for variable in (f"{_PREFIX}_HEADERS", f"{_PREFIX}_{signal.upper()}_HEADERS"):
        for name, value in _pairs(variable).items():
            if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
                raise UsageError(f"{variable}: a header of it (not shown) is none of HTTP; write NAME=VALUE,NAME=VALUE")
            found[name.lower()] = value
    return found


def compressed() -> bool:
    """Whether bodies are gzip. Raises UsageError."""
    return _choice(f"{_PREFIX}_COMPRESSION", {"gzip": True, "none": False}, "gzip")


def explicit_bounds() -> bool:
    """Whether distributions are told in fixed classes, for systems that take no exponential ones. Raises UsageError."""
    return _choice(_HISTOGRAMS, _AGGREGATIONS, "base2_exponential_bucket_histogram")


def delta() -> bool:
    """Whether each parcel of metrics is about what came in since the one before. Raises UsageError."""
    return _choice(f"{_PREFIX}_METRICS_TEMPORALITY_PREFERENCE", _TEMPORALITIES, "cumulative")


def resource() -> dict[str, str]:
    """What the environment says of the resource. Raises UsageError."""
    found = _pairs("OTEL_RESOURCE_ATTRIBUTES")
    if service := os.environ.get("OTEL_SERVICE_NAME", ""):
        found["service.name"] = service
    return found


def _choice(variable: str, known: Mapping[str, bool], usual: str) -> bool:
    given = os.environ.get(variable, "").strip().lower() or usual
    if given not in known:
        raise UsageError(f"{variable}: {given!r} is not known; write {' or '.join(known)}")
    return known[given]


def _pairs(variable: str) -> dict[str, str]:
    """NAME=VALUE,NAME=VALUE, both percent-encoded."""
    found: dict[str, str] = {}
    for number, item in enumerate(os.environ.get(variable, "").split(","), 1):
        name, equals, value = (part.strip() for part in item.partition("="))
        if not name and not equals:
            continue
        if not name or not equals:
            raise UsageError(f"{variable}: item {number} (not shown) is no NAME=VALUE")
        found[unquote(name)] = unquote(value)
    return found
