"""Whether an answer is whole, in order, and that of its own request: what a fast wrong answer can't fake.

Every request that is looked at has a nonce. Three kinds of target can carry it:

- ``sim``: the simulator, each of whose tokens names the request it belongs to (by a hash of its ``x-request-id``,
  which is the nonce), the choice, and its place in the answer;
- ``echo``: a target that sends the prompt back as it came;
- ``instructed``: a model that was told to write numbered lines that hold the nonce (``workload.integrity``).

The first thing that is wrong is named: cross-talk (text of another request), loss, duplication, disorder, or text that
is none of these.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from llmload.records import Answer, Call

__all__ = ["problem"]

_TOKEN: Final = re.compile(r"[a-z]+\.([0-9a-f]{8})\.\d+\.(\d+)")
_LINE: Final = re.compile(r"([0-9a-f]{16})-(\d+)")


class _Item(NamedTuple):
    """A piece of an answer that says whose it is and which it is; "" and -1 for one that says neither."""

    owner: str
    number: int


def problem(call: Call, answer: Answer) -> str:
    """What is wrong with an answer that ended well, in words that begin with the kind of it; "" if nothing is."""
    return _CHECKS[call.integrity](call, "".join(answer.text or ()), answer)


def _sim(call: Call, text: str, answer: Answer) -> str:
    owner = hashlib.blake2s(call.nonce.encode(), digest_size=4).hexdigest()
    return _sequence(list(_items(_TOKEN, text.split())), owner, _said(call, answer), first=0)


_THINKING: Final = frozenset({"thinking", "think", "additionalModelRequestFields"})
"""Params by which APIs are asked for thoughts that do not count them apart from the rest of the output."""


def _said(call: Call, answer: Answer) -> int | None:
    """Tokens of an answer's text; None where that is not known: a call of a tool, thoughts that nobody counted."""
    usage = answer.usage
    if usage is None or usage.output is None or answer.tool_calls:
        return None
    if usage.reasoning is None and not _THINKING.isdisjoint(call.params):
        return None
    return usage.output - (usage.reasoning or 0)


def _instructed(call: Call, text: str, answer: Answer) -> str:
    """Models add a greeting or a list's marks: only what looks like one of our codes counts."""
    found = [_Item(match[1], int(match[2])) for match in _LINE.finditer(text)]
    # A limit on tokens may cut the list short, which is no loss; a model that stops by itself has written all.
    wanted = _last_number(call) if answer.finish not in ("length", "max_tokens") else None
    if not found:
        return "loss: none of the numbered codes that were asked for is in the answer"
    return _sequence(found, call.nonce, wanted, first=1)


def _last_number(call: Call) -> int | None:
    asked = _LINE.findall(call.messages[-1].content if call.messages else "".join(call.inputs))
    return int(asked[-1][1]) if asked else None


def _items(pattern: re.Pattern[str], words: Sequence[str]) -> Iterator[_Item]:
    for word in words:
        match = pattern.fullmatch(word)
        yield _Item(match[1], int(match[2])) if match else _Item("", -1)


def _sequence(items: Sequence[_Item], owner: str, wanted: int | None, first: int) -> str:
    for place, item in enumerate(items, first):
        if item.number < 0:
            return f"foreign text: piece {place} is none that was asked for"
        if item.owner != owner:
            return f"cross-talk: piece {place} belongs to another request"
        if item.number != place:
            return _misplaced(items, place, first)
    if wanted is not None and len(items) < wanted:
        return f"loss: {wanted - len(items)} of {wanted} pieces are missing at the end"
    if wanted is not None and len(items) > wanted:
        return f"duplication: {len(items)} pieces where there are {wanted}"
    return ""


def _misplaced(items: Sequence[_Item], place: int, first: int) -> str:
    found = items[place - first].number
    if found < place:
        return f"duplication: piece {found} came again in place of piece {place}"
    later = any(item.number == place for item in items[place - first :])
    return f"disorder: piece {found} came before piece {place}" if later else f"loss: piece {place} is missing"


def _echo(call: Call, text: str, answer: Answer) -> str:
    sent = (call.messages[-1].content if call.messages else "".join(call.inputs)).split()
    got = text.split()
    for place, (mine, theirs) in enumerate(zip(sent, got, strict=False)):
        if mine != theirs:
            return _unlike(sent, got, place)
    if len(got) < len(sent):
        cut = answer.finish in ("length", "max_tokens")
        return "" if cut else f"loss: {len(sent) - len(got)} of {len(sent)} words are missing at the end"
    return f"duplication: {len(got)} words where {len(sent)} were sent" if len(got) > len(sent) else ""


_CONTEXT: Final = 3
"""Words that must agree for a shift to be called one: texts repeat short words."""


def _unlike(sent: Sequence[str], got: Sequence[str], place: int) -> str:
    """Where the two part ways: the echo goes on later or earlier in what was sent, or nowhere."""
    ahead = tuple(got[place : place + _CONTEXT])
    for kind, words, starts in (
        ("loss", "is missing", range(place + 1, len(sent))),
        ("duplication", "came again", range(place - 1, -1, -1)),
    ):
        if any(tuple(sent[start : start + len(ahead)]) == ahead for start in starts):
            return f"{kind}: what stands at word {place} {words}"
    return f"cross-talk: word {place} is none that was sent there"


_CHECKS: Final[Mapping[str, Callable[[Call, str, Answer], str]]] = {
    "sim": _sim,
    "echo": _echo,
    "instructed": _instructed,
}
