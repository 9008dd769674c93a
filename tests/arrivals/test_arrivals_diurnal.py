from __future__ import annotations

import pytest
from curve_kit import check_curve

from llmload.arrivals.diurnal import OFFICE_DAY, OFFICE_WEEK, Diurnal

HOUR, DAY = 3600.0, 86_400.0


@pytest.mark.parametrize(
    "curve",
    [
        Diurnal(100.0, 7 * DAY),
        Diurnal(100.0, HOUR, time_scale=1 / 24),
        Diurnal(100.0, 600.0, start=5.3 * DAY, time_scale=1 / 100),
        Diurnal(1.0, 90.0, start=1800.0),
    ],
    ids=str,
)
def test_every_stretch_of_the_week_passes_the_kit(curve: Diurnal) -> None:
    check_curve(curve)


def test_full_hours_have_the_rates_of_the_shape() -> None:
    day = Diurnal(200.0, DAY, week=(1.0,) * 7)
    for hour, multiplier in enumerate(OFFICE_DAY):
        assert day.rate(hour * HOUR) == pytest.approx(200.0 * multiplier)
    assert day.rate(9.5 * HOUR) == pytest.approx(200.0 * (OFFICE_DAY[9] + OFFICE_DAY[10]) / 2)


def test_a_weekend_is_quieter_than_a_workday_and_the_next_monday_is_as_the_first() -> None:
    fortnight = Diurnal(200.0, 14 * DAY)
    noon = 12 * HOUR
    assert fortnight.rate(5 * DAY + noon) == pytest.approx(200.0 * OFFICE_DAY[12] * OFFICE_WEEK[5])
    assert fortnight.rate(7 * DAY + noon) == pytest.approx(fortnight.rate(noon))


def test_the_time_scale_puts_a_day_into_an_hour() -> None:
    day = Diurnal(100.0, DAY)
    hour = Diurnal(100.0, HOUR, time_scale=1 / 24)
    assert hour.rate(1200.0) == pytest.approx(day.rate(8 * HOUR))
    assert hour.expected(HOUR) == pytest.approx(day.expected(DAY) / 24)


def test_a_run_may_begin_at_any_hour_of_the_week() -> None:
    assert Diurnal(100.0, HOUR, start=DAY + 8.25 * HOUR).rate(0.0) == pytest.approx(
        Diurnal(100.0, 7 * DAY).rate(DAY + 8.25 * HOUR)
    )


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Diurnal(1.0, DAY, hours=(1.0,) * 23), "24 hours, not 23"),
        (lambda: Diurnal(1.0, DAY, week=(1.0,)), "7 days, not 1"),
        (lambda: Diurnal(1.0, DAY, time_scale=0.0), "time scale"),
        (lambda: Diurnal(1.0, DAY, start=-1.0), "start"),
        (lambda: Diurnal(1.0, 0.0), "duration above 0"),
    ],
)
def test_a_day_that_makes_no_sense_is_refused_in_words(make, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()
