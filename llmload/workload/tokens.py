"""How many tokens a text is likely to be, without a tokenizer.

This is an *estimate*: byte-pair vocabularies differ from model to model by 10 to 20 % on the same text.
It follows how they all cut: at spaces (which cost nothing, they belong to the word after them), between
letters, digits and punctuation, at a capital within a word; then long words again. English prose comes to
about 1.25 tokens a word, Python and JavaScript to about 3 characters a token. Chat templates add a few
tokens per message that no estimate of the text can know. Where the server reports usage, that counts.

The cost of a text is the sum of the costs of its pieces, so a text made of parts that meet at a space or
a line break costs what the parts cost.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["estimate_tokens"]

_PIECE: Final = re.compile(
    r"\s*\n\s*"  # a line break with the blank lines and the indentation after it
    r"|\s{2,}"
    r"|[._]?(?:[A-Z]+(?![a-z])|[A-Z]?[a-z]+)"  # part of a word; ".name" and "_name" are mostly one token
    r"|\d+"
    r"|[^\W\d_A-Za-z]+"  # letters beyond ASCII
    r"|[^\w\s]+|_+"
)

_WORD: Final = 8
"""Letters in a token of a word: most words up to so long are in every vocabulary."""
_DIGITS: Final = 3
_SIGNS: Final = 4
_FOREIGN: Final = 2.5
"""Letters per token in alphabets other than the Latin one."""
_IDEOGRAPHS: Final = "\u2e80"
"""From this character on (CJK and beyond), a character is about a token."""


def estimate_tokens(text: str) -> int:
    """About how many tokens ``text`` is, for English prose and code; 0 for an empty text only."""
    return sum(map(_cost, _PIECE.findall(text))) or (1 if text else 0)


def _cost(piece: str) -> int:
    last = piece[-1]
    if not last.isascii():
        return _foreign(piece)
    if last.isalpha():
        return -(-len(piece) // _WORD)
    if last.isdigit():
        return -(-len(piece) // _DIGITS)
    return 1 if last.isspace() else -(-len(piece) // _SIGNS)


def _foreign(piece: str) -> int:
    dense = sum(letter >= _IDEOGRAPHS for letter in piece)
    return dense + -int(-(len(piece) - dense) // _FOREIGN)
