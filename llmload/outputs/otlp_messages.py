"""What every message of OTLP is made with: attributes, who tells it, what measured it."""

from __future__ import annotations

from typing import Final

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from llmload import __version__
from llmload.outputs.semconv import Attributes
from llmload.safe import clean

__all__ = ["attributes", "resource", "scope", "whole"]

_TEXT: Final = 1000
"""Characters of a text, which may be a target's, that are told at most."""
_LARGEST: Final = (1 << 63) - 1


def attributes(given: Attributes) -> list[KeyValue]:
    """As messages."""
    return [KeyValue(key=name, value=_value(value)) for name, value in given.items()]


def _value(value: str | float | bool | tuple[str, ...]) -> AnyValue:
    if isinstance(value, tuple):
        return AnyValue(array_value=ArrayValue(values=map(_value, value)))
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=whole(value))
    return AnyValue(double_value=value) if isinstance(value, float) else AnyValue(string_value=clean(value, _TEXT))


def whole(number: float) -> int:
    """As 64 bits can hold it: a target may report any number of tokens."""
    return max(-_LARGEST, min(_LARGEST, round(number)))


def resource(given: Attributes) -> Resource:
    """Who tells it."""
    return Resource(attributes=attributes(given))


def scope() -> InstrumentationScope:
    """What measured it."""
    return InstrumentationScope(name="llmload", version=__version__)
