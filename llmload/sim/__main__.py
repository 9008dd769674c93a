"""``python -m llmload.sim``: the child of a ``SimProcess``."""

from __future__ import annotations

from llmload.sim.process import child_main

if __name__ == "__main__":
    child_main()
