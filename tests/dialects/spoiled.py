"""Samples with some of their bytes replaced, for tests that feed them to a dialect."""

from __future__ import annotations

from dialect_kit import Sample
from hypothesis import strategies as st

__all__ = ["spoiled"]

SPLICES = [
    b"null",
    b"[]",
    b"{}",
    b"-1",
    b'"',
    b"\\",
    b"\n",
    b"\n\n",
    b"\r",
    b"true",
    b"1e999",
    b"[[[[",
    b'"error":1',
    b"\xff",
]


def spoiled(sample: Sample, data: st.DataObject) -> list[bytes]:
    """The reads of a sample with words of ``SPLICES`` and random bytes in it, as ``data`` draws them."""
    body = bytearray(sample.body)
    for _ in range(data.draw(st.integers(0, 4)) if body else 0):
        at = data.draw(st.integers(0, max(0, len(body) - 1)))
        body[at : at + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=4) | st.sampled_from(SPLICES))
    junk = data.draw(st.binary(max_size=30))
    at = data.draw(st.integers(0, len(body)))
    return [bytes(body[:at]), junk, bytes(body[at:])]
