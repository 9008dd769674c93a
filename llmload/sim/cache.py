"""The cache of prompt prefixes: what inference servers keep of prompts they have read. Pure.

A prompt is cut into blocks; a block is known by all that stands before it and in it, so that only a common beginning
helps. The blocks that were not asked for the longest make room for new ones.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

__all__ = ["BLOCK", "PrefixCache", "kept"]

BLOCK: Final = 16
"""Tokens of a block."""
_BYTES: Final = 4
"""Bytes of a token: see ``requests.count_tokens``."""


class PrefixCache:
    """Room for ``tokens`` tokens of prompts; with none it knows nothing."""

    def __init__(self, tokens: int) -> None:
        self._most: Final = tokens // BLOCK
        self._blocks: OrderedDict[bytes, None] = OrderedDict()

    def read(self, model: str, text: bytes) -> int:
        """Tokens at the beginning of ``text`` that are known; from now on all of it is, but for the last few."""
        if not self._most:
            return 0
        known = 0
        new = False
        for block in _blocks(model, text):
            if block in self._blocks:
                known += not new
                self._blocks.move_to_end(block)
            else:
                new = True
                self._blocks[block] = None
        while len(self._blocks) > self._most:
            self._blocks.popitem(last=False)
        return known * BLOCK


def kept(text: bytes) -> int:
    """Tokens of a text that are kept: those of its whole blocks."""
    return len(text) // (BLOCK * _BYTES) * BLOCK


def _blocks(model: str, text: bytes) -> Iterator[bytes]:
    """What identifies each whole block of a text."""
    so_far = hashlib.blake2b(model.encode(), digest_size=12)
    for start in range(0, len(text) - BLOCK * _BYTES + 1, BLOCK * _BYTES):
        so_far.update(text[start : start + BLOCK * _BYTES])
        yield so_far.digest()
