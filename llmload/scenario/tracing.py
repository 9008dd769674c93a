"""Tracing in a scenario: its ``[tracing]`` table."""

from __future__ import annotations

from pydantic import Field

from llmload.scenario.quantities import Share
from llmload.scenario.table import Table
from llmload.tracing import Tracing

__all__ = ["TracingTable"]


class TracingTable(Table):
    """Each request carries the ids of a trace (W3C Trace Context): the header `traceparent`."""

    share: Share = Field(
        1.0, description="Share of the calls whose sampled flag asks those who record traces to record theirs."
    )

    def tracing(self) -> Tracing:
        """The Tracing meant, of no run yet."""
        return Tracing(self.share)
