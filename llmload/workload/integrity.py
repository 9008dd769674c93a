"""What a model is told so that its answer shows whether it is whole: numbered lines with the call's nonce in each."""

from __future__ import annotations

from typing import Final

__all__ = ["INTEGRITIES", "LINES", "TOKENS_PER_LINE", "instruction", "nonce_of"]

INTEGRITIES: Final = ("sim", "echo", "instructed")
"""The ways in which an answer can show whose it is; see ``dialects.integrity``."""
LINES: Final = 20
"""Lines asked for where the class does not limit the answer."""
TOKENS_PER_LINE: Final = 16
"""A line of sixteen hexadecimal digits and a number, in the tokens of common vocabularies, with room to spare."""


def nonce_of(bits: int) -> str:
    """Sixteen hexadecimal digits."""
    return f"{bits:016x}"


def instruction(nonce: str, lines: int) -> str:
    """What to ask a model for. The last code in the text is the last line that is wanted."""
    return (
        f"Write {lines} lines and nothing else. Line number i consists of a code, a hyphen and i. "
        f"The code is {nonce}. The first line is {nonce}-1 and the last line is {nonce}-{lines}"
    )
