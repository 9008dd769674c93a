"""The workload: call number k is a pure function of the seeds, k and the weights of the moment.

The mix seed decides class and target, the prompt seed everything inside a class (lengths and texts), and the
draws of one call share nothing with those of another. So whoever asks, in whatever order, gets the same
call, and changing one seed leaves what the other decides alone.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from llmload.draws import Draws, mix, unit
from llmload.records import Api, Call, Message
from llmload.workload import lengths, played
from llmload.workload.conversation import expected_session, follow, opened
from llmload.workload.counters import tokens_of
from llmload.workload.datasets import entry_for, messages_for, traced
from llmload.workload.dimensions import Crossing, Cut, Weights
from llmload.workload.images import expected_bytes, expected_image_tokens, image_tokens, images_for, pool_of
from llmload.workload.integrity import LINES, TOKENS_PER_LINE, instruction, nonce_of
from llmload.workload.learning import Correction
from llmload.workload.mix import choose, position_in, shares
from llmload.workload.prompts import expected_prompt_tokens, kind_of, prepare, prompt
from llmload.workload.spec import Patience, RequestClass
from llmload.workload.tokens import estimate_tokens

__all__ = ["ASSUMED_OUTPUT", "Workload", "expected_image_bytes", "expected_tokens"]

ASSUMED_OUTPUT: Final = 150.0
"""Tokens of an answer, on average, where a class doesn't limit it; for planning only."""

_CLASS, _TARGET, _SIZES, _TEXTS, _NONCE, _PATIENCE, _CUTS, _TALK, _RECIPE, _PAIR, _IMAGES = range(11)
"""Streams of random numbers of one call, so that one more draw in one leaves the others alone."""

_UNBOUNDED_BATCH: Final = 2048
"""Largest batch that is counted on where a class doesn't bound it."""

_Payload = tuple["_Content", int | None]
"""What is asked, and the most tokens of the answer."""


class _Content(NamedTuple):
    """What is asked, and its tokens, counted or estimated; ``ids`` in place of ``inputs`` where they are numbers.
    ``most`` and ``params``: most tokens of the answer and further fields, where a data set has them on record."""

    messages: tuple[Message, ...] = ()
    inputs: tuple[str, ...] = ()
    tokens: int = 0
    ids: tuple[tuple[int, ...], ...] = ()
    most: int | None = None
    params: Mapping[str, Any] | None = None


class Workload:
    """Makes calls. ValueError for classes that no call can be made of."""

    __slots__ = (
        "_adapted",
        "_block", "_constant", "_corrections", "_crossings", "_own", "_places", "_seeds", "_seeds_mix", "_strides",
        "classes",
    )  # fmt: skip

    def __init__(self, classes: Sequence[RequestClass], seeds_mix: int, seeds_prompts: int) -> None:
        self.classes = tuple(_seeded(cls, seeds_prompts) for cls in classes)
        self._own = tuple((cls.name, cls.weight) for cls in classes)
        self._places = {cls.name: place for place, cls in enumerate(self.classes)}
        self._seeds_mix = seeds_mix
        self._block = max((len(cls.targets) for cls in self.classes if cls.paired), default=1)
        self._seeds = tuple(mix(seeds_prompts, _number_of(cls.name)) for cls in classes)
        self._strides = tuple(
            (lengths.highest(cls.batch) or _UNBOUNDED_BATCH) + (cls.api is Api.RERANK) for cls in classes
        )
        self._crossings = tuple(Crossing(cls.dimensions, _cut(cls)) for cls in classes)
        _check(self.classes)
        for cls in self.classes:
            if cls.prompt.images is not None:
                pool_of(cls.prompt.images)
        self._constant = tuple(_constant(cls) for cls in classes)
        self._adapted = list(self.classes)
        self._corrections = {
            cls.name: (place, Correction())
            for place, cls in enumerate(self.classes)
            if cls.tokenizer.learn
            and cls.prompt.kind == "synthetic"
            and not cls.paired
            and not (cls.input_from and cls.input_from.block)  # blocks that are shared must stay as they are
        }

    @property
    def learns(self) -> bool:
        """Whether anything is made of what ``learn`` is told."""
        return bool(self._corrections)

    def learn(self, call: Call, reported: int) -> None:
        """Correct the estimates by the tokens that a server reports for the prompt of ``call``."""
        place, correction = self._corrections.get(call.cls, (-1, None))
        texts = [message.content for message in call.messages] or call.inputs
        if correction is None or not texts:
            return
        cls = self.classes[place]
        kind = kind_of(cls.prompt, Draws(self._seeds[place], call.index, _TEXTS))
        other = cls.tokenizer.overhead + image_tokens(cls.prompt.images, call.messages)
        if correction.add(kind, sum(map(estimate_tokens, texts)), max(0, reported - other)):
            self._adapted[place] = replace(cls, prompt=replace(cls.prompt, scale=correction.factors))

    def take_learned(self) -> dict[tuple[str, str], tuple[int, int]]:
        """(class, kind of text) -> tokens estimated and tokens reported since this was last asked."""
        corrections = self._corrections.items()
        return {(cls, kind): sums for cls, (_, each) in corrections for kind, sums in each.take().items()}

    def call(self, index: int, weights: Mapping[str, float] | None = None, values: Weights | None = None) -> Call:
        """Call number ``index``. ``weights`` stand in for the classes' own; classes not named get nothing. ``values``
        does the same for the values of dimensions; a dimension that is not named keeps its own."""
        alone = len(self.classes) == 1 and weights is None
        block = index // self._block
        place = 0 if alone else choose(self._own, unit(self._seeds_mix, block, _CLASS), weights)
        cls = self._adapted[place]
        asked = block if cls.paired else index
        content, most = self._constant[place] or self._drawn(cls, place, asked)
        cut = self._crossings[place].draw(self._seeds_mix, asked, _CUTS, values)
        call = Call(
            index=index,
            cls=cls.name,
            target=self._target(cls, index),
            api=cls.api,
            model=cut.model,
            stream=cls.stream,
            messages=content.messages,
            inputs=content.inputs,
            max_tokens=most,
            input_tokens=content.tokens,
            image_bytes=0 if cls.prompt.images is None else content.messages[-1].image_bytes,
            token_ids=content.ids,
            params={**content.params, **cut.params} if content.params else cut.params,
            headers=cut.headers,
            tags=cut.tags,
            expect_status=cut.expect_status,
            key=cut.key,
            recipe=cls.recipe,
        )
        if cls.conversation is not None:
            call = opened(call, cls, mix(self._seeds[place], index, _TALK))
        return self._dressed(call, cls, place)

    def _dressed(self, call: Call, cls: RequestClass, place: int) -> Call:
        """With what some classes only have: a nonce, a user in a hurry."""
        if not cls.integrity and cls.patience is None:
            return call
        seed = self._seeds[place] if not call.turn else mix(self._seeds[place], call.turn, _TALK)
        if cls.integrity:
            call = _marked(call, cls, nonce_of(mix(seed, call.index, _NONCE)))
        return call if cls.patience is None else _hurried(call, cls.patience, Draws(seed, call.index, _PATIENCE))

    def follow(self, call: Call, answer: str) -> tuple[Call, float] | None:
        """The next call of the session of ``call``, which got ``answer``, and how many seconds after it; None: over."""
        place = self._places[call.cls]
        cls = self.classes[place]
        row = entry_for(cls.prompt, self._seeds[place], call.index * self._strides[place]) if cls.plays else None
        found = follow(call, answer, cls, mix(self._seeds[place], call.index, _TALK), row)
        return found and (self._dressed(found[0], cls, place), found[1])

    def _drawn(self, cls: RequestClass, place: int, index: int) -> _Payload:
        if cls.input_from is not None or cls.output_from is not None:
            cls = traced(cls, index)
        seed = self._seeds[place]
        sizes = Draws(seed, index, _SIZES)
        texts = Draws(seed, index, _TEXTS)
        first = 0 if cls.prompt.data is not None else seed  # entries in their order begin with the first
        return _payload(cls, sizes, texts, first + index * self._strides[place], seed)

    def _target(self, cls: RequestClass, index: int) -> str:
        if len(cls.targets) == 1:
            return cls.targets[0]
        if cls.paired:
            return self._in_turn(cls.targets, *divmod(index, self._block))
        if cls.target_weights:
            own = tuple(zip(cls.targets, cls.target_weights, strict=True))
            return cls.targets[position_in(own, unit(self._seeds_mix, index, _TARGET))]
        return cls.targets[mix(self._seeds_mix, index, _TARGET) * len(cls.targets) >> 64]

    def _in_turn(self, targets: Sequence[str], block: int, position: int) -> str:
        """Of a block of calls that ask the same, each goes to another target, in an order drawn for the block."""
        left, draws = list(targets), Draws(self._seeds_mix, block, _PAIR)
        order = [left.pop(draws.below(len(left))) for _ in range(len(left))]
        return order[position]


def _marked(call: Call, cls: RequestClass, nonce: str) -> Call:
    """The call with a nonce that its answer has to carry."""
    call = replace(call, nonce=nonce, integrity=cls.integrity, headers={**call.headers, "x-request-id": nonce})
    if cls.integrity == "echo" and call.messages and call.messages[-1].role != "user":
        return replace(call, integrity="")  # a tool's result on record, which is no prompt to be sent back
    if cls.integrity != "instructed":
        return call
    lines = LINES if call.max_tokens is None else max(1, call.max_tokens // TOKENS_PER_LINE)
    text = instruction(nonce, lines)
    if call.api is Api.COMPLETIONS:
        return replace(call, inputs=(text,), input_tokens=tokens_of(text, cls.tokenizer))
    if call.messages[-1].role != "user":  # a tool's result, which the model is to work on
        return replace(call, integrity="")
    messages = (*call.messages[:-1], Message("user", text))
    tokens = sum(tokens_of(message.content, cls.tokenizer) for message in messages)
    return replace(call, messages=messages, input_tokens=tokens)


def _hurried(call: Call, patience: Patience, draws: Draws) -> Call:
    """The call of a user who may leave before it ends."""
    if draws.unit() >= patience.share:
        return call
    after = patience.after * (-math.log1p(-draws.unit()) if patience.random else 1.0)
    chunks = max(1, lengths.draw(patience.chunks, draws)) if patience.chunks else 0
    return replace(call, leave_after=max(1, round(after * 10**9)) if after else 0, leave_chunks=chunks)


def expected_tokens(cls: RequestClass) -> tuple[float, float]:
    """Mean (input, output) tokens of an arrival of this class, a call or a whole session: estimates to plan by.

    The output is taken to reach ``max_tokens``, which it won't always; without that, ``ASSUMED_OUTPUT``.
    """
    if cls.api is Api.MODELS or (cls.recipe is not None and "prompt" not in cls.recipe.names):
        return 0.0, 0.0
    if cls.plays:
        return played.expected(cls, ASSUMED_OUTPUT)
    text = expected_prompt_tokens(cls.prompt, cls.tokenizer) + cls.tokenizer.overhead
    text += expected_image_tokens(cls.prompt.images)
    if cls.recipe is not None:
        return text, 0.0
    if cls.api is Api.EMBEDDINGS:
        return text * max(1.0, lengths.mean(cls.batch)), 0.0
    if cls.api is Api.RERANK:
        return text * (1.0 + max(1.0, lengths.mean(cls.batch))), 0.0
    output = ASSUMED_OUTPUT if cls.max_tokens is None else lengths.mean(cls.max_tokens)
    system = tokens_of(cls.prompt.system, cls.tokenizer)
    if cls.conversation is not None:
        return expected_session(cls.conversation, system, text, output)
    return text + system, output


def expected_image_bytes(cls: RequestClass) -> float:
    """Bytes of pictures that an arrival of this class sends, on average; of a session, whose calls send again those of
    the turns before, at most: as if its context had no bound."""
    each, talk = expected_bytes(cls.prompt.images), cls.conversation
    if talk is None or talk.turns is None:
        return each
    uses, turns = lengths.mean(talk.tools) if talk.tools else 0.0, max(1.0, lengths.mean(talk.turns))
    return each * (1.0 + uses) * turns * (turns + 1.0) / 2


def _cut(cls: RequestClass) -> Cut:
    """What a call of the class is where no dimension cuts it."""
    return Cut(cls.tags, cls.headers, cls.params, "", cls.model, cls.expect_status)


def _number_of(name: str) -> int:
    """The same number for the same class name in every process (``hash`` is not)."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")


def _seeded(cls: RequestClass, seed: int) -> RequestClass:
    """The class, with a seed for what is random in its requests."""
    if cls.prompt.images is not None:
        pictures = replace(cls.prompt.images, seed=mix(seed, _number_of(cls.name), _IMAGES))
        cls = replace(cls, prompt=replace(cls.prompt, images=pictures))
    if cls.recipe is None:
        return cls
    return replace(cls, recipe=replace(cls.recipe, seed=mix(seed, _number_of(cls.name), _RECIPE)))


def _check(classes: tuple[RequestClass, ...]) -> None:
    shares(classes)
    for cls in classes:
        try:
            if not cls.targets:
                raise ValueError("it has no target")
            for sizes in (cls.batch, cls.max_tokens, cls.patience.chunks if cls.patience else None):
                if sizes is not None:
                    lengths.check(sizes)
            if cls.api is not Api.MODELS:
                prepare(cls.prompt, cls.tokenizer)
        except ValueError as error:
            raise ValueError(f"class {cls.name}: {error}") from None


def _payload(cls: RequestClass, sizes: Draws, texts: Draws, ordinal: int, seed: int) -> _Payload:
    content = _CONTENTS[cls.api](cls, sizes, texts, ordinal, seed)
    if cls.tokenizer.overhead and content.tokens:
        content = content._replace(tokens=content.tokens + cls.tokenizer.overhead)
    limited = cls.max_tokens is not None and cls.api in _ANSWERED_IN_TEXT
    return content, max(1, lengths.draw(cls.max_tokens, sizes)) if limited and cls.max_tokens else content.most


def _constant(cls: RequestClass) -> _Payload | None:
    """What every call of the class says, where nothing in it is drawn; None elsewhere."""
    if cls.output_from is not None:
        return None
    sizes = () if cls.max_tokens is None else (cls.max_tokens,)
    shared = cls.prompt.prefix or cls.prompt.cache_bust or cls.prompt.images
    if (
        cls.api not in _ANSWERED_IN_TEXT
        or cls.prompt.kind != "text"
        or shared
        or any(size.kind != "fixed" for size in sizes)
    ):
        return None
    return _payload(cls, Draws(0, 0), Draws(0, 0), 0, 0)


def _nothing(cls: RequestClass, sizes: Draws, texts: Draws, ordinal: int, seed: int) -> _Content:
    return _Content()


def _chat(cls: RequestClass, sizes: Draws, texts: Draws, ordinal: int, seed: int) -> _Content:
    if cls.prompt.data is not None:
        entry = entry_for(cls.prompt, seed, ordinal)
        asked = entry.turns[0].messages if cls.plays else entry.messages
        said, count = messages_for(cls.prompt, asked, cls.tokenizer)
        return _Content(said, tokens=count, most=entry.max_tokens, params=entry.params)
    text, tokens, _ = prompt(cls.prompt, texts, ordinal, cls.tokenizer, seed)
    asked = (Message("user", text, images_for(cls.prompt.images, texts)),)
    tokens += image_tokens(cls.prompt.images, asked)
    if not cls.prompt.system:
        return _Content(asked, tokens=tokens)
    system = cls.prompt.system
    return _Content((Message("system", system), *asked), tokens=tokens + tokens_of(system, cls.tokenizer))


def _completion(cls: RequestClass, sizes: Draws, texts: Draws, ordinal: int, seed: int) -> _Content:
    """One prompt; there being no roles, a system prompt stands before it."""
    text, tokens, ids = prompt(cls.prompt, texts, ordinal, cls.tokenizer, seed)
    if not cls.prompt.system:
        return _Content((), () if ids else (text,), tokens, (ids,) if ids else ())
    before = f"{cls.prompt.system}\n\n"
    return _Content((), (before + text,), tokens + tokens_of(before, cls.tokenizer))


def _batch(cls: RequestClass, sizes: Draws, texts: Draws, ordinal: int, seed: int) -> _Content:
    size = max(1, lengths.draw(cls.batch, sizes))
    made = [prompt(cls.prompt, texts, ordinal + item, cls.tokenizer, seed) for item in range(size)]
    ids = tuple(each.ids for each in made if each.ids)
    return _Content((), () if ids else tuple(each.text for each in made), sum(each.tokens for each in made), ids)


def _ranked(cls: RequestClass, sizes: Draws, texts: Draws, ordinal: int, seed: int) -> _Content:
    """A query, and the documents to be put in order."""
    size = 1 + max(1, lengths.draw(cls.batch, sizes))
    made = [prompt(cls.prompt, texts, ordinal + item, cls.tokenizer, seed) for item in range(size)]
    return _Content((), tuple(each.text for each in made), sum(each.tokens for each in made))


def _recipe(cls: RequestClass, sizes: Draws, texts: Draws, ordinal: int, seed: int) -> _Content:
    """A prompt where the request has a place for it."""
    if cls.recipe is None or "prompt" not in cls.recipe.names:
        return _Content()
    text, tokens, _ = prompt(cls.prompt, texts, ordinal, cls.tokenizer, seed)
    return _Content((), (text,), tokens)


_CONTENTS: Final[Mapping[Api, Callable[[RequestClass, Draws, Draws, int, int], _Content]]] = {
    Api.CHAT: _chat,
    Api.COMPLETIONS: _completion,
    Api.EMBEDDINGS: _batch,
    Api.MODELS: _nothing,
    Api.RERANK: _ranked,
    Api.HTTP: _recipe,
    Api.SOCKET: _recipe,
}
_ANSWERED_IN_TEXT: Final = frozenset({Api.CHAT, Api.COMPLETIONS})
