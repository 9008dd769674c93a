"""pydantic's errors as Problems: the place in the file, a sentence, and what would be right."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from pydantic import ValidationError

from llmload.errors import Problem
from llmload.scenario.document import Document
from llmload.scenario.model import Scenario
from llmload.scenario.positions import Path
from llmload.scenario.suggest import choice, did_you_mean, listed

__all__ = ["explain", "unknown_keys"]

Context = Mapping[str, Any]


def _bound(words: str, name: str) -> Callable[[Context], str]:
    return lambda context: f"must be {words} {context[name]:g}"


def _size(words: str, name: str) -> Callable[[Context], str]:
    return lambda context: f"must have {words} {context[name]} {'entries' if 'field_type' in context else 'characters'}"


_SENTENCES: Final[Mapping[str, str | Callable[[Context], str]]] = {
    "missing": "is missing",
    "extra_forbidden": "unknown key",
    "string_type": "must be a text in quotes",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "tuple_type": "must be an array",
    "greater_than": _bound("more than", "gt"),
    "greater_than_equal": _bound("at least", "ge"),
    "less_than": _bound("less than", "lt"),
    "less_than_equal": _bound("at most", "le"),
    "too_short": _size("at least", "min_length"),
    "too_long": _size("at most", "max_length"),
    "string_too_short": _size("at least", "min_length"),
    "string_too_long": _size("at most", "max_length"),
    "value_error": lambda context: str(context["error"]),
    "union_tag_not_found": lambda context: f"needs the key {context['discriminator'].strip(chr(39))}",
    "union_tag_invalid": lambda context: f"unknown {context['discriminator'].strip(chr(39))} {context['tag'][:40]!r}",
    "literal_error": lambda context: f"must be one of {context['expected']}".replace("'", '"'),
    "enum": lambda context: f"must be one of {context['expected']}".replace("'", '"'),
}


def explain(error: ValidationError, document: Document) -> list[Problem]:
    """A Problem for each of pydantic's errors about ``document``."""
    problems = []
    for detail in error.errors(include_url=False, include_input=True):
        if _follows_from_another(detail):
            continue
        path = _path(detail["loc"], document.data, detail["type"])
        what = _sentence(detail["type"], detail.get("ctx", {}), detail["msg"])
        head, _, hint = what.partition("; ")
        problems.append(document.problem(path, head, hint or _hint(detail, path, document)))
    return problems


def unknown_keys(error: ValidationError, data: Any) -> list[Path]:
    """The paths of keys that don't exist in the format."""
    details = error.errors(include_url=False, include_context=False)
    return [_path(detail["loc"], data, detail["type"]) for detail in details if detail["type"] == "extra_forbidden"]


def _follows_from_another(detail: Any) -> bool:
    """pydantic calls an array too short when its elements were refused: not a problem of its own."""
    return detail["type"] == "too_short" and bool(len(detail["input"]) >= detail["ctx"]["min_length"])


def _path(loc: Sequence[str | int], data: Any, kind: str) -> Path:
    """``loc`` without what is not in the document: tags of unions, names of validators, "[key]"."""
    path: Path = ()
    node = data
    for depth, part in enumerate(loc):
        inside = isinstance(node, dict) and part in node
        if inside or (isinstance(node, list) and isinstance(part, int) and part < len(node)):
            path, node = (*path, part), node[part]
        elif kind == "missing" and depth == len(loc) - 1:
            path = (*path, part)
    return path


def _sentence(kind: str, context: Context, message: str) -> str:
    sentence = _SENTENCES.get(kind)
    if sentence is None:
        return f"{message[:1].lower()}{message[1:]}"
    return sentence if isinstance(sentence, str) else sentence(context)


def _hint(detail: Any, path: Path, document: Document) -> str:
    context = detail.get("ctx", {})
    match detail["type"]:
        case "extra_forbidden":
            return choice(str(path[-1]), _keys_of(path[:-1], document.data))
        case "union_tag_invalid" | "literal_error" | "enum":
            known = _quoted(context.get("expected_tags") or context["expected"])
            word = str(context.get("tag", detail["input"]))
            return did_you_mean(word, known) or (f"there is {listed(known)}" if "tag" in context else "")
        case "union_tag_not_found":
            return _tags(path, document.data)
        case "model_type" | "dict_type" | "model_attributes_type":
            return _keys_hint(path, document.data)
    return ""


def _quoted(expected: str) -> list[str]:
    """The names in pydantic's "'a', 'b' or 'c'"."""
    return expected.split("'")[1::2]


def _tags(path: Path, data: Any) -> str:
    tags = [_tag(variant) for variant in _variants(_schema_at(path, data))]
    return f"it is one of {listed(tag for tag in tags if tag)}"


def _tag(schema: Mapping[str, Any]) -> str:
    properties = schema.get("properties", {})
    return str(next((field["const"] for field in properties.values() if "const" in field), ""))


def _keys_hint(path: Path, data: Any) -> str:
    keys = _keys_of(path, data)
    return f"its keys are {listed(keys)}" if keys else ""


@cache
def _schema() -> dict[str, Any]:
    return Scenario.model_json_schema()


def _keys_of(path: Path, data: Any) -> list[str]:
    """The keys that the table at ``path`` may have."""
    keys = [key for variant in _variants(_schema_at(path, data)) for key in variant.get("properties", {})]
    return list(dict.fromkeys(keys))


def _schema_at(path: Path, data: Any) -> dict[str, Any]:
    """The part of the JSON Schema that speaks of ``path``, following in ``data`` which variant is meant."""
    schema, node = _schema(), data
    for part in path:
        schema = _fitting(schema, node)
        if isinstance(part, int):
            schema = schema.get("items", {})
        else:
            schema = schema.get("properties", {}).get(part) or schema.get("additionalProperties") or {}
        schema = schema if isinstance(schema, dict) else {}
        inside = isinstance(node, (dict, list)) and (part in node if isinstance(node, dict) else True)
        node = node[part] if inside else None
    return _narrowed(schema, node)


def _narrowed(schema: dict[str, Any], node: Any) -> dict[str, Any]:
    """Of several variants the one whose tag ``node`` has, if it has one."""
    tagged = [variant for variant in _variants(schema) if isinstance(node, dict) and _tag(variant) in node.values()]
    return tagged[0] if len(tagged) == 1 else schema


def _fitting(schema: dict[str, Any], node: Any) -> dict[str, Any]:
    """The variant that describes ``node``: a table, or an array."""
    wanted = "items" if isinstance(node, list) else None
    for variant in _variants(_narrowed(schema, node)):
        if (wanted in variant) if wanted else ("properties" in variant or "additionalProperties" in variant):
            return variant
    return {}


def _variants(schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every alternative of a schema, references followed."""
    if "$ref" in schema:
        return _variants(_schema()["$defs"][schema["$ref"].rpartition("/")[2]])
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        return [variant for option in options for variant in _variants(option)]
    return [dict(schema)]
