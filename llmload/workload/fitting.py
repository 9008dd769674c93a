"""Prompts of exactly so many tokens where only the target can count: fitted before a run, many at a time.

Texts are composed at their estimated length, counted all at once by whoever drives ``fit``, cut at the end or made
longer with words of their own, and counted again, until a word or two of one token each is all that is missing. That
takes some four rounds, however many texts there are; nothing is counted while calls are made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import ceil
from typing import Final

from llmload.records import Api, Call
from llmload.workload.exact import FILLERS
from llmload.workload.spec import Fitted, RequestClass
from llmload.workload.tokens import estimate_tokens
from llmload.workload.workload import Workload

__all__ = ["Rounds", "fit", "fixed_texts", "made_texts", "told"]

Rounds = Generator[list[str], Sequence[int], dict[str, tuple[str, int]]]
"""Yields texts to count, is sent their tokens, returns what became of each text, and its tokens."""

_ROUNDS: Final = 12
"""Most times that a text is mended."""
_FEW: Final = 8
"""Tokens that are missing up to which fillers are put on; more are made up with words."""
_TRIED: Final = 5
"""How often a filler is put on to see whether it is one token each time."""
_SEARCHED: Final = 50
"""Calls looked through for each prompt of a class that is wanted: a rare class may have fewer."""


def fit(texts: Iterable[str]) -> Rounds:
    """Make each of ``texts`` as long, by the counts that are sent, as it is by estimate.

    One that resists is returned with the tokens that it has.
    """
    wished = {text: estimate_tokens(text) for text in texts}
    if not wished:
        return {}
    filler = yield from _filler()
    now = {text: text for text in wished}
    counts = dict(zip(wished, (yield list(wished)), strict=True))
    for _ in range(_ROUNDS):
        off = [text for text, tokens in wished.items() if counts[text] != tokens]
        if not off:
            break
        for text in off:
            now[text] = _mended(now[text], counts[text], wished[text], filler)
        counts |= zip(off, (yield [now[text] for text in off]), strict=True)
    return {text: (now[text], counts[text]) for text in wished}


def _filler() -> Generator[list[str], Sequence[int], str]:
    """What adds one token each time it is put behind a text."""
    text = "Say what it is"
    bare, *filled = yield [text, *(text + filler * _TRIED for filler in FILLERS)]
    return next((filler for filler, count in zip(FILLERS, filled, strict=True) if count == bare + _TRIED), FILLERS[0])


def _mended(text: str, have: int, wished: int, filler: str) -> str:
    """``text`` brought nearer to ``wished`` tokens."""
    lacking = wished - have
    letters = ceil(abs(lacking) * len(text) / max(1, have))
    if lacking < 0:
        kept = max(1, len(text) - letters)
        end = max(text.rfind(" ", 0, kept + 1), text.rfind("\n", 0, kept + 1))
        return text[: end if end > 0 else kept]
    if lacking <= _FEW or not letters:
        return text + filler * lacking
    again = text.partition(": ")[2] or text
    return text + "\n" + (again * ceil(letters / len(again)))[:letters].rpartition(" ")[0]


def made_texts(
    workload: Workload, weights: Sequence[Mapping[str, float] | None], calls: int | None
) -> dict[str, dict[str, None]]:
    """Class -> the made-up texts, in order, of the first ``calls`` calls (None: of as many as it takes) of each class
    whose target counts, as the mix has it by any of ``weights``; as many as the class wants counted."""
    wanted = {cls.name: cls for cls in workload.classes if _is_fitted(cls)}
    found: dict[str, dict[str, None]] = {name: {} for name in wanted}
    searched = _SEARCHED * max((cls.tokenizer.prompts for cls in wanted.values()), default=0)
    for index in range(searched if calls is None else min(calls, searched)):
        short = {name for name, cls in wanted.items() if len(found[name]) < cls.tokenizer.prompts}
        if not short:
            break
        for weight in weights:
            call = workload.call(index, weight)
            if call.cls in short:
                found[call.cls] |= dict.fromkeys(_made(call, wanted[call.cls]))
    return found


def _is_fitted(cls: RequestClass) -> bool:
    asks = cls.api is not Api.MODELS and cls.integrity != "instructed"
    return cls.tokenizer.kind == "server" and cls.prompt.kind == "synthetic" and asks


def _made(call: Call, cls: RequestClass) -> Iterator[str]:
    if call.messages:
        yield call.messages[-1].content
    for text in call.inputs:
        yield text.removeprefix(_before(cls))


def _before(cls: RequestClass) -> str:
    """What a system prompt is in an API without roles."""
    return f"{cls.prompt.system}\n\n"


def fixed_texts(cls: RequestClass) -> list[str]:
    """The texts of a class that are what they are, and are only to be counted."""
    prompt = cls.prompt
    system = (prompt.system, _before(cls)) if prompt.system else ()
    return [text for text in dict.fromkeys((*system, prompt.text, *prompt.entries)) if text]


def told(cls: RequestClass, fitted: Mapping[str, tuple[str, int]], fixed: Mapping[str, int]) -> RequestClass:
    """The class, with what its target said of its texts."""
    known = {**fixed, **dict(fitted.values())}
    digest = hashlib.sha256(repr(sorted(known.items())).encode("utf-8", "surrogatepass")).hexdigest()
    made = Fitted(fitted, tuple(fitted.values())) if fitted else None
    tokenizer = replace(cls.tokenizer, known=known, digest=digest)
    return replace(cls, tokenizer=tokenizer, prompt=replace(cls.prompt, fitted=made))
