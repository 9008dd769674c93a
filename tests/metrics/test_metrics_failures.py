from __future__ import annotations

import pytest

from llmload.metrics.failures import MAX_GROUPS, ErrorGroup, ErrorKey, add_error, merge_errors, shape
from llmload.records import Outcome


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("upstream 17 timed out after 3.5 s", "upstream 4 timed out after 12.25 s"),
        (
            "request 0b7e6a1c-9a51-4c1f-8d5e-2f6f6d2f8f11 failed",
            "request 5f0e6a1c-1111-4c1f-8d5e-aaaaaaaaaaaa failed",
        ),
        ("id req_a1B2c3D4e5F6g7H8 is unknown", "id req_z9Y8x7W6v5U4t3S2 is unknown"),
        ("10.0.0.1:8000 refused", "10.0.0.27:80 refused"),
        ("at 0xdeadbeef", "at 0x1"),
    ],
)
def test_details_that_differ_in_numbers_and_ids_have_one_shape(one: str, other: str) -> None:
    assert shape(one) == shape(other)
    assert "#" in shape(one)


def test_details_that_differ_in_words_have_shapes_of_their_own() -> None:
    assert shape("rate limited") == "rate limited"
    assert shape("rate limited") != shape("overloaded")


def test_a_shape_is_one_short_line_without_control_characters() -> None:
    found = shape("\x1b[31mred\r\nline\u202e" + "long " * 1000)
    assert len(found) <= 120
    assert found.isprintable()


def group(at: float, sample: str = "", cls: str = "chat", count: int = 1) -> ErrorGroup:
    return ErrorGroup(Outcome.HTTP_5XX, 503, count, sample, at, at, {cls: count})


def test_a_group_keeps_the_earliest_sample_whatever_the_order() -> None:
    groups = [group(3.0, "third"), group(1.0, "first", "embed"), group(2.0, "second")]
    for order in (groups, groups[::-1]):
        total = ErrorGroup(Outcome.HTTP_5XX, 503)
        for part in order:
            total.merge(part)
        total.merge(ErrorGroup(Outcome.HTTP_5XX, 503))
        assert (total.sample, total.first_at, total.last_at, total.count) == ("first", 1.0, 3.0, 3)
        assert total.classes == {"chat": 2, "embed": 1}


def test_kinds_beyond_the_bound_are_counted_together() -> None:
    groups: dict[ErrorKey, ErrorGroup] = {}
    for letters in range(3 * MAX_GROUPS):
        word = "".join(chr(ord("a") + int(digit)) for digit in str(letters))
        add_error(groups, (Outcome.HTTP_5XX, 503, word), group(1.0, word))
    assert len(groups) == MAX_GROUPS + 1
    assert groups[Outcome.HTTP_5XX, 503, "(other)"].count == 2 * MAX_GROUPS


def test_when_merging_the_common_kinds_are_kept_apart_first() -> None:
    rare = {(Outcome.HTTP_5XX, 503, f"rare {n}"): group(1.0) for n in range(MAX_GROUPS)}
    common = {(Outcome.HTTP_5XX, 503, "common"): group(1.0, count=1000)}
    groups: dict[ErrorKey, ErrorGroup] = {}
    merge_errors(groups, rare | common)
    assert groups[Outcome.HTTP_5XX, 503, "common"].count == 1000
    assert groups[Outcome.HTTP_5XX, 503, "(other)"].count == 1


def test_json_round_trip_is_exact() -> None:
    made = group(1.5, "first")
    assert ErrorGroup.from_json(made.to_json()) == made
