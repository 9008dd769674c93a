"""The HdrHistogram V2 compressed format, as text.

base64( cookie, length, zlib( header of 40 bytes, counts ) ), all numbers big-endian. The counts are ZigZag
LEB128 varints of at most 9 bytes; a negative one, -n, stands for n empty buckets in a row. The cookies are
HdrHistogram's for V2: 0x1c849303 (plain) and 0x1c849304 (compressed), with 1 in the word-size nibble.

Many buckets are written through ``hdrhistogram`` where that is installed, else through numpy; few, which most
histograms have, in a plain loop that takes a tenth of the time. The bytes are the same. Reading is always ours,
since it must bound and check whatever a file claims.
"""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Final

import numpy as np
from numpy.typing import NDArray

from llmload.metrics.buckets import COARSE, FINE, HIGHEST, Buckets, Ints

try:
    from hdrh.histogram import HdrHistogram
except ImportError:  # no wheel for this platform
    HdrHistogram = None

__all__ = ["FEW", "MAX_TEXT", "decode", "encode", "encode_few", "encode_numpy"]

_PLAIN: Final = 0x1C849303
_COMPRESSED: Final = 0x1C849304
_WORD: Final = 0x10
_NIBBLE: Final = 0xF0
_OUTER: Final = struct.Struct(">II")
_HEADER: Final = struct.Struct(">IIIIQQd")
"""Cookie, length of the counts, normalizing offset, digits, lowest, highest, conversion ratio."""
_LONGEST: Final = 9
_MAX_BODY: Final = _HEADER.size + _LONGEST * FINE.size
FEW: Final = 500
MAX_TEXT: Final = 2 * _MAX_BODY
"""Longer texts are refused unread: not even incompressible counts get there."""
_BUCKETS: Final = {buckets.digits: buckets for buckets in (FINE, COARSE)}


def encode(counts: Ints, digits: int) -> str:
    """The text for dense counts from bucket 0 to the last filled one (none at all if empty)."""
    if HdrHistogram is None:
        return encode_numpy(counts, digits)
    histogram = HdrHistogram(1, HIGHEST, digits)
    np.frombuffer(histogram.counts, np.uint64)[: len(counts)] = counts
    histogram.total_count = int(counts.sum())
    if len(counts):
        histogram.max_value = int(_BUCKETS[digits].lowest(np.array([len(counts) - 1]))[0])
    return str(histogram.encode().decode("ascii"))


def encode_numpy(counts: Ints, digits: int) -> str:
    """As ``encode``, without hdrhistogram."""
    return _wrapped(_varints(_runs(counts)), digits)


def encode_few(places: list[int], counts: list[int], digits: int) -> str:
    """As ``encode``, for the filled buckets alone: the fastest for up to about ``FEW`` of them."""
    out, after = bytearray(), 0
    for place, count in zip(places, counts, strict=True):
        if place > after:
            _spell(out, 2 * (place - after) - 1)
        if count < 0x40:
            out.append(2 * count)
        else:
            _spell(out, 2 * count)
        after = place + 1
    return _wrapped(bytes(out), digits)


def _spell(out: bytearray, zigzag: int) -> None:
    """One number, as ``_varints`` does it."""
    room = _LONGEST
    while zigzag > 0x7F and (room := room - 1):
        out.append(zigzag & 0x7F | 0x80)
        zigzag >>= 7
    out.append(zigzag)


def _wrapped(body: bytes, digits: int) -> str:
    header = _HEADER.pack(_PLAIN | _WORD, len(body), 0, digits, 1, HIGHEST, 1.0)
    packed = zlib.compress(header + body)
    return base64.b64encode(_OUTER.pack(_COMPRESSED | _WORD, len(packed)) + packed).decode("ascii")


def decode(text: str) -> tuple[Ints, Buckets]:
    """Dense counts and their buckets. ValueError, with what is wrong, for anything that is not a V2 histogram
    of lowest value 1 and 2 or 3 digits within our range."""
    header, body = _unwrap(text)
    cookie, length, offset, digits, lowest, _, _ = header
    if cookie & ~_NIBBLE != _PLAIN or length != len(body):
        raise ValueError("a damaged histogram: its inner header is wrong")
    if offset != 0 or lowest != 1 or digits not in _BUCKETS:
        raise ValueError(f"a histogram of {digits} digits from {lowest}; 2 or 3 digits from 1 can be read")
    buckets = _BUCKETS[digits]
    return _fill(_words(np.frombuffer(body, np.uint8)), buckets.size), buckets


def _unwrap(text: str) -> tuple[tuple[int, int, int, int, int, int, float], bytes]:
    """Header and counts from the base64 and zlib around them, never inflating past the bound."""
    if len(text) > MAX_TEXT:
        raise ValueError(f"a histogram of {len(text)} characters; no more than {MAX_TEXT} make sense")
    try:
        outer = base64.b64decode(text, validate=True)
        cookie, length = _OUTER.unpack_from(outer)
        inflater = zlib.decompressobj()
        plain = inflater.decompress(outer[_OUTER.size :], _MAX_BODY)
        header = _HEADER.unpack_from(plain)
    except (ValueError, struct.error, zlib.error) as error:
        raise ValueError(f"not an HdrHistogram V2 text: {error}") from error
    if cookie & ~_NIBBLE != _COMPRESSED or length != len(outer) - _OUTER.size or not inflater.eof:
        raise ValueError("not an HdrHistogram V2 text, or it is cut short")
    return header, plain[_HEADER.size :]


def _runs(counts: Ints) -> Ints:
    """Counts with every run of n zeros replaced by -n."""
    empty = counts == 0
    first = np.flatnonzero(~(empty & np.concatenate(([False], empty[:-1]))))
    length = np.diff(first, append=len(counts))
    return np.where(empty[first], -length, counts[first])


def _varints(values: Ints) -> bytes:
    """ZigZag LEB128; the ninth byte of a number holds 8 bits."""
    zigzag = ((values << 1) ^ (values >> 63)).astype(np.uint64)
    sizes = np.ones(len(zigzag), np.int64)
    for bits in range(7, 7 * _LONGEST, 7):
        sizes += zigzag >= np.uint64(1 << bits)
    starts = np.cumsum(sizes) - sizes
    out = np.zeros(int(sizes.sum()), np.uint8)
    for n in range(int(sizes.max(initial=0))):
        long = sizes > n
        low = (zigzag[long] >> np.uint64(7 * n)).astype(np.uint8)
        more = (sizes[long] > n + 1).astype(np.uint8) << 7
        out[starts[long] + n] = low if n == _LONGEST - 1 else (low & 0x7F) | more
    return out.tobytes()


def _words(data: NDArray[np.uint8]) -> Ints:
    """The numbers in ZigZag LEB128 bytes; those that need the last bit of a ninth byte can't be counts."""
    ends = np.flatnonzero(data < 0x80)
    if not len(data):
        return np.zeros(0, np.int64)
    starts = np.concatenate(([0], ends[:-1] + 1))
    sizes = ends - starts[: len(ends)] + 1
    if not len(ends) or ends[-1] != len(data) - 1 or sizes.max() > _LONGEST:
        raise ValueError("a damaged histogram: its counts break off or are too large")
    place = np.arange(len(data)) - np.repeat(starts, sizes)
    parts = (data & np.uint8(0x7F)).astype(np.uint64) << (7 * place).astype(np.uint64)
    zigzag = np.add.reduceat(parts, starts)
    return (zigzag >> np.uint64(1)).astype(np.int64) ^ -(zigzag & np.uint64(1)).astype(np.int64)


def _fill(words: Ints, size: int) -> Ints:
    """Dense counts from words, where -n skips n buckets."""
    if len(words) and (words.min() < -size or float(np.maximum(words, 0).sum(dtype=np.float64)) > 2.0**62):
        raise ValueError("a damaged histogram: its counts are out of range")
    steps = np.where(words < 0, -words, 1)
    if steps.sum() > size:
        raise ValueError("a histogram of values beyond the range that can be read")
    dense = np.zeros(int(steps.sum()), np.int64)
    filled = words > 0
    dense[(np.cumsum(steps) - steps)[filled]] = words[filled]
    return dense
