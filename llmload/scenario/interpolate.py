"""``${NAME}`` and ``${NAME:-default}`` in the strings of a scenario; ``$$`` is a dollar sign."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from llmload.errors import Problem
from llmload.scenario.document import Document
from llmload.scenario.positions import Path
from llmload.scenario.redact import MIN_SECRET, names_credential
from llmload.scenario.suggest import did_you_mean

__all__ = ["Interpolation"]

_REFERENCE: Final = re.compile(r"\$(?:\$|\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|(\{))")


@dataclass(slots=True)
class Interpolation:
    """Fills in a document from ``environ``. Afterwards ``problems`` holds what could not be filled in, and
    ``secrets`` the values of variables that are named like credentials: they must never be printed."""

    environ: Mapping[str, str]
    problems: list[Problem] = field(default_factory=list)
    secrets: set[str] = field(default_factory=set)

    def fill(self, document: Document) -> None:
        """Replace the leaf strings of ``document``, but for ``[demo]`` and for a string given as an API key:
        that is refused later, and its value never needs to be known."""
        for key, value in document.data.items():
            if key != "demo":
                document.data[key] = self._filled(document, (key,), value)

    def _filled(self, document: Document, path: Path, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._filled(document, (*path, key), item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._filled(document, (*path, index), item) for index, item in enumerate(value)]
        if not isinstance(value, str) or "$" not in value or path[-1] == "api_key" or path[-2:-1] == ("api_keys",):
            return value
        return _REFERENCE.sub(lambda match: self._replacement(document, path, match), value)

    def _replacement(self, document: Document, path: Path, match: re.Match[str]) -> str:
        name, default, malformed = match[1], match[2], match[3]
        if malformed:
            hint = "write ${NAME} or ${NAME:-default}, and $${ for a dollar sign before a brace"
            self.problems.append(document.problem(path, "has a ${ that is no environment variable", hint))
            return match[0]
        if name is None:
            return "$"
        value = self.environ.get(name, "")
        if value or (name in self.environ and default is None):
            if names_credential(name) and len(value) >= MIN_SECRET:
                self.secrets.add(value)
            return value
        if default is None:
            hint = did_you_mean(name, self.environ) or f"set it, or write ${{{name}:-default}}"
            self.problems.append(document.problem(path, f"environment variable {name} is not set", hint))
        return default or ""
