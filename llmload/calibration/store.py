"""Where a calibration is kept: one file per user, replaced as a whole, believed only on the machine it was made on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from llmload import __version__
from llmload.calibration.calibration import KIND, SCHEMA_VERSION, Calibration
from llmload.errors import OutputError
from llmload.observe.environment import environment
from llmload.reports import files
from llmload.safe import clean

__all__ = ["HINT", "Stored", "fingerprint", "look_up", "place", "render", "save", "stored"]

HINT: Final = "`llmload calibrate` finds out in a minute"
_ANEW: Final = "`llmload calibrate` makes a new one"

_DECIDES: Final = ("cpu", "cpus", "machine", "system", "implementation", "python", "uvloop", "aiohttp")
"""What of the environment changes how fast and how exactly a worker measures."""
_LARGEST: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Stored:
    """The calibration to go by, or none; ``why`` times have no error bar in either case, "" where they have one."""

    calibration: Calibration | None
    why: str = ""


def fingerprint() -> dict[str, str]:
    """What a calibration holds for: this machine, and the versions that measure."""
    have = environment()
    return {name: have.get(name, "") for name in _DECIDES} | {"llmload": __version__}


def place(environ: Mapping[str, str] | None = None) -> Path:
    """``$XDG_STATE_HOME/llmload/calibration.json``; without that variable (or where it is not absolute, as the XDG
    specification has it) under ``~/.local/state``."""
    home = (os.environ if environ is None else environ).get("XDG_STATE_HOME", "")
    base = Path(home) if os.path.isabs(home) else Path.home() / ".local" / "state"
    return base / "llmload" / "calibration.json"


def stored() -> Calibration | None:
    """The calibration of this machine and these versions; None where there is none."""
    return look_up().calibration


def look_up(path: Path | None = None, machine: Mapping[str, str] | None = None) -> Stored:
    """The stored calibration, if it is of ``machine`` (this one); a file that can't be read is as good as none."""
    try:
        path = path or place()
        with path.open("rb") as file:
            data = file.read(_LARGEST)
    except (FileNotFoundError, NotADirectoryError):
        return Stored(None, f"how exact times are on this machine is not known: {HINT}")
    except (OSError, RuntimeError) as error:
        return Stored(None, f"the calibration can't be read ({error}): {HINT}")
    calibration = _parse(data)
    if isinstance(calibration, str):
        return Stored(None, f"the calibration {path} {calibration}; it is not used: {_ANEW}")
    if differs := _differences(calibration.machine, fingerprint() if machine is None else machine):
        made = f"the calibration of {clean(calibration.made[:10])}"
        text = f"{made} is of another machine or version ({differs}); it is not used: {_ANEW}"
        return Stored(None, text)
    if calibration.disturbed:
        made = f"the stored calibration ({clean(calibration.made[:10])}) was made on a disturbed machine"
        return Stored(calibration, f"no error bar: {made}; calibrate again when it is quiet (`llmload calibrate`)")
    return Stored(calibration)


def save(calibration: Calibration, path: Path | None = None) -> Path:
    """Keep it; a reader sees the old file or the new one. Returns where. Raises OutputError."""
    path = path or place()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"can't keep the calibration in {str(path.parent)!r}: {error.strerror or error}") from None
    files.write(str(path), render(calibration))
    return path


def render(calibration: Calibration) -> bytes:
    """The document: one top-level member per line."""
    lines = (f"{_dumps(key)}: {_dumps(value)}" for key, value in calibration.to_json().items())
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def _dumps(value: Any) -> str:
    return orjson.dumps(value).decode()


def _parse(data: bytes) -> Calibration | str:
    """The calibration in a file, or what is wrong with it."""
    try:
        document = orjson.loads(data)
        if not isinstance(document, dict) or document.get("kind") != KIND:
            return "is something else"
        if document.get("schema_version") != SCHEMA_VERSION:
            return f"is of another version of the format ({clean(str(document.get('schema_version')), 20)})"
        return Calibration.from_json(document)
    except orjson.JSONDecodeError:
        return "is damaged"
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        return f"is damaged ({clean(str(error), 100)})"


def _differences(then: Mapping[str, str], now: Mapping[str, str]) -> str:
    """ "python 3.11.7, now 3.12.1; cpus 2, now 8"; "" for none."""
    names = [name for name in {**now, **then} if then.get(name, "") != now.get(name, "")]
    return "; ".join(
        clean(f"{name} {then.get(name) or 'unknown'}, now {now.get(name) or 'unknown'}", 120) for name in names
    )
