"""``[classes.NAME]``: what the requests are made of."""

from __future__ import annotations

from math import isfinite
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from llmload.records import Api
from llmload.scenario.curves import CurveTable
from llmload.scenario.images import ImagesTable
from llmload.scenario.quantities import (
    Duration,
    Flag,
    Name,
    Offset,
    Params,
    Share,
    Text,
    TokenRange,
    Whole,
)
from llmload.scenario.recipes import HttpTable, SocketTable
from llmload.scenario.table import Shorthand, Table
from llmload.scenario.targets import HeaderName, HeaderTable
from llmload.workload.profiles import PROFILES
from llmload.workload.spec import Lengths

__all__ = ["ClassTable", "ConversationTable", "PatienceTable", "PromptTable"]

Style = Literal["prose", "code", "technical", "conversation", "mixed"]


def _text_prompt(value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else value


def _share_alone(value: Any) -> Any:
    return value if isinstance(value, (dict, list)) else {"share": value}


def _weight_alone(value: Any) -> Any:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if not isfinite(value):
            raise ValueError("must be a finite number")
        return {"type": "constant", "rate": value}
    if not isinstance(value, dict):
        raise ValueError('must be a number, or a curve: { type = "ramp", from = 10, to = 50 }')
    return value


def _level_alone(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


WeightCurve = Annotated[CurveTable, Shorthand(_weight_alone, {"type": "number", "minimum": 0})]


class RepeatTable(Table):
    """Prompts that come again and again."""

    share: Share = Field(description="Share of the prompts that are repeated ones.")
    pool: Annotated[Whole, Field(le=100_000)] = Field(20, description="How many different ones there are.")
    similarity: Share = Field(1.0, description="How much of a repeated prompt, from its beginning, is the same.")


class PrefixTable(Table):
    """A beginning that prompts share; with several, each is a level of a tree."""

    tokens: Annotated[Whole, Field(le=10_000_000)] = Field(description="Its length.")
    pool: Annotated[Whole, Field(le=100_000)] = Field(
        1, description="How many different ones there are, behind each of the level before."
    )
    share: Share = Field(1.0, description="Share of the prompts, of those that reach the level before, that have it.")


class PromptTable(Table):
    """Where the text comes from: made up (`style`, `tokens`), always the same (`text`), or out of a file."""

    style: Style | None = Field(None, description='What made-up text is like; left out: "mixed".')
    tokens: TokenRange | None = Field(None, description="Length of made-up text in tokens.")
    text: Text | None = Field(None, min_length=1, max_length=2**24, description="Always this text.")
    file: Text | None = Field(
        None, min_length=1, description="JSONL or plain text, an entry per line, relative to the scenario."
    )
    field: Text = Field("prompt", min_length=1, description="The field of a JSONL entry that holds the text.")
    format: Literal["openai", "sharegpt", "csv", "text"] | None = Field(
        None, description="The file is a data set of this format; it is read row by row, however large, `.gz` too."
    )
    template: Text = Field(
        "", max_length=2**20, description='How a prompt is made of a CSV row: "Translate: {sentence}".'
    )
    order: Literal["random", "sequential"] = Field("random", description="In which order a data set's rows come.")
    system: Text = Field("", max_length=2**24, description="System message of chats.")
    sent_as: Literal["text", "tokens"] = Field(
        "text", alias="as", description="tokens: sent as token ids, exactly as many as wished; needs a tokenizer."
    )

    repeat: (
        Annotated[
            RepeatTable, Shorthand(_share_alone, {"anyOf": [{"type": "string"}, {"type": "number", "maximum": 1}]})
        ]
        | None
    ) = Field(None, description="Share of the made-up prompts that come again and again.", examples=["30%"])
    prefix: Annotated[tuple[PrefixTable, ...], Field(max_length=8), Shorthand(_level_alone, {"type": "object"})] = (
        Field((), description="Made-up text that prompts begin with, shared by many of them.")
    )
    images: ImagesTable | None = Field(
        None, description="Made-up pictures beside the text.", examples=[{"width": 512, "height": 512}]
    )
    cache_bust: Flag = Field(False, description="Put a number of its own in front of each prompt: no cache can help.")

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        kinds = {
            "text": self.text is not None,
            "file": self.file is not None,
            "style or tokens": self.style is not None or self.tokens is not None,
        }
        given = [kind for kind, here in kinds.items() if here]
        if len(given) > 1:
            raise ValueError(f"has both {' and '.join(given)}; a prompt is made in one way")
        if self.repeat is not None and (self.text is not None or self.file is not None):
            raise ValueError("repeat is for made-up prompts; a text or a file repeats itself anyway")
        if self.sent_as == "tokens" and (self.repeat is not None or self.prefix or self.cache_bust):
            raise ValueError("token ids are made up anew for each prompt: repeat, prefix and cache_bust are for text")
        if "field" in self.model_fields_set and self.file is None:
            raise ValueError("field says which field of a file's entries to take, but there is no file")
        return self

    @model_validator(mode="after")
    def _data(self) -> Self:
        if self.format is None:
            given = sorted({"template", "order"} & self.model_fields_set)
            if given:
                raise ValueError(f"{given[0]} is for data sets: it needs file and format")
            return self
        if self.file is None:
            raise ValueError("format is a file's, but there is no file")
        if self.images is not None:
            raise ValueError("images go with made-up prompts, a text, or a file without format")
        if "field" in self.model_fields_set:
            raise ValueError("has both field and format; a format knows its fields")
        if self.prefix or self.cache_bust:
            raise ValueError("prefix and cache_bust are for made-up prompts, a text, or a file without format")
        if self.template and self.format != "csv":
            raise ValueError("template makes prompts of the columns of a CSV file, and this is none")
        return self


class ConversationTable(Table):
    """Sessions of several turns in place of single requests: each arrival begins one."""

    turns: TokenRange | None = Field(
        None,
        description="Turns of a session: what the user says, and the answer to it. Where rows of a data set are "
        "played: at most so many; left out: all.",
    )
    think: Offset = Field(0.0, description="Pause between an answer and the user's next turn.")
    think_random: Flag = Field(False, description="Draw pauses at random (exponential) with that mean.")
    history: Literal["real", "scripted"] = Field(
        "real",
        description="Whether the answers in the history are the target's, or made up (on record, where rows of a data "
        "set are played) and the same in every run.",
    )
    session_header: HeaderName | Literal[""] = Field(
        "x-session-id", description='Header that carries the session\'s name; "": none does.'
    )
    context: Whole | None = Field(None, description="Tokens of history beyond which the oldest turns are left out.")
    tools: TokenRange | None = Field(
        None, description="How often the assistant uses a tool within a turn; each result is a call of its own."
    )
    tool_time: Offset = Field(0.0, description="How long a tool takes, one on record too.")
    tool_result: TokenRange = Field(Lengths("fixed", low=100), description="Tokens of a tool's result.")

    @model_validator(mode="after")
    def _tools_there(self) -> Self:
        if self.tools is None and "tool_result" in self.model_fields_set:
            raise ValueError("tool_result is about tools, which is missing")
        return self


class PatienceTable(Table):
    """Users who don't wait for the end: they close the connection and count as `cancelled`, which is no error."""

    share: Share = Field(1.0, description="Share of the users who would leave.")
    after: Duration | None = Field(
        None, description="They leave after this time (from the planned time) without an end."
    )
    random: Flag = Field(False, description="Draw that time at random (exponential) with `after` as its mean.")
    chunks: TokenRange | None = Field(None, description="They leave after so many chunks of content.")

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.after is None and self.chunks is None:
            raise ValueError("needs after, chunks or both: when do these users leave?")
        if self.random and self.after is None:
            raise ValueError("random draws the time of after, which is missing")
        return self


class ClassTable(Table):
    """A request class: one entry of the mix."""

    weight: WeightCurve = Field(
        1.0,
        validate_default=True,
        description="How many of these, in proportion to the other classes; or a curve over the run.",
    )
    api: Api = Field(Api.CHAT, description="Kind of request.")
    stream: Flag = Field(False, description="Ask for a stream of chunks.")
    target: Text | None = Field(None, description="Where to send it; left out: to all targets, evenly.")
    targets: tuple[Text, ...] | None = Field(None, min_length=1, description="Several targets, taken evenly at random.")
    paired: Flag = Field(
        False, description="Ask all targets the same, one after the other in random order, to compare them."
    )
    model: Text | None = Field(None, min_length=1, description="Model asked for; left out: the target's.")
    prompt: Annotated[PromptTable, Shorthand(_text_prompt, {"type": "string", "minLength": 1})] = Field(
        PromptTable(), description="What is asked."
    )
    max_tokens: TokenRange | None = Field(None, description="Most tokens of an answer.")
    profile: Literal[tuple(PROFILES)] | None = Field(  # type: ignore[valid-type]
        None, description="Lengths of prompts and answers together, as a published trace has them."
    )
    ignore_eos: Flag = Field(
        False, description="Answers go on up to max_tokens (vLLM, SGLang, llama.cpp; others ignore or refuse it)."
    )
    min_tokens: Whole | None = Field(
        None, description="Fewest tokens of an answer (vLLM, SGLang; others ignore or refuse it)."
    )
    batch: TokenRange = Field(
        Lengths("fixed", low=1),
        description="Inputs per embeddings request; documents per rerank request, beside its query.",
    )
    socket: SocketTable | None = Field(None, description='What is said over the WebSocket, for api = "socket".')
    http: HttpTable | None = Field(None, description='The request itself, for api = "http".')
    params: Params = Field({}, description="Fields added to the request body as they are.")
    headers: HeaderTable = Field({}, description="Headers sent with these requests.")
    expect_status: tuple[Annotated[int, Field(strict=True, ge=100, le=599)], ...] = Field(
        (), description="Statuses that are the right answer here, such as 401 for an invalid key."
    )
    integrity: Literal["sim", "echo", "instructed"] | None = Field(
        None,
        description="Check that each answer is whole and its own: the simulator's tokens, an echo of the prompt, or "
        "lines that a model is instructed to write (in place of a prompt).",
    )
    conversation: ConversationTable | None = Field(None, description="Several turns in place of a single request.")
    patience: PatienceTable | None = Field(None, description="Users who leave before the answer ends.")
    retry: Text | None = Field(None, description="Policy of `retries` by which failed calls are tried again.")
    tags: dict[Name, Name] = Field(
        {}, description="Tags of these requests; list them in slice_by to cut results by them."
    )
    objectives: dict[Text, Text | int] = Field(
        {},
        description="Bounds that each request must keep to count as goodput: metric -> largest good value.",
        examples=[{"ttft": "500ms", "latency": "3s"}],
    )
