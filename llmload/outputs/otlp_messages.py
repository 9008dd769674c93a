"""What every message of OTLP is made with: attributes, who tells it, what measured it."""

from __future__ import annotations

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from llmload import __version__
from llmload.outputs.semconv import Attributes

__all__ = ["attributes", "resource", "scope"]


def attributes(given: Attributes) -> list[KeyValue]:
    """As messages."""
    return [KeyValue(key=name, value=_value(value)) for name, value in given.items()]


def _value(value: str | float | bool) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    return AnyValue(double_value=value) if isinstance(value, float) else AnyValue(string_value=value)


def resource(given: Attributes) -> Resource:
    """Who tells it."""
    return Resource(attributes=attributes(given))


def scope() -> InstrumentationScope:
    """What measured it."""
    return InstrumentationScope(name="llmload", version=__version__)
