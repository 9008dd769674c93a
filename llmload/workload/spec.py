"""What a request is made of, as frozen values: the resolved form of a scenario's ``[classes]``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from llmload.data.dataset import DataSpec
from llmload.data.traces import Trace
from llmload.recipes import HttpRecipe, SocketRecipe
from llmload.records import Api
from llmload.workload.dimensions import Dimension
from llmload.workload.retry import RetryPolicy

__all__ = [
    "ESTIMATE",
    "Conversation",
    "Fitted",
    "ImageSpec",
    "Lengths",
    "Patience",
    "Prefix",
    "PromptSpec",
    "Repeat",
    "RequestClass",
    "TokenizerSpec",
]


@dataclass(frozen=True, slots=True)
class TokenizerSpec:
    """How the tokens of a prompt are counted.

    ``file``: with the ``tokenizer.json`` at the path ``name`` (its SHA-256 is ``digest``). ``tiktoken``: with
    tiktoken's encoding ``name``. ``server``: by the target itself, for its model ``name``, before the run: ``prompts``
    of each class, at most; ``known`` is what it said of texts (``digest`` stands for that), any other is estimated.
    ``estimate``: with no vocabulary at all. ``overhead``: tokens that the target adds to each request (chat template,
    beginning of text), which belong to no text and are planned for in every call.
    ``learn``: estimates are corrected by what the target's usage says.
    """

    kind: Literal["estimate", "file", "tiktoken", "server"] = "estimate"
    name: str = ""
    digest: str = ""
    overhead: int = 0
    learn: bool = False
    prompts: int = 0
    known: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)


ESTIMATE: Final = TokenizerSpec()


@dataclass(frozen=True, slots=True)
class Lengths:
    """A distribution of whole numbers >= ``low`` (tokens of a prompt, size of a batch, ``max_tokens``).

    ``fixed``: always ``low``. ``uniform``: low..high, both included. ``normal`` and ``lognormal``: of
    that ``mean`` and standard deviation ``sd`` (of the number itself, not of its logarithm), redrawn into
    low..high. ``choice``: one of ``parts``, a tuple of (weight, Lengths), e.g. 30 % 10-50, 70 % 50-150.
    """

    kind: Literal["fixed", "uniform", "normal", "lognormal", "choice"]
    low: int = 1
    high: int = 0
    mean: float = 0.0
    sd: float = 0.0
    parts: tuple[tuple[float, Lengths], ...] = ()


@dataclass(frozen=True, slots=True)
class Repeat:
    """A ``share`` of the prompts is one of ``pool`` that come again and again.

    ``similarity``: how much of such a prompt, from its beginning, is the same each time; the rest is new.
    """

    share: float
    pool: int = 20
    similarity: float = 1.0


@dataclass(frozen=True, slots=True)
class Prefix:
    """One level of the tree of beginnings that prompts share: ``pool`` different ones of ``tokens`` tokens behind each
    of the level before. A ``share`` of the prompts that have those goes on to this level."""

    tokens: int
    pool: int = 1
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """Made-up pictures beside the text of each prompt: ``count`` of them, taken from a ``pool`` of pictures that have
    ``width`` x ``height`` pixels and ``size`` bytes (0: as many as a photograph of that size). ``tokens``: what the
    target counts each for, which is planned for."""

    count: Lengths
    width: Lengths
    height: Lengths
    format: Literal["png", "jpeg"] = "png"
    size: int = 0
    pool: int = 8
    tokens: int = 0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Fitted:
    """Made-up prompts of which the target said how long they are: ``texts`` by the text that they were made of, each
    with its tokens; ``pool``: the same in their order, for prompts that are not among them."""

    texts: Mapping[str, tuple[str, int]]
    pool: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class PromptSpec:
    """Where the text of a prompt comes from.

    ``text``: always this one. ``file``: JSONL or plain-text entries in ``entries`` (read when the
    scenario is compiled, so that a Plan needs no files), taken in seeded random order. ``synthetic``:
    text of ``style`` made to ``tokens`` tokens (exactly, where the class has a tokenizer), different for every call.
    ``data``: the entries of a data set, which stay in its file.
    ``blocks``: numbers of blocks of ``block`` tokens that a made-up prompt begins with; those of one number are the
    same wherever they stand.
    ``as_tokens``: sent as token ids in place of text.

    What servers may keep of prompts: ``repeat`` (made-up ones), ``prefix`` (put before any), and against it
    ``cache_bust``: a number of its own in front of each, so that no two begin alike.
    """

    kind: Literal["synthetic", "text", "file", "data"] = "synthetic"
    style: Literal["prose", "code", "technical", "conversation", "mixed"] = "mixed"
    tokens: Lengths = Lengths("fixed", low=64)
    text: str = ""
    entries: tuple[str, ...] = ()
    data: DataSpec | None = None
    system: str = ""
    as_tokens: bool = False
    repeat: Repeat | None = None
    prefix: tuple[Prefix, ...] = ()
    cache_bust: bool = False
    blocks: tuple[int, ...] = ()
    block: int = 0
    images: ImageSpec | None = None
    scale: tuple[tuple[str, float], ...] = ()
    """Kind of text -> tokens by the target's vocabulary for each that is estimated, where that was learned."""
    fitted: Fitted | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Conversation:
    """Sessions of several ``turns`` (None: as many as the row has that is played), each ``think`` seconds after the
    answer before it (exponentially distributed with that mean if ``think_random``).

    ``history``: whether the answers in the context are the target's or made up (on record, where a row is played).
    ``header``: carries the session's name, so that a router can keep it at one instance; "": none does. ``context``:
    tokens of history beyond which the oldest turns are left out; 0: never. ``tools``: how many times a tool is used
    within a turn; its result, of ``tool_result`` tokens, goes back ``tool_time`` seconds
    later, in a call of its own.
    """

    turns: Lengths | None = None
    think: float = 0.0
    think_random: bool = False
    history: Literal["real", "scripted"] = "real"
    header: str = "x-session-id"
    context: int = 0
    tools: Lengths | None = None
    tool_time: float = 0.0
    tool_result: Lengths = Lengths("fixed", low=100)


@dataclass(frozen=True, slots=True)
class Patience:
    """Users who leave: a ``share`` of them, each ``after`` seconds (exponentially distributed with that mean if
    ``random``) without an end, or when so many ``chunks`` have come, whichever is first. 0 and None: not that way."""

    share: float = 1.0
    after: float = 0.0
    random: bool = False
    chunks: Lengths | None = None


@dataclass(frozen=True, slots=True)
class RequestClass:
    """One entry of the mix.

    ``targets``: names; with more than one, calls are spread evenly and at random over them.
    ``objectives``: per-request bounds (metric name -> largest good value in the metric's own unit: ns,
    tokens), what goodput counts. ``expect_status``: statuses that are the right answer here (a 401 for
    a bad key): their outcome is ``expected_status``, and any other status, 200 included, is not good
    unless listed too. ``tags`` are copied to every call. ``integrity``: how an answer shows that it is the call's own
    and whole (``workload.integrity``). ``patience``: of its users; None: they wait. ``dimensions`` cut its calls
    further. ``target_weights``: of each target, where calls are not spread evenly. ``paired``: as many calls in a
    row as there are targets ask the same, one of each target, in random order.
    ``input_from`` and ``output_from``: the trace that says how many tokens call k asks and how many it may be answered,
    in place of ``prompt.tokens`` and ``max_tokens``.
    ``retry``: when a call that failed is tried again; None: never.
    """

    name: str
    weight: float
    api: Api
    targets: tuple[str, ...]
    model: str
    stream: bool = False
    prompt: PromptSpec = PromptSpec()
    max_tokens: Lengths | None = None
    batch: Lengths = Lengths("fixed", low=1)
    params: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[tuple[str, str], ...] = ()
    expect_status: frozenset[int] = frozenset()
    recipe: HttpRecipe | SocketRecipe | None = None
    objectives: Mapping[str, int] = field(default_factory=dict)
    dimensions: tuple[Dimension, ...] = ()
    target_weights: tuple[float, ...] = ()
    paired: bool = False
    tokenizer: TokenizerSpec = ESTIMATE
    input_from: Trace | None = None
    output_from: Trace | None = None
    integrity: str = ""
    patience: Patience | None = None
    conversation: Conversation | None = None
    retry: RetryPolicy | None = None

    @property
    def plays(self) -> bool:
        """Whether its sessions are conversations of a data set."""
        return self.conversation is not None and self.prompt.data is not None and self.prompt.data.talks

    def share_of(self, target: str) -> float:
        """Which share of its calls a target gets."""
        if not self.target_weights:
            return 1.0 / len(self.targets) if target in self.targets else 0.0
        weights = dict(zip(self.targets, self.target_weights, strict=True))
        return weights.get(target, 0.0) / sum(self.target_weights)
