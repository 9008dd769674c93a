"""``[retries.NAME]``: when a call that failed is tried again."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from llmload.records import Outcome
from llmload.scenario.quantities import Duration, Flag, Share
from llmload.scenario.table import Table
from llmload.workload.retry import RETRIED, RetryPolicy

__all__ = ["RetryTable"]


def _failure(outcome: Outcome) -> Outcome:
    if not outcome.error:
        raise ValueError(f'"{outcome}" is no failure of the target; only those are tried again')
    return outcome


class RetryTable(Table):
    """A policy. What users see is the last attempt, counted from the time the first was planned."""

    attempts: int = Field(3, strict=True, ge=1, le=20, description="Most attempts of a call, the first included.")
    on: tuple[Annotated[Outcome, AfterValidator(_failure)], ...] = Field(
        RETRIED, min_length=1, description="Outcomes after which a call is tried again."
    )
    first: Duration = Field(0.5, description="Wait before the second attempt.")
    factor: float = Field(2.0, strict=True, ge=1, le=10, description="How much longer each further wait is.")
    most: Duration = Field(30.0, description="Longest wait, unless the target asks for a longer one.")
    jitter: Literal["full", "equal", "none"] = Field(
        "full", description="How waits are drawn: from 0 to all of it, from half of it to all, or not at all."
    )
    honour_retry_after: Flag = Field(True, description="Wait at least as long as the target says (Retry-After).")
    budget: Share | None = Field(
        None, description="Most further attempts, as a share of the calls; left out: any number."
    )

    def policy(self) -> RetryPolicy:
        """The policy meant."""
        return RetryPolicy(
            self.attempts, frozenset(self.on), self.first, self.factor, self.most, self.jitter,
            self.honour_retry_after, self.budget,
        )  # fmt: skip
