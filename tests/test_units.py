"""Quantities as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmload import units


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("250ms", 0.25),
        ("1h30m", 5400),
        ("5 min", 300),
        ("2d", 172800),
        ("1.5s", 1.5),
        ("0", 0),
        ("40µs", 4e-5),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert units.parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "30", "s", "5 parsecs", "1h-3m", "1h,30m", "nan s", "-5s"])
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="30s"):
        units.parse_duration(text)


@pytest.mark.parametrize(
    ("text", "rate"),
    [("50/s", 50), ("1000/min", 1000 / 60), ("3/10s", 0.3), ("50 rps", 50), ("90rpm", 1.5), ("2/h", 2 / 3600)],
)
def test_rates(text: str, rate: float) -> None:
    assert units.parse_rate(text) == pytest.approx(rate)


@pytest.mark.parametrize("text", ["50", "50/", "/s", "50/fortnight", "x/s", "1/0s"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        units.parse_rate(text)


@pytest.mark.parametrize(("text", "size"), [("64KiB", 65536), ("10 MB", 10**7), ("512", 512), ("1.5GiB", 3 * 2**29)])
def test_sizes(text: str, size: int) -> None:
    assert units.parse_bytes(text) == size


@pytest.mark.parametrize(("text", "share"), [("5%", 0.05), ("0.5%", 0.005), ("0.2", 0.2), ("100%", 1.0)])
def test_shares(text: str, share: float) -> None:
    assert units.parse_share(text) == pytest.approx(share)


def test_a_share_above_all_suggests_percent() -> None:
    with pytest.raises(ValueError, match='"50%"'):
        units.parse_share("50")


@pytest.mark.parametrize("text", ["200%", "200 %", "1000"])
def test_what_can_be_no_percentage_is_told_the_most_there_is(text: str) -> None:
    with pytest.raises(ValueError, match='write "100%" at most or a number up to 1'):
        units.parse_share(text)


@given(st.floats(1e-9, 1e7))
def test_a_formatted_duration_is_right_to_three_digits(seconds: float) -> None:
    text = units.format_seconds(seconds)
    if " m " in text or " h " in text:
        parts = text.replace(" h", "h").replace(" m", "m").replace(" s", "s").replace(" ", "")
        assert units.parse_duration(parts) == pytest.approx(seconds, rel=0.02)
    elif "e-" not in text:
        assert units.parse_duration(text) == pytest.approx(seconds, rel=0.01)


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0%"), (0.00001, "<0.01%"), (0.99999, ">99.99%"), (1, "100%"), (0.1234, "12.34%"), (0.5, "50%")],
)
def test_shares_never_round_to_nothing_or_all(share: float, text: str) -> None:
    assert units.format_share(share) == text


def test_counts_and_bytes_and_rates_read_well() -> None:
    assert units.format_count(12345) == "12,345"
    assert units.format_count(1_234_567) == "1.23M"
    assert units.format_bytes(1536) == "1.50 KiB"
    assert units.format_rate(48.23) == "48.2/s"
    assert units.format_rate(0.05) == "3.00/min"
    assert units.format_ns(12_345_678) == "12.3 ms"
