"""W3C Trace Context: by which ids a call is found again in what its target recorded of it.

A call is a trace, each of its attempts a span in it, which the target's own spans then have for their parent. The ids
look random and are worked out: they depend on the run's own bits, the call, its turn and its attempt alone, so that
workers need not agree on anything, and no two calls of any run have the same (BLAKE2b, RFC 7693, of 128 bits).

A request carries them as ``traceparent`` (W3C Trace Context, version 00): ``00-TRACE-SPAN-FLAGS`` in lower-case hex.
Whether the sampled flag is set is read off the trace id as OpenTelemetry's consistent samplers do it: where its last 56
bits are not below (1 - share) * 2**56. So all attempts of a call agree, and a backend that samples fewer traces by the
same rule takes some of these.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Final

__all__ = ["HEADER", "Tracing", "is_sampled", "span_id", "trace_id"]

HEADER: Final = "traceparent"

_BITS: Final = 56
"""Of a trace id, its last, that decide whether it is sampled."""
_NEXT: Final = 0x9E3779B97F4A7C15
"""From the span id of one attempt to that of the next; odd, so that 2**64 attempts have different ones."""
_SPANS: Final = 1 << 64
_FLAGS: Final = ("00", "01")


@dataclass(frozen=True, slots=True)
class Tracing:
    """``share`` of the calls (0 to 1) have the sampled flag set; all have ids. ``run``: 64 bits of this run alone."""

    share: float = 1.0
    run: int = 0

    def of_new_run(self) -> Tracing:
        """The same, with bits that nobody else has."""
        return replace(self, run=secrets.randbits(64))

    def traceparent(self, index: int, turn: int = 0, attempt: int = 1) -> str:
        """Of attempt ``attempt`` (from 1) at call ``index``, turn ``turn`` of its session."""
        key = self.run.to_bytes(8, "big")
        ids = blake2b(b"%d %d" % (index, turn), digest_size=24, key=key, usedforsecurity=False).hexdigest()
        trace, span = ids[:32], ids[32:]
        if attempt > 1 or not int(span, 16):
            span = f"{(int(span, 16) + (attempt - 1) * _NEXT) % _SPANS or 1:016x}"
        return f"00-{trace}-{span}-{_FLAGS[int(trace[18:], 16) >= (1.0 - self.share) * 2.0**_BITS]}"


def trace_id(traceparent: str) -> str:
    """32 hex digits; "" of ""."""
    return traceparent[3:35]


def span_id(traceparent: str) -> str:
    """16 hex digits; "" of ""."""
    return traceparent[36:52]


def is_sampled(traceparent: str) -> bool:
    """Whether the sampled flag is set: whether whoever records traces was asked to record this one."""
    return traceparent[-2:] == "01"
