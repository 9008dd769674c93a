"""What a page of metrics says of its own process, under the names that Prometheus' client libraries give it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

__all__ = ["vitals"]


def vitals() -> bytes:
    """CPU time, memory and descriptors, in the text format; nothing where the system does not tell."""
    from prometheus_client import generate_latest

    return generate_latest(_registry())


@cache
def _registry() -> CollectorRegistry:
    from prometheus_client import CollectorRegistry, ProcessCollector

    found = CollectorRegistry()
    ProcessCollector(registry=found)
    return found
