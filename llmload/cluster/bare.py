"""Workers know nothing of the program that started them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

__all__ = ["without_main"]


@contextmanager
def without_main() -> Iterator[None]:
    """Processes that are spawned meanwhile don't load the main module anew: a script without ``if __name__ ==
    "__main__"`` would otherwise start its run once more in each worker, and what was typed in has no file at all."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
