"""``[targets.NAME]``: where requests go and how to speak there."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from llmload.scenario.quantities import Duration, Flag, Name, Number, Text, Whole
from llmload.scenario.table import Shorthand, Table
from llmload.workload.counters import ENCODINGS

__all__ = [
    "EXAMPLE_PRICES",
    "SIMULATOR",
    "ApiKeyTable",
    "AwsTable",
    "HeaderName",
    "HeaderTable",
    "PricesTable",
    "TargetTable",
    "TokenizerTable",
]

SIMULATOR: Final = "sim:"
"""The base URL that means the embedded simulator."""

_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_FIELD: Final = "json:"
_FIELD_NAME: Final = re.compile(r"[A-Za-z0-9_.$-]{1,64}")
_ENTRY = re.compile(r"[\w!#$%&'*+.^`|~-]{1,64}")
_RESERVED: Final = frozenset({"host", "content-length", "transfer-encoding", "connection"})
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REFERENCE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)[^}]*\}")
_AUTHORITY: Final = re.compile(r"https?://(?:\[[0-9A-Fa-f:.%]+\]|[^\s/?#@\[\]:]+)(?::\d{1,5})?(?:/[^\s?#]*)?", re.ASCII)


def _header_name(name: str) -> str:
    if not _HEADER_NAME.fullmatch(name):
        raise ValueError("is not a header name")
    if name.lower() in _RESERVED:
        raise ValueError("is set by llmload itself")
    return name


def _header_value(value: str) -> str:
    if len(value) > 8192 or any(ord(char) < 32 or ord(char) == 127 for char in value):
        raise ValueError("has control characters in it, or is longer than 8 KiB: that is no header value")
    return value


HeaderName = Annotated[Text, AfterValidator(_header_name)]
"""The name of a header that is ours to set."""


def _source(name: str) -> str:
    if name.startswith(_FIELD):
        if not _FIELD_NAME.fullmatch(name.removeprefix(_FIELD)):
            raise ValueError('is no field of a JSON body; write it like "json:provider"')
        return name
    return _header_name(name)


def _time_source(name: str) -> str:
    header, semicolon, entry = name.partition(";")
    if semicolon and not _ENTRY.fullmatch(entry):
        raise ValueError('names no entry of the header; write it like "server-timing;db"')
    _header_name(header)
    return name


TimeSource = Annotated[Text, AfterValidator(_time_source)]
"""A response header that holds a time, or one entry of it."""

Source = Annotated[Text, AfterValidator(_source)]
"""A response header, or ``json:`` and a field of the body."""

HeaderTable = dict[HeaderName, Annotated[Text, AfterValidator(_header_value)]]
"""Header -> value; nothing that could end a line."""


def _base_url(url: str) -> str:
    if url == SIMULATOR or _AUTHORITY.fullmatch(url):
        return url.rstrip("/")
    if url.startswith(SIMULATOR):
        raise ValueError(f'the embedded simulator is just "{SIMULATOR}"; its settings go into the table [sim]')
    if "@" in url.partition("://")[2].partition("/")[0]:
        raise ValueError("a password must not stand in a URL; use api_key or headers")
    if "?" in url or "#" in url:
        raise ValueError("a base URL has no query: paths are added to its end")
    raise ValueError(f'must be like "https://host:8000/v1", or "{SIMULATOR}" for the embedded simulator')


def no_literal_key(value: Any) -> Any:
    """Keys come from somewhere else; the message never repeats what was written."""
    if not isinstance(value, str):
        return value
    reference = _REFERENCE.search(value)
    name = reference[1] if reference else "OPENAI_API_KEY"
    raise ValueError(f'a key must not stand in a scenario; write {{ env = "{name}" }}, {{ file = "..." }} or '
                     '{ command = ["..."] }')  # fmt: skip


def _variable(name: str) -> str:
    if not _VARIABLE.fullmatch(name):
        raise ValueError("is not the name of an environment variable; the key itself must not stand here")
    return name


class AwsTable(Table):
    """Requests are signed (SigV4) with credentials that the AWS SDK's own chain finds; needs the extra `aws`."""

    region: Annotated[Text, Field(pattern=r"^[a-z0-9-]{1,64}$")] = Field(
        description="Region they are signed for.", examples=["us-east-1"]
    )
    profile: Text = Field("", description="Profile of the AWS configuration; left out: the usual one.")
    service: Annotated[Text, Field(pattern=r"^[a-z0-9-]{1,64}$")] = Field(
        "bedrock", description="Service they are signed for."
    )


class ApiKeyTable(Table):
    """Where the API key is found; never the key itself. One of `env`, `file`, `command`, `google`, `aws`."""

    env: Annotated[Text, AfterValidator(_variable)] | None = Field(
        None, description="Environment variable with the key."
    )
    file: Annotated[Text, Field(min_length=1)] | None = Field(None, description="File with the key in it.")
    command: tuple[Text, ...] | None = Field(
        None, min_length=1, description="Program and arguments that print the key."
    )
    lifetime: Duration | None = Field(
        None, description="How long what the command printed is good; it is run again, in the background, before that."
    )
    google: Flag | None = Field(
        None, description="Google's application default credentials, renewed in the background; needs the extra `gcp`."
    )
    aws: AwsTable | None = Field(None, description="Sign requests for AWS.")
    header: HeaderName | None = Field(
        None, description="Header it is sent in; left out: as the dialect has it, mostly Authorization."
    )
    prefix: Annotated[Text, AfterValidator(_header_value)] | None = Field(
        None, description='Put before the key; left out: "Bearer " in Authorization, nothing in any other header.'
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [name for name in _SOURCES if getattr(self, name) not in (None, False)]
        if len(given) != 1:
            have = "has none of them" if not given else "has " + " and ".join(given)
            raise ValueError(f"a key comes from one of {', '.join(_SOURCES[:-1])} and {_SOURCES[-1]}; this {have}")
        if self.lifetime is not None and self.command is None:
            raise ValueError("lifetime goes with command; the lifetime of any other key is known or has no end")
        if self.aws is not None and (self.header is not None or self.prefix is not None):
            raise ValueError("a signature has headers of its own; leave out header and prefix")
        return self


_SOURCES: Final = ("env", "file", "command", "google", "aws")


EXAMPLE_PRICES: Final = "example"
"""In place of a file's name: the price table that comes along."""


def _prices_file(value: Any) -> Any:
    return {"file": value} if isinstance(value, str) else value


class PricesTable(Table):
    """US dollars per million tokens, and per request; or a file that says so for each model."""

    input: Number = Field(0.0, description="Per million input tokens.")
    output: Number = Field(0.0, description="Per million output tokens.")
    cached: Number | None = Field(None, description="Per million cached input tokens; left out: like input.")
    request: Number = Field(0.0, description="Per request.")
    file: Text = Field(
        "",
        description='Price table in TOML, relative to the scenario, with `dated` and a `[models."NAME"]` for each '
        'model; "example": the one that comes along.',
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.file and self.model_fields_set - {"file"}:
            raise ValueError("has both a file and prices; keep one of them")
        return self


class TokenizerTable(Table):
    """How the target's model cuts text. One of `file`, `tiktoken` and `server`, or none of them: estimated."""

    file: Annotated[Text, Field(min_length=1)] | None = Field(
        None, description='A "tokenizer.json", relative to the scenario; needs the extra "tokenizers".'
    )
    tiktoken: Literal[tuple(ENCODINGS)] | None = Field(  # type: ignore[valid-type]
        None, description="An encoding of tiktoken's, whose vocabulary is on this machine; needs the extra."
    )
    server: Flag = Field(
        False, description="The target counts, before the run, at its `/tokenize` (vLLM, SGLang, llama.cpp)."
    )
    prompts: Annotated[int, Field(strict=True, ge=1, le=100_000)] = Field(
        1000,
        description="With `server`: made-up prompts counted for each class, at most; further calls take them again.",
    )
    overhead: Annotated[int, Field(strict=True, ge=0, le=100_000)] = Field(
        0, description="Tokens that the target adds to each request (chat template); planned for, in no text."
    )
    learn: Flag = Field(
        False, description="Correct estimates by the usage that the target reports: prompts then depend on answers."
    )

    @model_validator(mode="after")
    def _one_vocabulary(self) -> Self:
        given = [name for name in ("file", "tiktoken", "server") if getattr(self, name)]
        if len(given) > 1:
            raise ValueError(f"has both {given[0]} and {given[1]}; a model has one vocabulary")
        if self.learn and given:
            raise ValueError("what is counted with a vocabulary need not be learned; leave learn out")
        if "prompts" in self.model_fields_set and not self.server:
            raise ValueError("prompts goes with server = true; nothing else is counted beforehand")
        return self


class TargetTable(Table):
    """A base URL, the dialect spoken there, and credentials."""

    base_url: Annotated[Text, AfterValidator(_base_url)] = Field(
        description='With the version: "https://host/v1"; "sim:" is the embedded simulator.',
        examples=["${LLMLOAD_URL:-sim:}", "https://api.example.com/v1"],
    )
    dialect: Text = Field("openai", description="Wire format spoken there.")
    weight: Number = Field(
        1.0, le=1e9, description="How many requests it gets, in proportion to a class's other targets."
    )
    options: dict[Text, Text] = Field({}, description="Settings of the dialect, such as an API version or a project.")
    model: Text | None = Field(None, min_length=1, description="Model asked for, unless a class names its own.")
    api_key: Annotated[ApiKeyTable, BeforeValidator(no_literal_key)] | None = Field(
        None, description="Where the API key is found."
    )
    api_keys: dict[Name, Annotated[ApiKeyTable, BeforeValidator(no_literal_key)]] = Field(
        {}, description="Further keys by name, for the requests that ask for them, such as those of a tenant."
    )
    headers: HeaderTable = Field({}, description="Headers sent with every request.")
    prices: Annotated[PricesTable, Shorthand(_prices_file, {"type": "string"})] = Field(
        PricesTable(), description="What it costs; a string names a file with prices."
    )
    verify_tls: Flag = Field(True, description="Check the server's certificate.")
    ca_file: Text = Field("", description="Certificates to trust besides the system's.")
    proxy: Text = Field("", description="HTTP proxy to go through.")
    unix_socket: Text = Field("", description="Socket in the file system to connect to, in place of the URL's host.")
    tokenizer: TokenizerTable = Field(TokenizerTable(), description="How prompts are counted in tokens.")
    connections: Whole | None = Field(
        None, le=100_000, description="Connections opened before the run; left out: as the load needs."
    )
    capture: dict[Name, Source] = Field(
        {},
        max_length=8,
        description="What answers say that results can be cut by: a name, and the response header or `json:FIELD`.",
        examples=[{"instance": "x-served-by"}],
    )
    server_time: Literal["header"] | TimeSource = Field(
        "",
        validate_default=False,
        description='Response header with the server\'s own processing time; "header": `openai-processing-ms`, '
        "`server-timing` or `x-envoy-upstream-service-time`.",
        examples=["header", "server-timing;total"],
    )
    server_queue: TimeSource = Field(
        "",
        validate_default=False,
        description="Response header that says how long the request waited at the server.",
        examples=["x-queue-time"],
    )
    server_work: TimeSource = Field(
        "",
        validate_default=False,
        description="Response header that says how long the server worked on it.",
        examples=["x-inference-time", "server-timing;inference"],
    )
