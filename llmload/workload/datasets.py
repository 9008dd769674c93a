"""Calls out of a data set or a trace: which row a call takes, and what it says."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from llmload.data.dataset import data_set, sample
from llmload.data.entry import Entry
from llmload.data.traces import trace_rows
from llmload.draws import mix, permuted
from llmload.records import Message
from llmload.workload.counters import tokens_of
from llmload.workload.spec import Lengths, PromptSpec, RequestClass, TokenizerSpec

__all__ = ["entry_for", "expected_entry_tokens", "messages_for", "traced"]

_ORDER: Final = 0x6F72646572
"""Of the random numbers that put a data set's entries in order."""


def entry_for(spec: PromptSpec, seed: int, place: int) -> Entry:
    """The entry of a call: number ``place``, in the file's order or in one drawn for each pass over it."""
    assert spec.data is not None
    entries = data_set(spec.data)
    if spec.data.order == "random":
        lap, place = divmod(place, len(entries))
        place = permuted(mix(seed ^ _ORDER, lap), place, len(entries))
    return entries.entry(place)


def messages_for(
    spec: PromptSpec, messages: tuple[Message, ...], tokenizer: TokenizerSpec
) -> tuple[tuple[Message, ...], int]:
    """Messages of an entry and their tokens. The class's system message is for entries that have none of their own."""
    if spec.system and all(message.role != "system" for message in messages):
        messages = (Message("system", spec.system), *messages)
    return messages, sum(tokens_of(message.content, tokenizer) for message in messages)


def expected_entry_tokens(spec: PromptSpec, tokenizer: TokenizerSpec) -> float:
    """Tokens of an entry's request, on average over a sample, without the class's system message."""
    assert spec.data is not None
    counts = [sum(tokens_of(message.content, tokenizer) for message in entry.messages) for entry in sample(spec.data)]
    return sum(counts) / len(counts)


def traced(cls: RequestClass, index: int) -> RequestClass:
    """The class with the lengths that its trace has for call ``index``; after the last row the first comes again."""
    if cls.input_from is not None:
        trace = cls.input_from
        lap, place = divmod(index, trace.rows)
        row = trace_rows(trace).row(place)
        # What comes again in another lap is new to a cache, as the hits of the trace are those of one pass.
        blocks = tuple(mix(number, lap) for number in row.blocks) if trace.block else ()
        tokens = Lengths("fixed", low=max(1, row.input))
        cls = replace(cls, prompt=replace(cls.prompt, tokens=tokens, blocks=blocks, block=trace.block))
    if cls.output_from is not None:
        trace = cls.output_from
        cls = replace(
            cls, max_tokens=Lengths("fixed", low=max(1, trace_rows(trace, "answers").row(index % trace.rows).output))
        )
    return cls
