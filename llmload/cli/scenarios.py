"""``llmload scenarios``: what comes with it."""

from __future__ import annotations

__all__ = ["scenarios"]


def scenarios() -> None:
    """List the scenarios that come with llmload: name and description, one a line.

    \b
    Examples:
      llmload scenarios
      llmload scenarios | grep -i embed
      llmload plan peak
    """
    from llmload.reports import files
    from llmload.scenario.files import builtin_descriptions

    found = builtin_descriptions()
    width = max(map(len, found), default=0)
    text = "".join(f"{name:<{width}}  {what}".rstrip() + "\n" for name, what in found.items())
    files.write(files.STDOUT, text.encode())
