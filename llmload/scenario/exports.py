"""Which other systems a scenario wants to be told of its runs while they last."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Final, Literal, get_args
from urllib.parse import parse_qsl

from pydantic import Field, ValidationInfo, field_validator

from llmload.safe import clean
from llmload.scenario.places import address, named_parts, served, web_url
from llmload.scenario.plan import Export
from llmload.scenario.quantities import Text
from llmload.scenario.redact import names_credential
from llmload.scenario.table import Table

__all__ = ["ENV", "PLACES", "ExportKind", "ExportTable"]

ENV: Final = "env:"
"""Before the name of the environment variable that holds a place which is a secret itself."""
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

ExportKind = Literal["stream", "prometheus", "influxdb", "influxdb2", "remote-write", "statsd", "otlp", "webhook"]


def _file(to: str) -> None:
    if "\0" in to:
        raise ValueError("is no name of a file")


def _endpoint(to: str) -> None:
    if to and (web_url(to, "http://127.0.0.1:4318").query or "#" in to):
        raise ValueError("a URL of an endpoint ends in its path")


def _receiver(to: str) -> None:
    url = web_url(to, "http://127.0.0.1:9090/api/v1/write")
    for name, _ in parse_qsl(url.query, keep_blank_values=True):
        if names_credential(name):
            raise ValueError(
                f"{clean(name, 40)} holds a credential; docs/outputs.md says from which variables they come"
            )


def _variable(to: str) -> None:
    """What was written is not repeated: it may be the secret."""
    if not to.startswith(ENV) or not _VARIABLE.fullmatch(to.removeprefix(ENV)):
        raise ValueError('a webhook\'s URL often is its secret; write "env:NAME", the variable that holds it')


PLACES: Final[Mapping[str, Callable[[str], object]]] = MappingProxyType(
    {
        "stream": _file,
        "prometheus": served,
        "influxdb": lambda to: named_parts(to, ("DATABASE",)),
        "influxdb2": lambda to: named_parts(to, ("ORGANISATION", "BUCKET")),
        "remote-write": _receiver,
        "statsd": address,
        "otlp": _endpoint,
        "webhook": _variable,
    }
)
"""Kind -> what refuses (ValueError) a place that can't be one of it."""
assert tuple(PLACES) == get_args(ExportKind)


class ExportTable(Table):
    """A system that is told of the run while it lasts, as `--export KIND:WHERE` does. Credentials come from the
    environment."""

    kind: ExportKind = Field(description="Which kind of system.")
    to: Annotated[Text, Field(max_length=2000)] = Field(
        "",
        validate_default=True,
        description="Where: as after the colon of `--export`; a file is relative to the working directory.",
    )

    @field_validator("to")
    @classmethod
    def _place(cls, to: str, info: ValidationInfo) -> str:
        kind = info.data.get("kind")
        if kind is None:
            return to
        if not to and kind != "otlp":
            raise ValueError("says not where to")
        PLACES[kind](to)
        return to

    def export(self, name: str) -> Export:
        """What a Plan keeps of it."""
        return Export(self.kind, self.to, name)
