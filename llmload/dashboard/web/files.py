"""What the server has to give beside events: the page's own files, and what every answer says to the browser."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from llmload.reports.charts.colours import DARK, LIGHT, Colours

__all__ = ["HEADERS", "PAGE_POLICY", "REPORT_POLICY", "page_files"]

PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; frame-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Its own files and nothing else; no text can become markup, even by a mistake of ours."""
REPORT_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)
"""Of a report, which says itself, by its hash, which style sheet alone is good."""
HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Content-Security-Policy": PAGE_POLICY,
        "Cache-Control": "no-store",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
)
"""Of every answer that doesn't say otherwise."""

_TYPES: Final = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
_PAGE: Final = "page.html"


def page_files() -> dict[str, tuple[str, bytes]]:
    """Path -> (type, content)."""
    made = {"/colours.css": (_TYPES[".css"], _colours())}
    for file in files("llmload.dashboard.web").joinpath("static").iterdir():
        kind = _TYPES.get(file.name[file.name.rfind(".") :])
        if kind is not None:
            made["/" if file.name == _PAGE else f"/{file.name}"] = (kind, file.read_bytes())
    return made


def _colours() -> bytes:
    """Those of the reports' charts."""
    light, dark = _properties(LIGHT), _properties(DARK)
    return f":root {{ {light} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n".encode()


def _properties(colours: Colours) -> str:
    return " ".join(f"--{meaning}: {colour};" for meaning, colour in colours.items())
