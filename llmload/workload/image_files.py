"""Files of made-up pictures, of a wished number of bytes: PNG and baseline JPEG, written here so that making them needs
no library. Formats: RFC 2083 (PNG), ITU-T T.81 (JPEG), each pixel in three colours, none of them subsampled.

A PNG is noise on the left of each row and one grey on the right, as much noise as makes up the size. A JPEG is
made of coefficients, not of pixels: blocks of random ones, drawn from a bank of them, as many in each as make up the
size. What is left over is a comment in the file. Noise comes of SHAKE-256, so that a seed means the same everywhere;
PNGs are deflated by this machine's zlib, whose versions may differ in bytes (never in length).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from hashlib import shake_256
from typing import Final

__all__ = ["FORMATS", "bounds", "image_file", "usual_size"]

FORMATS: Final[Mapping[str, str]] = {"png": "image/png", "jpeg": "image/jpeg"}
"""Format -> its media type."""
_USUAL: Final[Mapping[str, float]] = {"png": 1.5, "jpeg": 0.25}
"""Bytes per pixel of a photograph: PNG about half of the raw bytes, JPEG two bits a pixel (quality about 80)."""
_TRIES: Final = 8
_LESS: Final = 0.97


def usual_size(format_: str, width: int, height: int) -> int:
    """Bytes of a photograph of that size."""
    return max(bounds(format_, width, height)[0], round(_USUAL[format_] * width * height))


def bounds(format_: str, width: int, height: int) -> tuple[int, int]:
    """The fewest and the most bytes that such a picture is made of."""
    return _BOUNDS[format_](width, height)


def image_file(format_: str, width: int, height: int, size: int, seed: int) -> bytes:
    """A picture of exactly ``size`` bytes, where those are within ``bounds``; the nearest that there is elsewhere."""
    least, most = bounds(format_, width, height)
    size = min(max(size, least), most)
    content = size - _FIXED[format_]
    for _ in range(_TRIES):
        made = _MAKE[format_](width, height, content, seed)
        if len(made) + _FIXED[format_] <= size:
            return _FILE[format_](width, height, made, size - len(made) - _FIXED[format_])
        content = int(content * _LESS)
    made = _MAKE[format_](width, height, 0, seed)
    return _FILE[format_](width, height, made, max(0, size - len(made) - _FIXED[format_]))


def _noise(seed: int, what: int, size: int) -> bytes:
    return shake_256(struct.pack(">QB", seed, what)).digest(size)


# -- PNG ---------------------------------------------------------------------------------------------------------------

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_KEYWORD: Final = b"Comment\x00"


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png_bounds(width: int, height: int) -> tuple[int, int]:
    """Runs are deflated to a 250th or better, noise grows by some bytes in each 16 KB; each row begins anew."""
    raw = (3 * width + 1) * height
    return 200 + raw // 100 + height, 200 + raw + height


def _pixels(width: int, height: int, content: int, seed: int) -> bytes:
    """The deflated rows, about ``content`` bytes."""
    row = 3 * width
    noisy = min(row, max(0, int((content - 64) / height * 0.985 - row / 200)))
    noise = _noise(seed, 0, noisy * height)
    flat = _noise(seed, 1, 1) * (row - noisy)
    packed = zlib.compressobj(1, strategy=zlib.Z_RLE)
    parts = [packed.compress(b"\x00" + noise[y * noisy : (y + 1) * noisy] + flat) for y in range(height)]
    return b"".join(parts) + packed.flush()


def _png(width: int, height: int, content: bytes, spare: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    comment = _chunk(b"tEXt", _KEYWORD + b"." * spare)
    return _SIGNATURE + _chunk(b"IHDR", header) + comment + _chunk(b"IDAT", content) + _chunk(b"IEND", b"")


# -- JPEG --------------------------------------------------------------------------------------------------------------

_DC: Final = (0, 5)
"""Sizes of the steps of a block's mean; coded in two bits each."""
_AC: Final = (0, 1, 2, 3, 4, 5, 6)
"""End of block, and sizes of coefficients with no zeros before them; coded in three bits each."""
_COEFFICIENTS: Final = 63
_QUANTUM: Final = 3
_BANK: Final = 256
"""Blocks to draw from, by a byte."""
_MEAN_BITS: Final = 3 + sum(_AC) / 6
_START_BITS: Final = 2 + _DC[1]
_COMPONENTS: Final = 3
_MOST_COMMENT: Final = 65_535


def _segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def _codes(place: int, length: int, values: tuple[int, ...]) -> bytes:
    """A Huffman table all of whose codes have one length."""
    counts = bytes(len(values) if bits == length else 0 for bits in range(1, 17))
    return bytes([place]) + counts + bytes(values)


def _head(width: int, height: int) -> bytes:
    frame = struct.pack(">BHHB", 8, height, width, _COMPONENTS) + b"".join(bytes((n, 0x11, 0)) for n in (1, 2, 3))
    return b"".join(
        (
            b"\xff\xd8",
            _segment(0xE0, b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"),
            _segment(0xDB, b"\x00" + bytes([_QUANTUM] * 64)),
            _segment(0xC0, frame),
            _segment(0xC4, _codes(0x00, 2, _DC)),
            _segment(0xC4, _codes(0x10, 3, _AC)),
        )
    )


_SCAN: Final = _segment(0xDA, bytes((3, 1, 0, 2, 0, 3, 0, 0, 63, 0)))
_EOI: Final = b"\xff\xd9"


def _blocks(width: int, height: int) -> int:
    return -(-width // 8) * -(-height // 8) * _COMPONENTS


def _jpeg_bounds(width: int, height: int) -> tuple[int, int]:
    blocks, fixed = _blocks(width, height), _FIXED["jpeg"]
    full = _START_BITS + _COEFFICIENTS * _MEAN_BITS
    return fixed + 16 + blocks * (_START_BITS + 3 + 1) // 8, fixed + 16 + int(blocks * full / 8)


def _bits(value: int, size: int) -> str:
    """A value of that size, its sign included, as T.81 writes it (F.1.2.1): any bits stand for one."""
    return format(value & ((1 << size) - 1), f"0{size}b")


def _block(coefficients: int, noise: bytes, sign: int) -> str:
    """The bits of a block; its mean goes up by what the next but two goes down."""
    step = 31 if sign else 0
    parts = ["01", _bits(step, _DC[1])]
    for place in range(coefficients):
        size = 1 + (noise[2 * place] * 6 >> 8)
        parts.append(format(size, "03b") + _bits(noise[2 * place + 1], size))
    return "".join(parts) + ("000" if coefficients < _COEFFICIENTS else "")


def _bank(coefficients: int, seed: int) -> tuple[list[str], list[str]]:
    """Blocks whose mean goes up, and as many whose mean goes down."""
    width = 2 * _COEFFICIENTS
    noise = _noise(seed, 2 + coefficients, 2 * _BANK * width)
    made = [_block(coefficients, noise[k * width : (k + 1) * width], k % 2) for k in range(2 * _BANK)]
    return made[1::2], made[0::2]


def _scan(width: int, height: int, content: int, seed: int) -> bytes:
    """The coded blocks, about ``content`` bytes."""
    blocks = _blocks(width, height)
    each = content * 8 * 0.985 / blocks - _START_BITS - 3
    wished = min(max(each / _MEAN_BITS, 0.0), float(_COEFFICIENTS))
    fewer = int(wished)
    banks = (_bank(fewer, seed), _bank(min(fewer + 1, _COEFFICIENTS), seed))
    longer = round((wished - fewer) * blocks)
    noise = _noise(seed, 255, blocks)
    bits = "".join(
        banks[(place * longer) % blocks < longer][place // _COMPONENTS & 1][noise[place]] for place in range(blocks)
    )
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\x00")


def _comments(size: int) -> bytes:
    """Comments of ``size`` bytes, 4 or more, in all."""
    made = []
    while size:
        take = min(size, _MOST_COMMENT)
        take -= 4 if 0 < size - take < 4 else 0
        made.append(_segment(0xFE, b"." * (take - 4)))
        size -= take
    return b"".join(made)


def _jpeg(width: int, height: int, content: bytes, spare: int) -> bytes:
    return _head(width, height) + _comments(4 + spare) + _SCAN + content + _EOI


_MAKE: Final[Mapping[str, Callable[[int, int, int, int], bytes]]] = {"png": _pixels, "jpeg": _scan}
_FILE: Final[Mapping[str, Callable[[int, int, bytes, int], bytes]]] = {"png": _png, "jpeg": _jpeg}
_FIXED: Final[Mapping[str, int]] = {"png": len(_png(1, 1, b"", 0)), "jpeg": len(_jpeg(1, 1, b"", 0))}
"""Bytes of a file without its content and its filling."""
_BOUNDS: Final[Mapping[str, Callable[[int, int], tuple[int, int]]]] = {"png": _png_bounds, "jpeg": _jpeg_bounds}
