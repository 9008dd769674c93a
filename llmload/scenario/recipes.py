"""``http`` and ``socket`` of a class: a request in the scenario's own words."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from llmload.recipes import HttpRecipe, Pattern, SocketRecipe
from llmload.scenario.quantities import Duration, Offset, Text
from llmload.scenario.table import Table
from llmload.scenario.targets import HeaderTable
from llmload.units import parse_rate

__all__ = ["HttpTable", "SocketTable"]

_PATH: Final = re.compile(r"/?[\x21-\x22\x24-\x7e]*", re.ASCII)
_LITERALS: Final = re.compile(r"\{\{.*?\}\}", re.DOTALL)


def _pattern(form: str = "") -> Callable[[str], str]:
    def check(text: str) -> str:
        Pattern.of(text, form)
        return text

    return check


def _path(text: str) -> str:
    """A path with its query; whatever can't stand in a request line must be percent-encoded."""
    Pattern.of(text, "url")
    if not _PATH.fullmatch(_LITERALS.sub("", text)):
        raise ValueError('must be a path such as "/models?limit={{random:1:20}}": no spaces, no #, what is not ASCII '
                         "percent-encoded")  # fmt: skip
    return text


def _pace(text: str) -> str:
    """ "reply", or a rate."""
    if text != "reply":
        try:
            rate = parse_rate(text)
        except ValueError:
            rate = 0.0
        if not 0 < rate <= 1e5:
            raise ValueError('must be "reply" (each message when the last was answered) or a rate such as "2/s"')
    return text


class SocketTable(Table):
    """A WebSocket and what is said over it. `path`, `headers` and `text` may have variables in them."""

    path: Annotated[Text, Field(max_length=8192), AfterValidator(_path)] = Field(
        "/ws", description="Path and query, added to the target's base URL."
    )
    headers: HeaderTable = Field({}, description="Headers of the request that opens it.")
    text: Annotated[Text, Field(max_length=2**20), AfterValidator(_pattern())] = Field(
        '{"id": "{{index}}-{{message}}"}', description="A message; `{{message}}` is its number."
    )
    messages: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = Field(10, description="How many are sent.")
    send: Annotated[Text, AfterValidator(_pace)] = Field(
        "reply", description="At a rate, or each when the last was answered.", examples=["2/s", "reply"]
    )
    match: Text = Field(
        "", description="Where in a JSON message stands what its reply repeats, such as `id`; left out: in order."
    )
    hold: Offset = Field(0.0, description="How long the socket stays open at least.")
    timeout: Duration = Field(10.0, description="How long a reply may take.")

    @property
    def seconds(self) -> float:
        """How long it lasts, replies that are late left aside."""
        return max(self.hold, 0.0 if self.send == "reply" else self.messages / parse_rate(self.send))

    def recipe(self) -> SocketRecipe:
        """What it means."""
        return SocketRecipe(
            path=Pattern.of(self.path, "url"),
            headers=tuple((name, Pattern.of(value)) for name, value in self.headers.items()),
            text=Pattern.of(self.text),
            messages=self.messages,
            every=0.0 if self.send == "reply" else 1 / parse_rate(self.send),
            match=tuple(filter(None, self.match.split("."))),
            hold=self.hold,
            timeout=self.timeout,
        )


class HttpTable(Table):
    """Any HTTP request. `path`, `headers` and `body` may have variables in them, such as `{{index}}`."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] | None = Field(
        None, description="Left out: POST with a body, GET without."
    )
    path: Annotated[Text, Field(max_length=8192), AfterValidator(_path)] = Field(
        description="Path and query, added to the target's base URL; variables in it are percent-encoded.",
        examples=["/health", "/items/{{index}}?q={{prompt}}"],
    )
    headers: HeaderTable = Field({}, description="Headers; they may have variables in them.")
    content_type: Text = Field("application/json", min_length=1, max_length=200, description="Of the body.")
    body: Annotated[Text, Field(max_length=2**24), AfterValidator(_pattern())] | None = Field(
        None, description="Body; `{{prompt|json}}` is the prompt as a JSON string, quotes included.",
        examples=['{"id": "{{uuid}}", "text": {{prompt|json}}}'],
    )  # fmt: skip
    contains: Text = Field("", max_length=65536, description="A text that a good answer has in it.")
    fields: dict[Text, str | bool | int | float] = Field(
        {}, description="What a good JSON answer has in these places.", examples=[{"data.0.object": "model"}]
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        for name, value in self.headers.items():
            try:
                Pattern.of(value)
            except ValueError as error:
                raise ValueError(f"header {name}: {error}") from None
        if self.body is not None and self.method == "GET":
            raise ValueError("a GET request has no body; use another method, or put it into the query")
        return self

    def recipe(self) -> HttpRecipe:
        """What it means."""
        headers = dict(self.headers)
        if self.body is not None and "content-type" not in {name.lower() for name in headers}:
            headers = {"content-type": self.content_type, **headers}
        return HttpRecipe(
            method=self.method or ("GET" if self.body is None else "POST"),
            path=Pattern.of(self.path, "url"),
            headers=tuple((name, Pattern.of(value)) for name, value in headers.items()),
            body=Pattern.of(self.body or ""),
            contains=self.contains,
            fields=tuple((tuple(path.split(".")), value) for path, value in self.fields.items()),
        )
