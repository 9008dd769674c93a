from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from llmload.arrivals import curves as arrivals
from llmload.scenario.curves import CurveBase, CurveTable, fit

TABLE: TypeAdapter[CurveBase] = TypeAdapter(CurveTable)
STEADY = {"type": "constant", "rate": "5/s"}


def built(duration: float = 60.0, **table: Any) -> arrivals.Curve:
    return fit(TABLE.validate_python(table), duration)


@pytest.mark.parametrize(
    ("table", "curve"),
    [
        (STEADY, arrivals.Constant(5, 60)),
        ({"type": "ramp", "from": "1/s", "to": "5/s"}, arrivals.Ramp(1, 5, 60)),
        ({"type": "ramp", "from": "1/s", "to": "5/s", "exponential": True}, arrivals.Ramp(1, 5, 60, True)),
        ({"type": "steps", "levels": ["1/s", "2/s", "3/s"]}, arrivals.Steps((1, 2, 3), 20)),
        ({"type": "steps", "levels": ["1/s", "2/s"], "each": "30s"}, arrivals.Steps((1, 2), 30)),
        (
            {"type": "spike", "base": "1/s", "peak": "9/s", "at": "10s", "width": "5s", "rise": "1s"},
            arrivals.Spike(1, 9, 10, 5, 60, 1),
        ),
        (
            {"type": "burst", "base": "1/s", "peak": "9/s", "period": "20s", "width": "5s", "offset": "3s"},
            arrivals.Burst(1, 9, 20, 5, 60, 3),
        ),
        (
            {"type": "sine", "mean": "5/s", "amplitude": "2/s", "period": "30s", "phase": "75%"},
            arrivals.Sine(5, 2, 30, 60, 0.75),
        ),
        ({"type": "points", "points": [["0s", "1/s"], ["1m", "9/s"]]}, arrivals.Points(((0, 1), (60, 9)))),
        (
            {"type": "diurnal", "peak": "9/s", "day": "24m", "start": "8h"},
            arrivals.Diurnal(9, 60, start=28800, time_scale=1 / 60),
        ),
        (
            {"type": "random-bursts", "base": "1/s", "peak": "9/s", "width": "5s", "count": 3, "seed": 7},
            arrivals.RandomBursts(1, 9, 5, 3, 60, 7),
        ),
        (
            {"type": "sum", "parts": [{"curve": STEADY}, {"at": "10s", "duration": "20s", "curve": STEADY}]},
            arrivals.Sum(((0, arrivals.Constant(5, 60)), (10, arrivals.Constant(5, 20)))),
        ),
        (
            {"type": "sequence", "parts": [{"duration": "20s", "curve": STEADY}, {"duration": "40s", "curve": STEADY}]},
            arrivals.Sequence((arrivals.Constant(5, 20), arrivals.Constant(5, 40))),
        ),
    ],
)
def test_each_type_builds_its_curve(table: dict[str, Any], curve: arrivals.Curve) -> None:
    assert built(**table) == curve


def test_every_curve_of_the_arrivals_package_can_be_written_in_a_scenario() -> None:
    shapes = {name for name in arrivals.__all__ if isinstance(getattr(arrivals, name), type)} - {"Curve"}
    schema = TABLE.json_schema()
    assert len(schema["discriminator"]["mapping"]) == len(shapes)


def test_a_sum_that_ends_early_is_followed_by_nothing() -> None:
    curve = built(type="sum", parts=[{"at": "10s", "duration": "10s", "curve": STEADY}])
    assert curve.duration == 60
    assert curve.expected(60) == pytest.approx(50)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"type": "sum", "parts": [{"at": "50s", "duration": "20s", "curve": STEADY}]}, "part 1 ends after"),
        ({"type": "sum", "parts": [{"at": "2m", "curve": STEADY}]}, "part 1 ends after"),
        ({"type": "sequence", "parts": [{"curve": STEADY}]}, "part 1 of the sequence needs a duration"),
        ({"type": "points", "points": [["0s", "1/s"], ["30s", "9/s"]]}, "it lasts 30.0 s, but it is to last 60.0 s"),
        ({"type": "ramp", "from": "0/s", "to": "1/s", "exponential": True}, "can neither begin nor end at 0"),
    ],
)
def test_figures_that_do_not_go_together_are_refused(table: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        built(**table)


def test_levels_are_found_wherever_they_are_with_the_path_as_written() -> None:
    table = TABLE.validate_python(
        {
            "type": "sequence",
            "parts": [{"duration": "1s", "curve": {"type": "points", "points": [["0s", 3], ["1s", "4/s"]]}}],
        }
    )
    assert [(path, level.value, level.unit) for path, level in table.levels()] == [
        (("parts", 0, "curve", "points", 0, 1), 3.0, "users"),
        (("parts", 0, "curve", "points", 1, 1), 4.0, "rate"),
    ]
