"""When a call that failed is tried again: a policy as data, and the decision as a pure function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from llmload.records import Outcome

__all__ = ["RETRIED", "RetryPolicy", "wait"]

RETRIED: Final = (Outcome.CONNECT_ERROR, Outcome.HTTP_429, Outcome.HTTP_503)
"""What is tried again unless a policy says otherwise: the target did no work for it."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Up to ``attempts`` attempts, the first included, after the outcomes ``on``.

    The wait before attempt n + 1 is ``first`` * ``factor`` ** (n - 1) seconds, at most ``most``. ``jitter``: "full"
    draws it between 0 and that, "equal" between half of it and all, "none" leaves it alone. It is never shorter than
    what the target asked for (Retry-After) if ``honour_retry_after``. ``budget``: further attempts may be this share of
    the calls; None: any number.
    """

    attempts: int = 3
    on: frozenset[Outcome] = frozenset(RETRIED)
    first: float = 0.5
    factor: float = 2.0
    most: float = 30.0
    jitter: Literal["full", "equal", "none"] = "full"
    honour_retry_after: bool = True
    budget: float | None = None


_LEAST: Final = {"full": 0.0, "equal": 0.5, "none": 1.0}
"""The part of a wait that is not drawn."""


def wait(
    policy: RetryPolicy, outcome: Outcome, attempt: int, retry_after: float, draw: float, calls: int, further: int
) -> float | None:
    """Seconds to wait after attempt number ``attempt`` (from 1) ended as ``outcome``; None: it was the last.

    ``retry_after``: seconds the target asked for, 0 for none. ``draw``: from 0 to 1. ``calls``: so many calls have
    been made (this one among them), with ``further`` attempts beyond their first.
    """
    if attempt >= policy.attempts or outcome not in policy.on:
        return None
    if policy.budget is not None and further + 1 > policy.budget * calls:
        return None
    least = _LEAST[policy.jitter]
    pause = min(policy.most, policy.first * policy.factor ** (attempt - 1)) * (least + (1.0 - least) * draw)
    return max(pause, retry_after) if policy.honour_retry_after else pause
