"""``llmload data``: what prompt sets are like, and prompt sets made to be like others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from llmload.analysis.corpus import Difference, Portrait

__all__ = ["data"]

data = typer.Typer(help="Describe prompt sets, and make some.", no_args_is_help=True, rich_markup_mode=None)

_Source = Annotated[str, typer.Argument(metavar="FILE|PROFILE", help="A data set, or the name of a built-in profile.")]
_Format = Annotated[str, typer.Option(help="Format of files: openai, sharegpt, csv, text.")]


@data.command()
def describe(
    source: _Source,
    reference: Annotated[str, typer.Option(metavar="FILE|PROFILE", help="What it is to be representative of.")] = "",
    format: _Format = "openai",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what a prompt set is like: lengths, turns, topics, system messages.

    With --reference: how far it is from that, and where. Exit status 1 if it is not representative.
    """
    from llmload.analysis.corpus import compare

    mine = _portrait(source, format)
    differences = compare(mine, _portrait(reference, format)) if reference else []
    alike = all(difference.alike for difference in differences)
    if json:
        typer.echo(_document(mine, differences if reference else None))
    else:
        for line in _lines(source, mine, reference, differences):
            typer.echo(line)
    if not alike:
        raise typer.Exit(1)


@data.command()
def generate(
    source: _Source,
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write.")],
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=10_000_000, help="Prompts to make.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same bytes.")] = 1,
    format: _Format = "openai",
) -> None:
    """Make a prompt set with the lengths and topics of a sample or a profile; print its version.

    The version is the SHA-256 of the file: the same for the same source, count and seed.
    """
    import hashlib

    import orjson

    from llmload.analysis.corpus import generate as rows
    from llmload.errors import UsageError

    digest = hashlib.sha256()
    part = out.with_name(out.name + ".part")
    try:
        with part.open("wb") as file:
            for row in rows(_portrait(source, format), count, seed):
                line = orjson.dumps(row) + b"\n"
                digest.update(line)
                file.write(line)
        part.replace(out)
    except OSError as error:
        raise UsageError(f"can't write {out}: {error.strerror or error}") from None
    typer.echo(f"sha256:{digest.hexdigest()}  {out}")


def _portrait(source: str, format: str) -> Portrait:
    from llmload.analysis.corpus import of_profile, portrait
    from llmload.data.dataset import data_set, open_data
    from llmload.data.formats import FORMATS
    from llmload.errors import UsageError
    from llmload.scenario.suggest import choice
    from llmload.workload.profiles import PROFILES

    if source in PROFILES:
        return of_profile(PROFILES[source])
    path = Path(source).expanduser()
    if not path.exists():
        raise UsageError(f"{source!r} is neither a file nor a profile; {choice(source, PROFILES)}")
    if format not in FORMATS:
        raise UsageError(f"there is no format {format!r}; {choice(format, FORMATS)}")
    entries = data_set(open_data(path, format, order="sequential"))
    return portrait(entries.entry(number) for number in range(len(entries)))


def _document(mine: Portrait, differences: list[Difference] | None) -> str:
    import orjson

    found = mine.to_json()
    if differences is not None:
        found["representative"] = all(difference.alike for difference in differences)
        found["differences"] = [
            {"what": d.what, "distance": d.distance, "bound": d.bound, "tokens": d.tokens, "alike": d.alike}
            for d in differences
        ]
    return orjson.dumps(found, option=orjson.OPT_INDENT_2).decode()


def _lines(source: str, mine: Portrait, reference: str, differences: list[Difference]) -> list[str]:
    from llmload.safe import clean

    lines = [f"{clean(source, 200)}: {mine.entries:,} prompts; tokens are estimated"]
    for name, figures in mine.to_json().items():
        if isinstance(figures, dict) and "mean" in figures:
            shown = "  ".join(f"{key} {value:,.0f}" for key, value in figures.items() if key != "count")
            lines.append(f"  {name.replace('_', ' '):<14} {shown}")
    if mine.topics is not None:
        lines.append(f"  {'system':<14} {mine.system:.0%} have a system message")
        lines.append(f"  {'topics':<14} " + "  ".join(f"{name} {share:.0%}" for name, share in mine.topics.items()))
    if not reference:
        return lines
    unlike = [difference.what for difference in differences if not difference.alike]
    verdict = f"not representative of {reference}: {', '.join(unlike)}" if unlike else f"representative of {reference}"
    lines.append(clean(verdict, 400))
    for d in differences:
        apart = "" if d.tokens is None else f"  ({d.tokens:,.1f} apart on average)"
        lines.append(
            f"  {'✓' if d.alike else '✗'} {d.what:<16} distance {d.distance:.3f} of {d.bound:.3f} allowed{apart}"
        )
    return lines
