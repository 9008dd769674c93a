"""Conversations on record, played turn by turn: what the user said goes out again, each time with all that was before.

The answers in the history are the target's own or those on record; the rest of a row (system messages, results of
tools and which answers used them) is sent as it stands there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from llmload.data.dataset import sample
from llmload.data.entry import Entry, Turn
from llmload.records import Message
from llmload.workload import lengths
from llmload.workload.counters import tokens_of
from llmload.workload.datasets import messages_for
from llmload.workload.spec import Conversation, RequestClass, TokenizerSpec

__all__ = ["expected", "said", "steps"]


def steps(row: Entry, turns: int | None) -> tuple[bool, ...]:
    """The calls of a row of at most ``turns`` turns: whether each brings a tool's result (True) or the user's words."""
    course: list[bool] = []
    for turn in row.turns:
        of_tool = turn.messages[-1].role == "tool"
        if course and not of_tool and turns is not None and course.count(False) >= turns:
            break
        course.append(of_tool)
    return tuple(course)


def said(row: Entry, step: int, answer: str | None) -> tuple[Message, ...]:
    """What is new in call ``step`` (from 1): the answer before it, as on record or with the target's text
    in its place, and what was said then. Which tools an answer used stays on record: their results follow."""
    before = row.turns[step - 1].answer
    assert before is not None  # only the last turn of an entry may have none
    answered = before if answer is None else Message("assistant", answer, tool_calls=before.tool_calls)
    return answered, *row.turns[step].messages


def expected(cls: RequestClass, assumed: float) -> tuple[float, float]:
    """Mean (input, output) tokens of a session, over a sample of the rows. Answers are as long as the class lets them
    be, else as those on record, else ``assumed`` tokens."""
    spec, talk = cls.prompt, cls.conversation
    assert spec.data is not None
    assert talk is not None
    turns = None if talk.turns is None else max(1, round(lengths.mean(talk.turns)))
    each = [_tokens(row, row.turns[: len(steps(row, turns))], cls, talk, assumed) for row in sample(spec.data)]
    return sum(sent for sent, _ in each) / len(each), sum(got for _, got in each) / len(each)


def _tokens(
    row: Entry, turns: Sequence[Turn], cls: RequestClass, talk: Conversation, assumed: float
) -> tuple[float, float]:
    """(input, output) tokens of one session."""
    limit = row.max_tokens if cls.max_tokens is None else lengths.mean(cls.max_tokens)
    first = row.turns[0].messages
    before = float(messages_for(cls.prompt, first, cls.tokenizer)[1] - _count(first, cls.tokenizer))
    sent = got = 0.0
    for turn in turns:
        before += _count(turn.messages, cls.tokenizer)
        sent += (min(before, talk.context) if talk.context else before) + cls.tokenizer.overhead
        recorded = assumed if turn.answer is None else float(_count((turn.answer,), cls.tokenizer))
        written = recorded if limit is None else float(limit)
        got += written
        before += written if talk.history == "real" else recorded
    return sent, got


def _count(messages: Iterable[Message], tokenizer: TokenizerSpec) -> int:
    return sum(tokens_of(message.content, tokenizer) for message in messages)
