"""``llmload report --format html``: the whole page.

It holds no script and loads nothing: its content security policy forbids both, and allows the one style sheet by its
hash. Charts are drawn when the report is written, in colours that the style sheet sets for light, dark and paper.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Final

from llmload.reports.charts.colours import DARK, LIGHT, Colours
from llmload.reports.html.about import about
from llmload.reports.html.markup import Html, element, joined
from llmload.reports.html.pictures import pictures
from llmload.reports.html.tables import DETAILS, key_figures
from llmload.reports.html.verdict import headline, insights, objectives, standing, trust
from llmload.reports.result import Result

__all__ = ["document", "render"]

_ICON: Final = "data:,"
"""No icon, said so that no browser asks a server for one."""


def render(result: Result) -> bytes:
    """A page in UTF-8."""
    decision = result.verdict.decision.value
    return document(
        f"{decision}: {result.scenario.name}",
        headline(result),
        objectives(result),
        trust(result),
        insights(result),
        standing(result),
        key_figures(result.summary),
        pictures(result),
        element("section", element("h2", "Figures"), *_details(result)),
        about(result),
        element("footer", f"Made by llmload {result.version[:40]} from a saved result.", class_="dim"),
    )


def document(title: str, *parts: Html | None) -> bytes:
    """A whole page of these parts, in UTF-8."""
    page = element("html", _head(title), element("body", element("main", *parts)), lang="en")
    return f"<!doctype html>\n{page}\n".encode()


def _head(title: str) -> Html:
    sheet = _sheet()
    digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("link", rel="icon", href=_ICON),
        element("title", title),
        element("style", Html(sheet)),
    )


def _details(result: Result) -> list[Html]:
    parts = ((title, joined(*yielded(result))) for title, yielded in DETAILS.items())
    return [joined(element("h3", title), inner) for title, inner in parts if inner]


@cache
def _sheet() -> str:
    """The style sheet, with the colours of the charts for every kind of reader."""
    plain = files("llmload.reports.html").joinpath("report.css").read_text(encoding="utf-8")
    return "\n".join(
        (
            f":root {{ {_properties(LIGHT)} }}",
            f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {_properties(DARK)} }} }}",
            plain,
        )
    )


def _properties(colours: Colours) -> str:
    return " ".join(f"--{meaning}: {colour};" for meaning, colour in colours.items())
