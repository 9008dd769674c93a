"""Conversations: what a user says next, given what was said so far. Pure.

A session is the call of an arrival and the calls that follow from it. Its course is drawn beforehand (how many turns,
and how often a tool is used in each), so that it depends on the seeds and the arrival alone; with
``history = "real"`` the texts of the assistant are what the target answered, with "scripted" made-up ones, the same in
every run. Where sessions are rows of a data set, what the user says and how often comes from there (``played``).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from llmload.data.entry import Entry
from llmload.draws import Draws, mix
from llmload.records import Call, Message, Tool, ToolCall
from llmload.workload import lengths, played
from llmload.workload.counters import tokens_of
from llmload.workload.images import image_tokens, images_for
from llmload.workload.prompts import prompt
from llmload.workload.spec import Conversation, Lengths, RequestClass
from llmload.workload.text import compose

__all__ = ["TOOL", "TURN", "expected_session", "follow", "opened", "steps"]

TURN: Final = "turn"
"""The tag that says which turn a call is, from 1; a call that brings a tool's result is of the turn it is made in."""
TOOL: Final = (
    Tool(
        "look_up",
        "Looks something up.",
        {"type": "object", "properties": {"subject": {"type": "string"}}, "required": ["subject"]},
    ),
)
"""What every class that uses tools declares."""
_ANSWER: Final = Lengths("uniform", low=50, high=250)
"""Tokens of a scripted answer, where the class does not limit answers."""
_COURSE, _TEXTS, _SIZES, _ANSWERS, _PAUSES = range(5)
"""Streams of random numbers of one step."""


def opened(call: Call, cls: RequestClass, seed: int) -> Call:
    """The first call of a session: it has a name, and says so."""
    talk = cls.conversation
    assert talk is not None
    session = f"{mix(seed, call.index):016x}"
    headers = {**call.headers, talk.header: session} if talk.header else call.headers
    return replace(
        call, session=session, headers=headers, tags=(*call.tags, (TURN, "1")), tools=TOOL if talk.tools else call.tools
    )


def expected_session(talk: Conversation, system: float, text: float, answer: float) -> tuple[float, float]:
    """Mean (input, output) tokens of a whole session of average length, whose turns ask ``text`` tokens: every call
    sends again all that was said before, up to the context."""
    uses = lengths.mean(talk.tools) if talk.tools else 0.0
    turns = max(1.0, lengths.mean(talk.turns)) if talk.turns else 1.0
    calls = turns * (1.0 + uses)
    first = system + text
    added = answer + (text + uses * lengths.mean(talk.tool_result)) / (1.0 + uses)
    room = max(0.0, talk.context - first) if talk.context else math.inf
    growing = min(calls, 1.0 + room // added) if added else calls
    sent = growing * (first + added * (growing - 1.0) / 2) + (calls - growing) * max(first, talk.context)
    return sent, calls * answer


def steps(talk: Conversation, seed: int, index: int, row: Entry | None = None) -> tuple[bool, ...]:
    """The calls of a session: whether each brings a tool's result (True) or something the user says."""
    draws = Draws(seed, index, _COURSE)
    turns = max(1, lengths.draw(talk.turns, draws)) if talk.turns else None
    if row is not None:
        return played.steps(row, turns)
    course: list[bool] = []
    for _ in range(turns or 1):
        course += [False, *([True] * lengths.draw(talk.tools, draws) if talk.tools else ())]
    return tuple(course)


def follow(
    call: Call, answer: str, cls: RequestClass, seed: int, row: Entry | None = None
) -> tuple[Call, float] | None:
    """What comes after ``call``, which got ``answer``, and how many seconds later; None: the session is over. ``row``:
    what is played in it."""
    talk = cls.conversation
    assert talk is not None
    course, step = steps(talk, seed, call.index, row), call.turn + 1
    if step >= len(course):
        return None
    own = mix(seed, call.index, step)
    if row is not None:
        added = played.said(row, step, answer if talk.history == "real" else None)
        pause = talk.tool_time if course[step] else _thought(talk, own)
    else:
        said = answer if talk.history == "real" else _scripted(call, cls, own)
        added, pause = _tool(said, talk, own, step) if course[step] else _user(said, cls, talk, own)
    messages = _trimmed((*call.messages, *added), talk.context, cls)
    most = max(1, lengths.draw(cls.max_tokens, Draws(own, 0, _SIZES))) if cls.max_tokens else call.max_tokens
    turn = (TURN, str(max(1, step + 1 - sum(course[: step + 1]))))
    following = replace(
        call,
        messages=messages,
        turn=step,
        max_tokens=most,
        input_tokens=_tokens(messages, cls) + cls.tokenizer.overhead,
        image_bytes=sum(message.image_bytes for message in messages) if cls.prompt.images else 0,
        tags=(*(tag for tag in call.tags if tag[0] != TURN), turn),
    )
    return following, pause


def _user(said: str, cls: RequestClass, talk: Conversation, own: int) -> tuple[tuple[Message, ...], float]:
    draws = Draws(own, 0, _TEXTS)
    text = prompt(cls.prompt, draws, own, cls.tokenizer).text
    asked = Message("user", text, images_for(cls.prompt.images, draws))
    return (Message("assistant", said), asked), _thought(talk, own)


def _thought(talk: Conversation, own: int) -> float:
    """Seconds between an answer and what the user says next."""
    return talk.think * (-math.log1p(-Draws(own, 0, _PAUSES).unit()) if talk.think_random else 1.0)


def _tool(said: str, talk: Conversation, own: int, step: int) -> tuple[tuple[Message, ...], float]:
    """The assistant is taken to have called the tool with its answer; the tool's result goes back to it."""
    draws = Draws(own, 0, _TEXTS)
    used = ToolCall(f"call_{own:016x}_{step}", TOOL[0].name, '{"subject":"the matter at hand"}')
    result = compose("technical", max(1, lengths.draw(talk.tool_result, draws)), draws, own)
    assistant = Message("assistant", said, tool_calls=(used,))
    return (assistant, Message("tool", result, tool_call_id=used.id)), talk.tool_time


def _scripted(call: Call, cls: RequestClass, own: int) -> str:
    draws = Draws(own, 0, _ANSWERS)
    return compose("prose", call.max_tokens or lengths.draw(_ANSWER, draws), draws, own)


def _trimmed(messages: tuple[Message, ...], context: int, cls: RequestClass) -> tuple[Message, ...]:
    """Without the oldest turns where they are more than ``context`` tokens; what the system says stays."""
    if not context:
        return messages
    system = messages[:1] if messages[0].role == "system" else ()
    rest = messages[len(system) :]
    while _tokens((*system, *rest), cls) > context:
        later = next((place for place, message in enumerate(rest) if place and message.role == "user"), 0)
        if not later:  # what is being asked now stays, however long it is
            break
        rest = rest[later:]
    return (*system, *rest)


def _tokens(messages: Iterable[Message], cls: RequestClass) -> int:
    said = tuple(messages)
    return sum(tokens_of(each.content, cls.tokenizer) for each in said) + image_tokens(cls.prompt.images, said)
