"""Everything a fresh machine with Python 3.11+ and pip needs, in two commands.

    python3 tasks.py demo     set up, and run a scenario against the embedded simulator
    python3 tasks.py test     set up, and pass the tests

and, for work on llmload itself: ``style``, ``types``, ``layers``, ``unit``, ``bench``. Arguments after the task go to
the tool.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
HOME = ROOT / ".venv"
BIN = HOME / ("Scripts" if os.name == "nt" else "bin")
CHECKED = ("llmload", "tests", "benchmarks", "tasks.py")
TASKS: dict[str, list[list[str]]] = {
    "demo": [["llmload", "run", "quickstart"]],
    "style": [["ruff", "check", *CHECKED], ["ruff", "format", "--check", *CHECKED]],
    "types": [["mypy"]],
    "layers": [["lint-imports", "--no-logo"]],
    "unit": [["pytest", "-n", "2"]],  # much of it waits for schedules that take their time
    "bench": [["python", "-m", "benchmarks"]],
}
TASKS["test"] = TASKS["style"] + TASKS["types"] + TASKS["layers"] + TASKS["unit"]


def set_up(extra: str) -> None:
    """Make the virtual environment and install into it what pyproject.toml asks for, once per version of that."""
    mark = HOME / f".installed{extra.strip('[]')}"
    wanted = (ROOT / "pyproject.toml").read_bytes()
    if mark.exists() and mark.read_bytes() == wanted:
        return
    if HOME.is_symlink():
        raise SystemExit(f"{HOME} is a link: llmload would be installed into the environment of another checkout")
    print("setting up .venv (a minute, the first time) ...", file=sys.stderr, flush=True)
    if not (BIN / "python").exists() and not (BIN / "python.exe").exists():
        # Without pip of its own, as some systems ship Python without ensurepip; the pip that runs us installs into it.
        venv.create(HOME, with_pip=False, symlinks=os.name != "nt")
    pip = [sys.executable, "-m", "pip", "--python", str(BIN / "python"), "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", "--editable", f".{extra}"], cwd=ROOT, check=True)
    mark.write_bytes(wanted)


def main(task: str = "", *arguments: str) -> int:
    if task not in TASKS:
        print(__doc__, file=sys.stderr)
        return 2
    if sys.version_info < (3, 11):  # noqa: UP036 - it must say so, not fail at the first new word
        print("llmload needs Python 3.11 or newer", file=sys.stderr)
        return 2
    try:
        set_up("" if task == "demo" else "[dev]")
        for tool, *rest in TASKS[task]:
            more = arguments if len(TASKS[task]) == 1 else ()
            subprocess.run([str(BIN / tool), *rest, *more], cwd=ROOT, check=True)
    except subprocess.CalledProcessError as failed:
        return failed.returncode
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
