"""What a call's answer amounts to: its tokens, where their numbers come from, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from llmload.records import Api, Record, Usage

__all__ = ["GENERATING", "PICO", "Reading", "TokenPrices", "price_key"]

PICO: Final = 10**12
"""Costs are whole picodollars, so that sums are exact in any order."""

GENERATING: Final = frozenset({Api.CHAT, Api.COMPLETIONS})
_NO_USAGE: Final = Usage()


@dataclass(frozen=True, slots=True)
class TokenPrices:
    """Picodollars per input, output and cached input token, and per request."""

    input: int = 0
    output: int = 0
    cached: int = 0
    request: int = 0

    @classmethod
    def per_million(cls, prices: tuple[float, float, float, float]) -> TokenPrices:
        """From dollars per million tokens (input, output, cached input) and dollars per request.

        Without a price of their own, cached tokens cost what input tokens do.
        """
        per_token = [round(price * (PICO // 10**6)) for price in prices[:3]]
        return cls(per_token[0], per_token[1], per_token[2] or per_token[0], round(prices[3] * PICO))

    def cost(self, tokens_in: int, tokens_out: int, cached: int) -> int:
        """Picodollars for one request."""
        cached = min(cached, tokens_in)
        return (tokens_in - cached) * self.input + cached * self.cached + tokens_out * self.output + self.request


def price_key(target: str, model: str = "") -> str:
    """Under which name prices are found: of a target, or of one model there."""
    return f"{target}\n{model}" if model else target


class Reading:
    """A Record with its tokens counted: what metric definitions are written against.

    ``source`` says where the tokens come from: ``usage`` (the server's own count), ``estimated`` (the
    prompt as planned, one output token per content chunk) or ``none`` (there is nothing to go by).
    ``first`` is the first content, ``finish`` the last content of a good stream and the end of any other call.
    ``cost`` is in picodollars; None where the target has no prices or the call got nothing to pay for.
    """

    __slots__ = (
        "cached_tokens", "cost", "finish", "first", "good", "input_tokens", "output_tokens", "reasoning_tokens",
        "record", "source",
    )  # fmt: skip

    def __init__(self, record: Record, prices: Mapping[str, TokenPrices]) -> None:
        self.record = record
        call, answer = record.call, record.answer
        usage = answer.usage or _NO_USAGE
        chunks = len(answer.stamps)
        self.good = record.outcome.good
        self.first = answer.stamps[0] if chunks else 0
        self.finish = record.last_content if self.good and chunks and record.last_content else record.end
        answered = self.good or chunks > 0 or answer.usage is not None
        self.cached_tokens = usage.cached
        self.reasoning_tokens = usage.reasoning
        self.input_tokens = usage.input if usage.input is not None else (call.input_tokens or None)
        counted = 0 if call.api is Api.SOCKET else chunks
        self.output_tokens = usage.output if usage.output is not None else (counted or None)
        generating = call.api in GENERATING
        reported = usage.output if generating else usage.input
        known = self.output_tokens if generating else self.input_tokens
        self.source = "usage" if reported is not None else "none" if known is None else "estimated"
        price = None
        if answered and prices:
            price = prices.get(price_key(call.target, call.model)) or prices.get(call.target)
        tokens = (self.input_tokens or 0, self.output_tokens or 0, usage.cached or 0)
        self.cost = price.cost(*tokens) if price else None
