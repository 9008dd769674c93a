"""What the usual servers tell on pages of their own, and which of it is a fact of their fingerprint.

    vLLM                      GET /version {version}; list of models: owned_by vllm, root, max_model_len
    SGLang                    GET /get_server_info (its settings), /get_model_info; list of models: owned_by sglang
    TGI, TEI (Hugging Face)   GET /info {model_id, model_sha, model_dtype, version, sha, docker_label, max_...}
    llama.cpp                 GET /props {build_info, total_slots, model_path, default_generation_settings.n_ctx};
                              list of models: owned_by llamacpp, meta
    Ollama                    GET /api/version {version}; /api/ps: what is loaded, with digest and quantization
    LiteLLM                   header x-litellm-version

Fields that are not named here are not kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from llmload.dialects.clean import clean_line

__all__ = ["PAGES", "Page", "from_headers", "from_list", "from_page"]

_LONGEST: Final = 120
"""Characters of a value."""
_MOST_MODELS: Final = 12
_MOST_VERSIONS: Final = 8
_OWNERS: Final[Mapping[str, str]] = {
    "vllm": "vLLM", "sglang": "SGLang", "llamacpp": "llama.cpp", "llmload": "llmload sim",
}  # fmt: skip
"""Who owns the models in the list, as each software has it."""
_VERSIONS: Final = re.compile(r"x-[a-z0-9-]{1,40}-version")
_PATHS: Final = re.compile(r"(?:file:|[/~\\]|[A-Za-z]:[/\\]).*[/\\]")
"""Where a file lies on the server is nobody's business, and may name a user."""


@dataclass(frozen=True, slots=True)
class Page:
    """``of``: the software whose page it is; what else is known to be another is not asked for it. ``fields``: fact ->
    the field it is (dots between names of objects within each other), the first of several that is there. ``proof``:
    fields without which it is no such page; ``tells``: which software it is, by a field that only that has."""

    path: str
    of: tuple[str, ...]
    fields: Mapping[str, tuple[str, ...]]
    proof: tuple[str, ...]
    tells: tuple[tuple[str, str], ...] = ()


PAGES: Final = (
    Page("/version", ("vLLM", "llmload sim"), {"version": ("version",)}, ("version",)),  # others have such a page, too
    Page("/props", ("llama.cpp",), {
        "build": ("build_info",), "slots": ("total_slots",), "model": ("model_path",),
        "context": ("default_generation_settings.n_ctx",),
    }, ("build_info", "total_slots"), (("llama.cpp", "build_info"),)),
    Page("/get_server_info", ("SGLang",), {
        "version": ("version",), "model": ("model_path",), "dtype": ("dtype",), "quantization": ("quantization",),
        "context": ("context_length",), "slots": ("max_running_requests",), "parallel": ("tp_size",),
        "batch_tokens": ("max_total_num_tokens",), "device": ("device",),
    }, ("version", "model_path"), (("SGLang", "version"),)),
    Page("/get_model_info", ("SGLang",), {
        "model": ("model_path",), "revision": ("weight_version",),
    }, ("model_path", "is_generation"), (("SGLang", "model_path"),)),
    Page("/info", ("TGI", "TEI"), {
        "version": ("version",), "build": ("docker_label", "sha"), "model": ("model_id",), "revision": ("model_sha",),
        "dtype": ("model_dtype",), "device": ("model_device_type",),
        "context": ("max_total_tokens", "max_input_length"), "slots": ("max_concurrent_requests",),
        "batch_tokens": ("max_batch_total_tokens", "max_batch_tokens"),
    }, ("version", "model_id"), (("TEI", "tokenization_workers"), ("TGI", "model_id"))),
    Page("/api/version", ("Ollama",), {"version": ("version",)}, ("version",), (("Ollama", "version"),)),
    Page("/api/ps", ("Ollama",), {
        "model": ("models.0.model", "models.0.name"), "revision": ("models.0.digest",),
        "quantization": ("models.0.details.quantization_level",), "context": ("models.0.context_length",),
    }, ("models",)),
)  # fmt: skip
"""In this order: all of them as long as it is not known what the software is, and its own once it is."""

_HEADERS: Final[Mapping[str, str]] = {
    "server": "server", "via": "via", "x-litellm-version": "gateway", "openai-version": "api_version",
    "x-ms-region": "region", "x-amz-cf-pop": "edge",
}  # fmt: skip
_GATEWAYS: Final[Mapping[str, str]] = {"x-litellm-version": "LiteLLM "}
_LIST_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "model": ("root",), "context": ("max_model_len", "meta.n_ctx_train", "context_length"), "revision": ("digest",),
    "quantization": ("details.quantization_level",),
}  # fmt: skip
_NAMES: Final = ("id", "name", "model")


def from_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Facts in the head of an answer; names in lower case."""
    found = {
        fact: _GATEWAYS.get(name, "") + _shown(headers[name]) for name, fact in _HEADERS.items() if headers.get(name)
    }
    if ray := headers.get("cf-ray", "").rpartition("-")[2]:  # the data centre stands behind the number of the request
        found["edge"] = _shown(ray)
    others = sorted(name for name in headers if _VERSIONS.fullmatch(name) and name not in _HEADERS)
    if others:
        found["versions"] = "; ".join(f"{name} {_shown(headers[name])}" for name in others[:_MOST_VERSIONS])
    return found


def from_list(document: Any, model: str = "") -> dict[str, str]:
    """Facts in a list of models: OpenAI's, and that of others; of ``model`` if it is there, else of the first."""
    entries = next((found for name in ("data", "models") if isinstance(found := _at(document, name), list)), [])
    named = {name: entry for entry in entries for name in [_name(entry)] if name}
    if not named:
        return {}
    entry = named.get(model) or next(iter(named.values()))
    more = len(named) - _MOST_MODELS
    shown = ", ".join(_shown(name) for name in sorted(named)[:_MOST_MODELS]) + (f" and {more} more" if more > 0 else "")
    owner = _at(entry, "owned_by")
    software = _OWNERS.get(owner, "") if isinstance(owner, str) else ""
    return {"models": shown, **({"software": software} if software else {}), **_facts(entry, _LIST_FIELDS)}


def from_page(page: Page, status: int, document: Any) -> dict[str, str]:
    """The facts on a page; none where it is another's."""
    if status != 200 or any(_at(document, name) is None for name in page.proof):
        return {}
    told = (software for software, name in page.tells if _at(document, name) is not None)
    software = next(told, "")
    return {**({"software": software} if software else {}), **_facts(document, page.fields)}


def _facts(document: Any, fields: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    found = {
        fact: next(filter(None, (_value(_at(document, name)) for name in names)), "") for fact, names in fields.items()
    }
    return {fact: value for fact, value in found.items() if value}


def _name(entry: Any) -> str:
    return next((found for name in _NAMES if isinstance(found := _at(entry, name), str)), "")


def _at(document: Any, path: str) -> Any:
    """The field at a path; None where there is none."""
    for name in path.split("."):
        if isinstance(document, list) and name.isdecimal():
            document = document[int(name)] if int(name) < len(document) else None
        elif isinstance(document, dict):
            document = document.get(name)
        else:
            return None
    return document


def _value(found: Any) -> str:
    """A text, a number or a truth value; "" for anything else."""
    return _shown(str(found)) if isinstance(found, str | int | float) else ""


def _shown(text: str) -> str:
    """One line, without the place of a file; an http header is read as Latin-1, which does no harm to a name."""
    match = _PATHS.match(text := text.strip()[:1000])
    return clean_line(text[match.end() :] if match else text, _LONGEST)
