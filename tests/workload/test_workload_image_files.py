"""Pillow, which shares nothing with us, reads the pictures."""

from __future__ import annotations

import io
import zlib
from hashlib import sha256

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from llmload.workload.image_files import FORMATS, bounds, image_file, usual_size

SIDES = st.integers(1, 300)


def read(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


@pytest.mark.parametrize("format_", FORMATS)
@settings(max_examples=60, deadline=None)
@example(width=1, height=1, share=0.0, seed=0)
@example(width=3, height=300, share=0.5, seed=1)
@example(width=300, height=3, share=1.0, seed=2)
@given(width=SIDES, height=SIDES, share=st.floats(0, 1), seed=st.integers(0, 2**64 - 1))
def test_a_picture_has_its_pixels_and_exactly_its_bytes(
    format_: str, width: int, height: int, share: float, seed: int
) -> None:
    least, most = bounds(format_, width, height)
    size = round(least + share * (most - least))
    data = image_file(format_, width, height, size, seed)
    picture = read(data)
    assert (picture.size, picture.mode, picture.format) == ((width, height), "RGB", format_.upper())
    assert Image.MIME[picture.format] == FORMATS[format_]
    assert len(data) == size


@pytest.mark.parametrize(("format_", "size"), [("png", 1920 * 1080 * 3 // 2), ("jpeg", 1920 * 1080 // 4)])
def test_a_picture_of_the_usual_size_is_no_bag_of_zeros(format_: str, size: int) -> None:
    assert usual_size(format_, 1920, 1080) == size
    data = image_file(format_, 1920, 1080, size, 7)
    assert len(data) == size
    assert len(zlib.compress(data)) > 0.55 * size
    assert len(set(read(data).convert("L").tobytes())) > 200


@pytest.mark.parametrize("format_", FORMATS)
def test_a_size_out_of_bounds_gives_the_nearest_there_is(format_: str) -> None:
    least, most = bounds(format_, 64, 48)
    assert len(image_file(format_, 64, 48, 1, 7)) == least
    assert len(image_file(format_, 64, 48, 10**9, 7)) == most


def test_the_bytes_of_a_seed_are_the_same_on_every_machine() -> None:
    """Of a PNG the pixels: the zlib of another machine may pack them otherwise."""
    jpeg = image_file("jpeg", 40, 24, 900, 5)
    assert sha256(jpeg).hexdigest()[:16] == "107bbd4778a973a3"
    png = image_file("png", 40, 24, 1500, 5)
    assert sha256(read(png).tobytes()).hexdigest()[:16] == "c7e5900ea58c6948"
    assert image_file("png", 40, 24, 1500, 5) == png
    assert image_file("png", 40, 24, 1500, 6) != png
