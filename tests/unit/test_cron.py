"""When schedules fall due, by the clock on the institution's wall."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.jobs.cron import CronError, after, check_cron

BERLIN, SAMARA = ZoneInfo("Europe/Berlin"), ZoneInfo("Europe/Samara")
SPRING, AUTUMN = datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 10, 24, 22, tzinfo=UTC)  # midnight in Berlin


def due(cron: str, moment: datetime, zone: ZoneInfo, number: int) -> list[str]:
    return [f"{d.astimezone(zone):%d %H:%M}" for d in islice(after(cron, moment, zone), number)]


def test_the_hour_is_the_institutions_own() -> None:
    moment = datetime(2026, 11, 20, 3, 30, tzinfo=UTC)  # 7:30 in Samara
    assert next(after("0 8 * * *", moment, SAMARA)) == datetime(2026, 11, 20, 4, tzinfo=UTC)
    assert due("15 */2 * * 1-6", moment, SAMARA, 3) == ["20 08:15", "20 10:15", "20 12:15"]
    assert due("0 6 * * 1-6", datetime(2026, 11, 21, 3, tzinfo=UTC), SAMARA, 1) == ["23 06:00"], "not on a Sunday"


@pytest.mark.parametrize(
    ("cron", "moment", "expected"),
    [
        ("30 2 * * *", SPRING, ["29 03:00", "30 02:30"]),  # there is no 2:30 on the 29th
        ("30 2 * * *", AUTUMN, ["25 02:30", "26 02:30"]),  # it is 2:30 twice on the 25th
        ("15 */2 * * *", SPRING, ["29 00:15", "29 03:00", "29 04:15"]),
        ("15 */2 * * *", AUTUMN, ["25 00:15", "25 02:15", "25 04:15"]),
        ("*/30 2 * * *", AUTUMN, ["25 02:00", "25 02:30", "26 02:00"]),
        ("0 * * * *", SPRING, ["29 01:00", "29 03:00", "29 04:00"]),
        ("0 * * * *", AUTUMN, ["25 01:00", "25 02:00", "25 02:00", "25 03:00"]),  # every hour is every hour
    ],
)
def test_an_hour_that_is_skipped_or_shown_twice_runs_once(cron: str, moment: datetime, expected: list[str]) -> None:
    assert due(cron, moment, BERLIN, len(expected)) == expected


@given(
    st.integers(0, 366 * 24 * 60),
    st.sampled_from(["30 2 * * *", "*/7 * * * *", "15 */2 * * 1-6", "*/30 1-3 * * *", "0 0 1 * *", "59 23 31 12 *"]),
)
def test_what_is_due_lies_ahead_in_order(minutes: int, cron: str) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    ahead = [moment, *islice(after(cron, moment, BERLIN), 4)]
    assert all(a < b for a, b in pairwise(ahead))


@pytest.mark.parametrize("cron", ["", "* * * *", "61 * * * *", "* * * * * *", "0 0 31 2 *", "@daily", "a b c d e"])
def test_what_is_no_cron_is_told(cron: str) -> None:
    with pytest.raises(CronError, match="cron expression"):
        check_cron(cron)
